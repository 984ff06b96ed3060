"""The attention network of scale_attention: full resolution throughout, ever wider dilations."""

from torch import Tensor, nn

#: Of the six residual blocks. Their receptive field is 167 x 167 px.
DILATIONS = (1, 2, 3, 5, 10, 20)


class DilatedBlock(nn.Module):
    """Two dilated 3x3 convolutions, each with batch norm, and the identity beside them."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            _conv(width, width, dilation),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _conv(width, width, dilation),
            nn.BatchNorm2d(width),
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.convs(x) + x)


class DilatedAttention(nn.Module):
    """F of Sahasrabudhe et al. (MICCAI 2020): images float32 (B, 3, H, W) to confidences a (B, H, W).

    A convolution, batch norm and ReLU, six `DilatedBlock`s of `width` channels, and a 1x1 convolution to one
    channel, without activation. 445,825 parameters at the width of the published code, 64 (the paper draws 32
    and 64), and 112,321 at 32. Sides may have any length.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.network = nn.Sequential(
            _conv(3, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            *(DilatedBlock(width, dilation) for dilation in DILATIONS),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).squeeze(1)


def _conv(channels: int, out_channels: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False)
