"""Statistics of an image that can be held, so that every window of a large image is treated alike."""

import torch
from torch import Tensor, nn


class Held(nn.Module):
    """A module that takes statistics from each image of its input by itself, unless some are held.

    A class that derives from it says in `pooled` what they are for many images, and asks `shared` whether to
    take those. What is held is no part of the state, and stays on the device on which it was made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: tuple[Tensor, ...] | None = None
        self.holding = False

    def pooled(self, x: Tensor) -> tuple[Tensor, ...]:
        """The statistics of all images of `x` (B, C, H, W) as of one; they serve for any number of images."""
        raise NotImplementedError

    def shared(self, x: Tensor) -> tuple[Tensor, ...] | None:
        """What is held, without gradient; None if each image of `x` is to have its own statistics."""
        if self.holding:
            self.held = tuple(value.detach() for value in self.pooled(x))
        return self.held


@torch.no_grad()
def hold(network: nn.Module, batch: Tensor) -> None:
    """Pass `batch` (N, 3, H, W), windows of one image, through `network`, and hold the statistics of all.

    Each layer pools over the batch as if it were one image, and what follows sees it treated by that. From
    then on `network(images)` takes them for whatever image, until `release`. For a batch of one image nothing
    changes.
    """
    release(network)
    holders = _holders(network)
    for holder in holders:
        holder.holding = True
    try:
        network(batch)
    except Exception:
        release(network)
        raise
    for holder in holders:
        holder.holding = False


def release(network: nn.Module) -> None:
    """Let each image have its own statistics again."""
    for holder in _holders(network):
        holder.held, holder.holding = None, False


def _holders(network: nn.Module) -> list[Held]:
    return [module for module in network.modules() if isinstance(module, Held)]
