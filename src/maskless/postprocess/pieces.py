"""Connected pieces of label maps, where ids that touch stay apart."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from skimage import measure


def pieces(labels: NDArray, *, neighbours: Literal[4, 8] = 4) -> NDArray[np.int32]:
    """Every connected piece of one id as an id of its own: int32 (H, W), numbered in reading order.

    `labels` is a label map (H, W), 0 = background, which stays 0. `neighbours` is 4 (across sides) or 8
    (across corners too).
    """
    labels = np.asarray(labels)
    return measure.label(labels, background=0, connectivity={4: 1, 8: 2}[neighbours]).astype(np.int32)


def absorb_small(labels: NDArray, *, min_area_px: int) -> NDArray[np.int32]:
    """Ids of fewer than `min_area_px` pixels go to the neighbour that they touch most, or away.

    `labels` is a label map (H, W), 0 = background. A neighbour is an id of `min_area_px` or more that shares
    a side of a pixel; of those touched along equally many sides, the lowest. An id without one becomes
    background. int32 (H, W), the other ids as they were.
    """
    labels = np.asarray(labels, np.int32)
    area_px = np.bincount(labels.ravel(), minlength=1)
    small = area_px < min_area_px
    small[0] = False
    becomes = np.where(small, 0, np.arange(len(area_px)))
    pairs, sides = _touching(labels)
    kept = small[pairs[:, 0]] & ~small[pairs[:, 1]]
    pairs, sides = pairs[kept], sides[kept]
    # Written from the least to the most contact, and from the highest to the lowest id: the last one stays.
    order = np.lexsort((-pairs[:, 1], sides))
    becomes[pairs[order, 0]] = pairs[order, 1]
    return becomes.astype(np.int32)[labels]


def _touching(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ordered pairs (P, 2) of ids that share sides of pixels, and how many sides (P,)."""
    beside = (labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])
    one = np.concatenate([np.concatenate([a.ravel(), b.ravel()]) for a, b in beside])
    other = np.concatenate([np.concatenate([b.ravel(), a.ravel()]) for a, b in beside])
    apart = (one != other) & (one > 0) & (other > 0)
    base = int(labels.max(initial=0)) + 1
    codes, sides = np.unique(one[apart].astype(np.int64) * base + other[apart], return_counts=True)
    return np.stack([codes // base, codes % base], axis=1), sides
