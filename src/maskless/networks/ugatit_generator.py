"""The generator of U-GAT-IT: an image in another style, by attention and norms that are told the style."""

import torch.nn.functional as F
from torch import Tensor, is_grad_enabled, nn
from torch.utils.checkpoint import checkpoint

from maskless.errors import UserError
from maskless.networks.ada_lin import LIN, AdaLIN
from maskless.networks.class_activation import ClassActivation
from maskless.networks.held import Held
from maskless.networks.residual import ResidualBlock, downward


class UGATITGenerator(nn.Module):
    """Images (B, 3, H, W) in [-1, 1] to images in [-1, 1], logits (B, 2), a heat map (B, 1, H / 4, W / 4).

    All float32. Kim et al. (ICLR 2020), as in their published code; the logits say whether an image is of the
    domain to translate from. A layer of `size_px` / 4 squared times 4 `filters` inputs makes gamma and beta
    of an image, so it takes `size_px` x `size_px` only, unless statistics are held: then, and when `light`,
    any multiple of `multiple_px`. With 64 filters and 4 blocks of either kind, 256 px, the whole has
    278,959,808 parameters, the light version 10,589,888. `checkpointing` computes the blocks again in the
    backward pass, in place of keeping what is inside them. Raises UserError for sizes that are no such
    network, and for images of another size.
    """

    multiple_px = 4

    def __init__(
        self,
        filters: int = 64,
        blocks: int = 4,
        light: bool = False,
        size_px: int = 256,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if filters < 1 or blocks < 0 or size_px < 4 or size_px % 4:
            raise UserError(
                f"no U-GAT-IT generator has filters={filters}, blocks={blocks}, size_px={size_px}: filters "
                "is 1 or more, blocks 0 or more, size_px a multiple of 4"
            )
        channels = 4 * filters
        self.checkpointing = checkpointing
        self.down = downward(filters, bias=False, padding_mode="reflect")
        self.blocks = nn.ModuleList(ResidualBlock(channels, bias=False) for _ in range(blocks))
        self.attention = ClassActivation(channels)
        self.style = _Style(channels, None if light else size_px // 4)
        self.adaptive_blocks = nn.ModuleList(_AdaptiveBlock(channels) for _ in range(blocks))
        self.up = nn.Sequential(
            *_upward(4 * filters, 2 * filters),
            *_upward(2 * filters, filters),
            nn.Conv2d(filters, 3, 7, padding=3, padding_mode="reflect", bias=False),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.down(images)
        for block in self.blocks:
            features = self._through(block, features)
        features, logits = self.attention(features)
        features = features.relu()
        gamma, beta = self.style(features)
        heat = features.float().sum(1, keepdim=True)
        for block in self.adaptive_blocks:
            features = self._through(block, features, gamma, beta)
        # In half precision tanh would have steps of half a grey level.
        return self.up(features).float().tanh(), logits, heat

    def _through(self, block: nn.Module, *inputs: Tensor) -> Tensor:
        if self.checkpointing and is_grad_enabled():
            return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)
        return block(*inputs)


class _Style(Held):
    """Features (B, C, h, w) to gamma and beta, both (B, C); if `side` is None, of their means alone."""

    def __init__(self, channels: int, side: int | None) -> None:
        super().__init__()
        self.side = side
        self.stem = nn.Sequential(
            nn.Linear(channels * (side or 1) ** 2, channels, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels, channels, bias=False),
            nn.ReLU(inplace=True),
        )
        self.gamma = nn.Linear(channels, channels, bias=False)
        self.beta = nn.Linear(channels, channels, bias=False)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        return self.shared(features) or self._made_of(self._inputs(features))

    def pooled(self, x: Tensor) -> tuple[Tensor, ...]:
        """Of the mean image of all."""
        return self._made_of(self._inputs(x).mean(0, keepdim=True))

    def _inputs(self, features: Tensor) -> Tensor:
        if self.side is None:
            return features.mean((2, 3))
        height, width = features.shape[2:]
        if (height, width) != (self.side, self.side):
            raise UserError(
                f"this U-GAT-IT translates images of {4 * self.side}x{4 * self.side} px, not "
                f"{4 * height}x{4 * width}: cut them into such windows, or train its light version"
            )
        return features.flatten(1)

    def _made_of(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        style = self.stem(inputs)
        return self.gamma(style), self.beta(style)


class _AdaptiveBlock(nn.Module):
    """A residual block whose norms are AdaLIN."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.first_norm = AdaLIN(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.second_norm = AdaLIN(channels)

    def forward(self, features: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(features), gamma, beta), inplace=True)
        return features + self.second_norm(self.second(inner), gamma, beta)


def _upward(before: int, after: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect", bias=False)
    return nn.Upsample(scale_factor=2), convolution, LIN(after), nn.ReLU(inplace=True)
