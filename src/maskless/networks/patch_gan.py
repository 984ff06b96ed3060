"""The discriminator of pix2pix: real or not, for each patch of 70x70 px by itself."""

from torch import Tensor, nn

from maskless.networks.pix2pix_unet import initialise


class PatchGAN(nn.Module):
    """Images float (B, in_channels, H, W) to a score a patch, float (B, 1, H / 8 - 2, W / 8 - 2), linear.

    Isola et al. (CVPR 2017): five convolutions 4x4 with `filters` times 1, 2, 4, 8 channels and then one, the
    first three of stride 2; batch norm between; a bias in the first and the last alone. Sides are multiples
    of 8, 32 at least.
    """

    def __init__(self, in_channels: int, filters: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, filters, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *_layer(filters, 2 * filters, stride=2),
            *_layer(2 * filters, 4 * filters, stride=2),
            *_layer(4 * filters, 8 * filters, stride=1),
            nn.Conv2d(8 * filters, 1, 4, padding=1),
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _layer(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)
