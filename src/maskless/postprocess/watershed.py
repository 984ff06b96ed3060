"""Touching nuclei, parted along the ridges between their markers."""

import numpy as np
from numpy.typing import NDArray
from skimage import segmentation


def watershed(relief: NDArray, markers: NDArray, mask: NDArray | None = None) -> NDArray[np.int32]:
    """Flood `relief` from `markers` inside `mask`: each pixel goes to the marker that reaches it first.

    `relief` is real (H, W) and flooded from low to high, across the four sides; `markers` are positive ids
    (H, W), those outside the mask are ignored; the result is int32 (H, W) with the markers' ids, 0 outside
    the mask (the whole image, if absent) and in its pieces without a marker. No line is left between
    neighbours.
    """
    inside = None if mask is None else np.not_equal(mask, 0)
    return segmentation.watershed(relief, markers, mask=inside).astype(np.int32, copy=False)
