"""The discriminator of pix2pix and CycleGAN: real or not, for each patch of 70x70 px by itself."""

from typing import Literal

from torch import Tensor, nn

from maskless.networks.instance_norm import InstanceNorm
from maskless.networks.pix2pix_unet import initialise

Norm = Literal["batch", "instance"]


class PatchGAN(nn.Module):
    """Images float (B, in_channels, H, W) to a score a patch, float (B, 1, H / 8 - 2, W / 8 - 2), linear.

    Isola et al. (CVPR 2017): five convolutions 4x4 with `filters` times 1, 2, 4, 8 channels and then one, the
    first three of stride 2; a norm between; a bias in the first and the last. The norm is that of the batch,
    or of each instance as in CycleGAN (Zhu et al., ICCV 2017), where every convolution has a bias. Sides are
    multiples of 8, 32 at least.
    """

    def __init__(self, in_channels: int, filters: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, filters, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *_layer(filters, 2 * filters, 2, norm),
            *_layer(2 * filters, 4 * filters, 2, norm),
            *_layer(4 * filters, 8 * filters, 1, norm),
            nn.Conv2d(8 * filters, 1, 4, padding=1),
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _layer(before: int, after: int, stride: int, norm: Norm) -> tuple[nn.Module, ...]:
    made, bias = (InstanceNorm(after), True) if norm == "instance" else (nn.BatchNorm2d(after), False)
    return nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=bias), made, nn.LeakyReLU(0.2)
