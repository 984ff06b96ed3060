"""Batch norm's averages: how fast they follow, and how to do without them."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


def set_norm_momentum(network: nn.Module, momentum: float) -> None:
    """Give every batch norm of `network` the share that a batch has in its running averages, 0 to 1.

    A batch of few, strongly augmented crops is no fair sample: with torch's own 0.1 the averages, and the
    validation score with them, jump from one epoch to the next.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Every batch norm of `network` takes the statistics of the batch, and its running averages rest.

    In a short training the averages lag behind the weights, and a network that answers by them knows less
    than it has learnt. All other layers are left in their mode; afterwards each batch norm is as it was.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [(norm, norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for norm, training, tracked in before:
            norm.training, norm.track_running_stats = training, tracked
