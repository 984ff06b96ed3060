"""Markers that a shallow ripple cannot make."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import local_maxima, reconstruction

from maskless.postprocess.binary import label
from maskless.postprocess.disk import disk

#: Rounds of growing by a pixel. Hills are rarely longer; what is left after them is done another, slower way.
ROUNDS = 64


def h_maxima(values: NDArray, mask: NDArray | None = None, *, height: float) -> NDArray[np.int32]:
    """The extended maxima of `values` (H, W) at `height`, as markers (Soille 2003, section 6.3.4).

    They are the regional maxima of the reconstruction by dilation of `values` - `height` under `values`,
    across the four sides of pixels. So a marker is a maximum with all that can be reached from it without
    going down by more than `height`, in the unit of `values`: equal maxima, and nearly equal ones, with no
    deeper valley between them are one marker. A maximum from which that reaches anything higher is none; the
    highest of all always is one. A height of 0 leaves every regional maximum. Outside the image there is
    nothing.

    What lies outside `mask` (H, W) is taken off the markers in the end, and one that it cuts becomes several;
    what can be reached does not depend on it. Values are compared in float32. int32 (H, W): the markers are
    numbered from 1 in reading order; 0 elsewhere.
    """
    values = np.ascontiguousarray(values, np.float32)
    levelled = _reconstructed(values - np.float32(height), values)
    # With nothing around it, for scikit-image finds no maximum in an image that is all of one height.
    highest = local_maxima(np.pad(levelled, 1, constant_values=-np.inf), connectivity=1)[1:-1, 1:-1]
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
