"""CoordConv: a convolution that is told where each pixel is (Liu et al., NeurIPS 2018)."""

import torch
from torch import Tensor, nn


class CoordConv(nn.Module):
    """A 1x1 convolution with bias over the coordinates and the channels of an image.

    `layer(images)` takes float (B, in_channels, H, W) to float (B, out_channels, H, W) in the same memory
    layout. The weights are in the order y, x, channels.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 + in_channels, out_channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        batch, _, height, width = images.shape
        where = coordinates(height, width, dtype=images.dtype, device=images.device)
        told = torch.cat([where.expand(batch, -1, -1, -1), images], dim=1)
        if images.is_contiguous(memory_format=torch.channels_last):
            # `cat` does not see this layout, because the coordinates are the same memory for all images.
            told = told.contiguous(memory_format=torch.channels_last)
        return self.conv(told)


def coordinates(
    height: int, width: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """The row (y) and the column (x) of every pixel, float (2, H, W), from -1 (first) to 1 (last).

    A single row or column is 0. Made on `device`, without the host having to wait for it.
    """
    y, x = (_axis(length, dtype, device) for length in (height, width))
    return torch.stack([y.unsqueeze(1).expand(height, width), x.expand(height, width)])


def _axis(length: int, dtype: torch.dtype | None, device: torch.device | None) -> Tensor:
    if length == 1:
        return torch.zeros(1, dtype=dtype, device=device)
    return torch.linspace(-1, 1, length, dtype=dtype, device=device)
