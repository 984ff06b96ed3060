"""A U-Net with a ResNet-34 encoder, as SPN and IEN have it (Liu et al., ISBI 2022)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.nets.resnet import ResNet
from torch import Tensor, nn


class Projection(nn.Conv2d):
    """The 1x1 convolution of a strided shortcut: float (B, C, H, W) to (B, 2C, H / stride, W / stride).

    oneDNN's gradient of a strided 1x1 convolution writes beyond its memory where images have the channels
    last and fewer of them than a vector has floats (16 with AVX-512, 8 with AVX2): processes die, or go on
    with wrong gradients (https://github.com/uxlfoundation/oneDNN/issues/6035). The pixels between are dropped
    before a convolution so narrow; a wider one is left as it is, which is twice as fast.
    """

    def __init__(self, of: nn.Conv2d) -> None:
        super().__init__(of.in_channels, of.out_channels, 1, of.stride[0], bias=False, device="meta")
        self.weight = of.weight  # drawn already: a second draw would change every network of a seed

    def forward(self, x: Tensor) -> Tensor:
        if self.in_channels >= 16:
            return super().forward(x)
        down, right = self.stride
        return F.conv2d(x[..., ::down, ::right], self.weight)


class ResNetEncoder(ResNet):
    """ResNet-34 without its classifier; weights are named as in torchvision's published file.

    `width` is the number of channels of the stem (64 in the paper; less makes a small network), `layers` the
    residual blocks of each layer (2, 2, 2, 2 make a ResNet-18).
    `encoder(images)` takes float32 (B, 3, H, W) and gives the five maps c1 (after the stem's ReLU, 1/2 of
    the side), c2 to c5 (after layers 1 to 4, 1/4 to 1/32).
    """

    def __init__(self, width: int = 64, layers: Sequence[int] = (3, 4, 6, 3)) -> None:
        channels = [width, 2 * width, 4 * width, 8 * width]
        super().__init__(
            "basic",
            list(layers),
            channels,
            spatial_dims=2,
            n_input_channels=3,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        for layer in (self.layer2, self.layer3, self.layer4):
            shortcut = layer.get_submodule("0.downsample")
            assert isinstance(shortcut, nn.Sequential)
            assert isinstance(shortcut[0], nn.Conv2d)
            shortcut[0] = Projection(shortcut[0])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        c1 = self.act(self.bn1(self.conv1(images)))
        c2 = self.layer1(self.maxpool(c1))
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return c1, c2, c3, c4, self.layer4(c4)


class DecoderBlock(nn.Module):
    """Transposed 2x2 convolution that halves the channels, the skip beside it, then two convolutions."""

    def __init__(self, channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, channels // 2, 2, stride=2)
        self.convs = nn.Sequential(
            *self._conv(channels // 2 + skip_channels, out_channels), *self._conv(out_channels, out_channels)
        )

    @staticmethod
    def _conv(channels: int, out_channels: int) -> list[nn.Module]:
        return [
            nn.Conv2d(channels, out_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels),
            nn.Dropout2d(0.1),
        ]

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.convs(torch.cat([self.up(x), skip], dim=1))


class ResNetUNet(nn.Module):
    """`network(images)`: float32 (B, 3, H, W) to float32 (B, out_channels, H, W), no activation.

    H and W must be multiples of `multiple`. With the paper's width of 64 the encoder has 21,284,672
    parameters and the whole network 24,415,714 for two output channels.
    """

    multiple = 32

    def __init__(self, out_channels: int, width: int = 64) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(width)
        self.blocks = nn.ModuleList(
            [
                DecoderBlock(8 * width, 4 * width, 4 * width),
                DecoderBlock(4 * width, 2 * width, 2 * width),
                DecoderBlock(2 * width, width, width),
                DecoderBlock(width, width, width),
            ]
        )
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        *skips, x = self.encoder(images)
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            x = block(x, skip)
        return self.head(self.up(x))
