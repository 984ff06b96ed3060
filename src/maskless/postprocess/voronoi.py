"""Touching nuclei, parted half-way between their markers."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def voronoi(markers: NDArray, mask: NDArray | None = None) -> NDArray[np.int32]:
    """Each pixel of `mask` (of the image, if absent) to the nearest marker, in a straight line.

    `markers` are positive ids (H, W), each of one pixel or more, in or out of the mask; the distance is the
    exact Euclidean one between centres of pixels, to the nearest pixel of a marker. Equally near markers: one
    of them, always the same one. int32 (H, W) with the markers' ids, 0 outside the mask, and all 0 without
    markers. What lies between is not asked, so a piece of the mask without a marker goes to a neighbour's;
    `mark_unmarked` first makes it a nucleus of its own. Outside the image there are no markers.
    """
    markers = np.asarray(markers, np.int32)
    if not markers.any():
        return np.zeros(markers.shape, np.int32)
    nearest = ndimage.distance_transform_edt(markers == 0, return_distances=False, return_indices=True)
    cells = markers[tuple(nearest)]
    return cells if mask is None else np.where(np.not_equal(mask, 0), cells, 0).astype(np.int32, copy=False)
