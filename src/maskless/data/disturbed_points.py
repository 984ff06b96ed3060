"""Points as a less careful person would have set them: some left out, the others a little off."""

from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.address import generator
from maskless.errors import UserError


def disturbed_points(
    points: ArrayLike, size: tuple[int, int], *, keep: float, jitter_px: float, seed: int
) -> NDArray[np.float64]:
    """A fraction `keep` of the points, to the nearest whole number of them, each moved; float64 (M, 2).

    `points` are (row, column) in px, (N, 2), in an image of `size` (H, W). Row and column each move by a
    normal draw of standard deviation `jitter_px`, but not out of the image. What is drawn is a function of
    `seed` and of the points themselves, so whoever disturbs the same points gets the same ones; a smaller
    `keep` keeps some of those that a larger one keeps, moved alike. The order stays.
    """
    found = np.asarray(points, np.float64).reshape(-1, 2)
    if keep == 1 and jitter_px == 0:
        return found
    random = generator(seed, "points", sha256(found.tobytes()).hexdigest())
    order = random.permutation(len(found))
    moved = found + jitter_px * random.standard_normal(found.shape)
    # A point that was outside before stays so: whoever cannot use it leaves it out.
    inside = ((np.rint(found) >= 0) & (np.rint(found) < size)).all(axis=1, keepdims=True)
    moved = np.where(inside, np.clip(moved, 0, np.subtract(size, 1)), found)
    return moved[np.sort(order[: round(keep * len(found))])]


def check_disturbance(who: str, keep: float, jitter_px: float, seed: int) -> None:
    """Raise UserError, naming `who`, if these are no such arguments of `disturbed_points`."""
    if not 0 < keep <= 1:
        raise UserError(f"{who} keeps a fraction of the points above 0 and up to 1, not keep={keep}")
    if not 0 <= jitter_px < np.inf:
        raise UserError(f"{who} moves points by jitter_px=0 or more, not {jitter_px}")
    if not 0 <= seed < 2**32:
        raise UserError(f"{who} draws with a seed from 0 to 2^32 - 1, not {seed}")
