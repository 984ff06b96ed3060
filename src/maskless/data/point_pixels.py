"""The pixels that points lie in."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.errors import UserError


def point_pixels(points: ArrayLike, size: tuple[int, int]) -> NDArray[np.int64]:
    """The nearest pixel of each point, once, in reading order: int64 (M, 2), (row, column).

    `points` are (row, column) in px, (N, 2). Those outside an image of `size` (H, W) are left out, and those
    in one pixel become one. Raises UserError for what are no points, or not finite.
    """
    found = np.asarray(points, np.float64)
    if found.size == 0:
        return np.zeros((0, 2), np.int64)
    if found.ndim != 2 or found.shape[1] != 2:
        raise UserError(f"points must have the shape (N, 2), a row and a column each, not {found.shape}")
    if not np.isfinite(found).all():
        first = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise UserError(f"point {first} lies at {found[first].tolist()}, which is nowhere: mend or remove it")
    found = np.rint(found)
    inside = ((found >= 0) & (found < size)).all(axis=1)
    return np.unique(found[inside].astype(np.int64), axis=0)
