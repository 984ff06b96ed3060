"""What a region does to a label map, alike for every metric."""

import numpy as np

from maskless.metrics.labels import Inside, Labels, compact, runs


def restrict(labels: Labels, inside: Inside) -> Labels:
    """`labels` (H, W) with only what is scored left; the rest is background. Same shape and dtype.

    An object whose centroid lies outside is removed whole, then every pixel outside. The centroid is the mean
    (row, column) of the whole object, and lies outside if the pixel that it falls in does; half-way between
    two pixels it falls in the lower or right one. A removed object's pixels inside the region stay scored, as
    background.
    """
    start, length_px = runs(labels)
    ids, index = compact(labels.ravel()[start])
    row, first_column = np.divmod(start, labels.shape[1])
    column = first_column + (length_px - 1) / 2
    area_px = np.maximum(np.bincount(index, length_px, len(ids)), 1)  # 0 only for an absent background
    centre_row = np.floor(np.bincount(index, length_px * row, len(ids)) / area_px + 0.5).astype(int)
    centre_column = np.floor(np.bincount(index, length_px * column, len(ids)) / area_px + 0.5).astype(int)
    kept = np.where(inside[centre_row, centre_column], ids, 0).astype(labels.dtype)
    return np.where(inside, np.repeat(kept[index], length_px).reshape(labels.shape), 0).astype(labels.dtype)
