"""The generator of CycleGAN: an image in another style, through residual blocks at a quarter of its side."""

from torch import Tensor, nn

from maskless.errors import UserError
from maskless.networks.instance_norm import InstanceNorm
from maskless.networks.pix2pix_unet import initialise
from maskless.networks.residual import ResidualBlock, downward


class ResNetGenerator(nn.Module):
    """Images float (B, 3, H, W) in [-1, 1] to images float32 (B, 3, H, W) in [-1, 1].

    Sides are multiples of `multiple_px`. Zhu et al. (ICCV 2017), as in their published code: two halvings,
    `blocks` residual blocks of 4 `filters` channels, two transposed convolutions and tanh; instance norm
    after every convolution but the last, and a bias in each. The authors' 64 filters and 9 blocks have
    11,378,179 parameters. Raises UserError for sizes that are no such network.
    """

    multiple_px = 4

    def __init__(self, filters: int = 64, blocks: int = 9) -> None:
        super().__init__()
        if filters < 1 or blocks < 0:
            raise UserError(
                f"no ResNet generator has filters={filters}, blocks={blocks}: filters is 1 or more, "
                "blocks 0 or more"
            )
        self.layers = nn.Sequential(
            *downward(filters, bias=True, padding_mode="zeros"),
            *(ResidualBlock(4 * filters, bias=True) for _ in range(blocks)),
            *_upward(4 * filters, 2 * filters),
            *_upward(2 * filters, filters),
            nn.Conv2d(filters, 3, 7, padding=3, padding_mode="reflect"),
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        # In half precision tanh would have steps of half a grey level.
        return self.layers(images).float().tanh()


def _upward(before: int, after: int) -> tuple[nn.Module, ...]:
    convolution = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
    return convolution, InstanceNorm(after), nn.ReLU(inplace=True)
