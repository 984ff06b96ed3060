"""Instance norm: each channel of each image has mean 0 and variance 1."""

import torch
import torch.nn.functional as F
from torch import Tensor

from maskless.networks.held import Held


class InstanceNorm(Held):
    """Float (B, channels, H, W) to the same shape and type, of two pixels at least; variances are biased.

    Without weights and without running averages. Statistics are in float32, whatever comes in, and can be
    held.
    """

    eps = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def extra_repr(self) -> str:
        return str(self.channels)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.shared(x)
        if shared is None:
            return F.instance_norm(x, eps=self.eps)
        mean, variance = shared
        return F.batch_norm(x, mean, variance, eps=self.eps)

    def pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel, float32 (channels,)."""
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        return mean, variance
