"""The symmetries of the square by which equivariance is asked for, on the last two axes of a tensor."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Symmetry(NamedTuple):
    """A transform of (..., H, W) and the one that undoes it."""

    apply: Callable[[Tensor], Tensor]
    undo: Callable[[Tensor], Tensor]


def _rotation(quarters: int) -> Symmetry:
    return Symmetry(
        lambda x: torch.rot90(x, quarters, (-2, -1)), lambda x: torch.rot90(x, -quarters, (-2, -1))
    )


def _own_inverse(transform: Callable[[Tensor], Tensor]) -> Symmetry:
    return Symmetry(transform, transform)


#: T of Sahasrabudhe et al. (MICCAI 2020): two flips, the transpose, three rotations (counter-clockwise).
SYMMETRIES: tuple[Symmetry, ...] = (
    _own_inverse(lambda x: x.flip(-1)),
    _own_inverse(lambda x: x.flip(-2)),
    _own_inverse(lambda x: x.transpose(-2, -1)),
    _rotation(1),
    _rotation(2),
    _rotation(3),
)
