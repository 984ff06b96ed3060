"""How fast the running averages of batch norm follow."""

from torch import nn


def set_norm_momentum(network: nn.Module, momentum: float) -> None:
    """Give every batch norm of `network` the share that a batch has in its running averages, 0 to 1.

    A batch of few, strongly augmented crops is no fair sample: with torch's own 0.1 the averages, and the
    validation score with them, jump from one epoch to the next.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum
