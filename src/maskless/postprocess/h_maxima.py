"""Markers that a shallow ripple cannot make."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import reconstruction

from maskless.postprocess.binary import label
from maskless.postprocess.disk import disk

#: Rounds of growing by a pixel. Hills are rarely longer; what is left after them is done another, slower way.
ROUNDS = 64


def h_maxima(values: NDArray, mask: NDArray | None = None, *, height: float) -> NDArray[np.int32]:
    """Maxima of `values` (H, W) in `mask` (in the image, if absent) that rise by `height`, as markers.

    A maximum rises by `height` if every way from it, across the four sides of pixels and in or out of the
    mask, to anything higher first goes down by that much, in the unit of `values` (Soille 2003, section
    6.3.4); the highest of all always does. A height of 0 leaves every regional maximum. Outside the image
    there is nothing. int32 (H, W): a maximum is one marker with all pixels of its height that touch across
    a side, numbered from 1 in reading order; 0 elsewhere.
    """
    values = np.ascontiguousarray(values, np.float32)
    # At the least by what float32 can tell apart: it makes 0 the limit of small heights.
    lowered = np.minimum(values - np.float32(height), np.nextafter(values, np.float32(-np.inf)))
    highest = _reconstructed(lowered, values) == lowered
    return label(highest if mask is None else highest & np.not_equal(mask, 0))


def _reconstructed(seed: NDArray[np.float32], ceiling: NDArray[np.float32]) -> NDArray[np.float32]:
    """`seed` dilated across the four sides, under `ceiling`, until nothing changes."""
    cross = disk(1)
    for _ in range(ROUNDS):
        grown = np.minimum(cv2.dilate(seed, cross), ceiling)
        if np.array_equal(grown, seed):
            return grown
        seed = grown
    return reconstruction(seed, ceiling, footprint=cross).astype(np.float32, copy=False)
