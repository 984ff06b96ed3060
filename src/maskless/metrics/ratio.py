"""Ratios of counts, with a stated value where there is nothing to count."""

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ratio = NDArray[np.float64]


def ratio(part: ArrayLike, whole: ArrayLike, empty: ArrayLike = nan) -> Ratio:
    """`part` / `whole`, element by element, and `empty` where `whole` is 0. One shape, or numbers."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    out = np.array(np.broadcast_to(empty, np.broadcast(part, whole).shape), np.float64)
    return np.divide(part, whole, out=out, where=whole != 0)


def zero_or_undefined(*counts: ArrayLike) -> Ratio:
    """What a ratio of nothing is: 0 where any of the `counts` is above 0, nan where none is."""
    return np.where(np.logical_or.reduce([np.asarray(count) > 0 for count in counts]), 0.0, nan)
