"""What a region does to a label map, alike for every metric."""

import numpy as np
from numpy.typing import NDArray

from maskless.metrics.labels import Inside, Labels, compact, runs


def restrict(labels: Labels, inside: Inside) -> Labels:
    """`labels` (H, W) with only what is scored left; the rest is background. Same shape and dtype.

    An object whose centroid lies outside is removed whole, then every pixel outside. The centroid is the mean
    (row, column) of the whole object, and lies outside if the pixel that it falls in does; half-way between
    two pixels it falls in the lower or right one. A removed object's pixels inside the region stay scored, as
    background.
    """
    ids, centre, index, length_px = _centred(labels)
    row, column = np.floor(centre + 0.5).astype(int).T
    kept = np.where(inside[row, column], ids, 0).astype(labels.dtype)
    return np.where(inside, np.repeat(kept[index], length_px).reshape(labels.shape), 0).astype(labels.dtype)


def centroids(labels: Labels) -> tuple[Labels, NDArray[np.float64]]:
    """The ids of a label map (H, W), ascending, (N,), and the mean (row, column) of each, float64 (N, 2), px.

    0 is background, any other value an object, in however many pieces. The centre of the first pixel is
    (0, 0).
    """
    ids, centre, *_ = _centred(labels)
    return ids[1:], centre[1:]


def _centred(labels: Labels) -> tuple[Labels, NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The ids after a 0 that is always there, the centroid of each, and of each run its id's place and px."""
    start, length_px = runs(labels)
    ids, index = compact(labels.ravel()[start])
    row, first_column = np.divmod(start, labels.shape[1])
    column = first_column + (length_px - 1) / 2
    area_px = np.maximum(np.bincount(index, length_px, len(ids)), 1)  # 0 only for an absent background
    sums = [np.bincount(index, length_px * place, len(ids)) for place in (row, column)]
    return ids, np.stack(sums, axis=1) / area_px[:, None], index, length_px
