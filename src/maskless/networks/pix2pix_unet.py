"""The U-Net of pix2pix: halved until nothing is left of the sides, and back, with skips."""

import torch
from torch import Tensor, nn

from maskless.errors import UserError


class Pix2PixUNet(nn.Module):
    """Images float (B, in_channels, H, W) to maps (B, out_channels, H, W), linear.

    Sides are multiples of 2^depth. Isola et al. (CVPR 2017), as in their published code: `depth` convolutions
    4x4 of stride 2 down, with `filters` channels, twice as many a level and at most eight times as many, and
    as many transposed ones up, each given what the level had on the way down. `depth` is 8 for 256 px; batch
    norm everywhere but in the outermost levels and at the bottom. `dropout` ends the ups of most channels but
    the first; no convolution has a bias but the last. Raises UserError for sizes that are no such network.
    """

    def __init__(
        self, in_channels: int, out_channels: int, filters: int = 64, dropout: float = 0.5, depth: int = 8
    ) -> None:
        super().__init__()
        if filters < 1 or depth < 5 or not 0 <= dropout < 1:
            raise UserError(
                f"no pix2pix U-Net has filters={filters}, depth={depth}, dropout={dropout}: filters "
                "is 1 or more, depth 5 or more, dropout at least 0 and below 1"
            )
        channels = [filters * min(2**level, 8) for level in range(depth)]
        self.downs = nn.ModuleList(
            _down(before, after, first=level == 0, last=level == depth - 1)
            for level, (before, after) in enumerate(zip([in_channels, *channels], channels, strict=False))
        )
        self.ups = nn.ModuleList(
            # Behind the bottom, the channels from below and as many from the skip.
            _up(
                channels[level] * (1 if level == depth - 1 else 2),
                channels[level - 1],
                dropout if 4 <= level < depth - 1 else 0.0,
            )
            for level in reversed(range(1, depth))
        )
        self.ups.append(
            nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * filters, out_channels, 4, stride=2, padding=1))
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        skips: list[Tensor] = []
        features = images
        for down in self.downs:
            features = down(features)
            skips.append(features)
        features = self.ups[0](skips.pop())
        for up in list(self.ups)[1:]:
            features = up(torch.cat([skips.pop(), features], dim=1))
        return features


def initialise(network: nn.Module) -> None:
    """Draw weights as pix2pix does: convolutions N(0, 0.02), batch norm N(1, 0.02), no biases."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def _down(before: int, after: int, *, first: bool, last: bool) -> nn.Sequential:
    # Not in place: what goes in is also a skip.
    activation = [] if first else [nn.LeakyReLU(0.2)]
    norm = [] if first or last else [nn.BatchNorm2d(after)]
    return nn.Sequential(*activation, nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False), *norm)


def _up(before: int, after: int, dropout: float) -> nn.Sequential:
    convolution = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    end = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(after), *end)
