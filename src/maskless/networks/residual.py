"""What the generators of CycleGAN and of U-GAT-IT begin with: down to a quarter of the side, and blocks."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from maskless.networks.instance_norm import InstanceNorm


def downward(filters: int, *, bias: bool, padding_mode: Literal["zeros", "reflect"]) -> nn.Sequential:
    """Images (B, 3, H, W) to features (B, 4 filters, H / 4, W / 4); sides are multiples of 4.

    A convolution 7x7 behind a reflected border, and two 3x3 of stride 2 that pad by `padding_mode`; instance
    norm and ReLU after each.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(3, filters, 7, padding=3, padding_mode="reflect", bias=bias),
        InstanceNorm(filters),
        nn.ReLU(inplace=True),
    ]
    for before in (filters, 2 * filters):
        layers += [
            nn.Conv2d(before, 2 * before, 3, stride=2, padding=1, padding_mode=padding_mode, bias=bias),
            InstanceNorm(2 * before),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class ResidualBlock(nn.Module):
    """Adds to features (B, channels, H, W) what two convolutions 3x3 make of them.

    Borders are reflected; instance norm after both, ReLU between.
    """

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=bias)
        self.first_norm = InstanceNorm(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=bias)
        self.second_norm = InstanceNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(features)), inplace=True)
        return features + self.second_norm(self.second(inner))
