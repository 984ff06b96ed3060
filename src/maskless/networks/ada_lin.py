"""Norms between that of the instance and that of the layer, by a share that is learnt for each channel."""

import torch
from torch import Tensor, nn

from maskless.networks.held import Held

_EPS = 1e-5


class AdaLIN(Held):
    """gamma [rho IN(x) + (1 - rho) LN(x)] + beta: float (B, channels, H, W) to the same shape and type.

    `gamma` and `beta` are (B, channels), or (1, channels) for all images. Kim et al. (ICLR 2020), eq. 1, with
    unbiased variances and eps 1e-5 below the root; rho starts at 0.9. Computed in float32; the statistics can
    be held.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((channels,), 0.9))

    def pooled(self, x: Tensor) -> tuple[Tensor, ...]:
        return _statistics(x, pooled=True)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return _normed(x, self.shared(x), self.rho, gamma, beta)


class LIN(Held):
    """AdaLIN with its own gamma, 1 at the start, and beta, 0; rho starts at 0, which is layer norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.zeros(channels))
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def pooled(self, x: Tensor) -> tuple[Tensor, ...]:
        return _statistics(x, pooled=True)

    def forward(self, x: Tensor) -> Tensor:
        return _normed(x, self.shared(x), self.rho, self.gamma[None], self.beta[None])


@torch.no_grad()
def clip_rho(network: nn.Module) -> None:
    """Bring every rho of `network` back to [0, 1], as after each step of the generators."""
    for module in network.modules():
        if isinstance(module, AdaLIN | LIN):
            module.rho.clamp_(0, 1)


def _normed(x: Tensor, shared: tuple[Tensor, ...] | None, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """AdaLIN by the `shared` statistics, or by each image's own; gamma and beta (B or 1, channels)."""
    mean, variance, layer_mean, layer_variance = shared or _statistics(x, pooled=False)
    # All of it is one slope and one offset a channel, so the pixels are gone through once.
    of_instance = rho * (variance + _EPS).rsqrt()
    of_layer = (1 - rho) * (layer_variance + _EPS).rsqrt()
    slope = gamma.float() * (of_instance + of_layer)
    offset = beta.float() - gamma.float() * (of_instance * mean + of_layer * layer_mean)
    return torch.addcmul(offset[:, :, None, None], x.float(), slope[:, :, None, None]).to(x.dtype)


def _statistics(x: Tensor, *, pooled: bool) -> tuple[Tensor, ...]:
    """Mean and unbiased variance of each channel (B, C) and of all of them (B, 1); if `pooled`, B is 1."""
    variance, mean = torch.var_mean(x.float(), (0, 2, 3) if pooled else (2, 3))
    variance, mean = variance.view(-1, x.shape[1]), mean.view(-1, x.shape[1])
    pixels = x.numel() // mean.numel()
    layer_mean = mean.mean(1, keepdim=True)
    # The squares within the channels and those between them, so the pixels are gone through once.
    squares = (pixels - 1) * variance + pixels * (mean - layer_mean).square()
    return mean, variance, layer_mean, squares.sum(1, keepdim=True) / (pixels * x.shape[1] - 1)
