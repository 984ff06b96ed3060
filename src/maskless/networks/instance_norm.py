"""Instance norm: each channel of each image has mean 0 and variance 1."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

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
        if shared is not None:
            mean, variance = shared
            return F.batch_norm(x, mean, variance, eps=self.eps)
        several = x.shape[2:].numel() > 1  # of one pixel torch says what is wrong
        if several and x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last):
            return _ChannelsLast.apply(x, self.eps)
        return F.instance_norm(x, eps=self.eps)

    def pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel, float32 (channels,)."""
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        return mean, variance


class _ChannelsLast(torch.autograd.Function):
    """What F.instance_norm computes, in the order in memory that x (B, C, H, W) has.

    That function copies the image into planes and leaves it so, and every convolution that follows copies it
    back: a fifth of the time of a step on a processor. y = (x - mean) s with s = (variance + eps)^-1/2, and
    dL/dx = s (dy - mean(dy) - y mean(dy y)), the means over the pixels of a channel.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        mean = _wide(x).mean((2, 3), keepdim=True)
        y = _wide(x) - mean
        scale = (y.square().mean((2, 3), keepdim=True) + eps).rsqrt_()
        # Not y, which is changed in place by what follows.
        ctx.save_for_backward(x, mean, scale)
        return y.mul_(scale).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_y: Tensor) -> tuple[Tensor, None]:
        x, mean, scale = ctx.saved_tensors
        y, gradient = (_wide(x) - mean).mul_(scale), _wide(of_y[0])
        along = (gradient * y).mean((2, 3), keepdim=True)
        of_x = gradient - gradient.mean((2, 3), keepdim=True)
        return of_x.addcmul_(y, along, value=-1).mul_(scale).to(x.dtype), None


def _wide(x: Tensor) -> Tensor:
    """In float32 at least."""
    return x if x.dtype == torch.float64 else x.float()
