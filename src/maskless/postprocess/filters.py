"""Smoothing and thresholds that an image chooses itself."""

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_multiotsu, threshold_otsu


def gaussian(values: NDArray, *, sigma_px: float, radius_px: int | None = None) -> NDArray[np.float32]:
    """Gaussian blur, float32 (H, W), cut off at `radius_px` (at four sigma, if null); the image is mirrored
    at its border (edge pixels twice). A sigma of 0 changes nothing."""
    values = np.array(values, np.float32, order="C")
    if sigma_px == 0:
        return values
    size = 2 * (math.ceil(4 * sigma_px) if radius_px is None else radius_px) + 1
    blurred = cv2.GaussianBlur(values, (size, size), sigma_px, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def median(values: NDArray, *, radius_px: int) -> NDArray:
    """Median over the square of side 2r + 1 around each pixel, in the dtype of `values` (H, W); the image
    is mirrored at its border (edge pixels twice)."""
    side = 2 * radius_px + 1
    if values.dtype == bool:  # the median of a mask is its majority, which a box sum counts much faster
        count = cv2.boxFilter(
            values.view(np.uint8), cv2.CV_32S, (side, side), normalize=False, borderType=cv2.BORDER_REFLECT
        )
        return count > side * side // 2
    if (
        values.dtype == np.float16
    ):  # SciPy knows no float16; a median is one of the values, so none is rounded
        return ndimage.median_filter(values.astype(np.float32), size=side, mode="reflect").astype(np.float16)
    return ndimage.median_filter(values, size=side, mode="reflect")


def otsu(values: NDArray, *, classes: Literal[2, 3, 4] = 2) -> NDArray[np.bool_]:
    """All but the darkest of Otsu's classes over 256 bins (IEEE Trans. SMC 9, 1979): bool (H, W).

    `values` are real (H, W) and finite. Where all are equal, but for rounding, there is no brighter class
    and nothing is set; where there are fewer values than `classes`, each is a class.
    """
    if values.dtype == np.float16:  # too coarse for 256 bins, and it overflows in the sums
        values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-5 * max(abs(low), abs(high)):
        return np.zeros(values.shape, bool)
    if classes == 2:
        return np.asarray(values > threshold_otsu(values))
    counts, edges = np.histogram(values, 256)
    levels = (edges[:-1] + edges[1:]) / 2
    fewest = min(classes, np.count_nonzero(counts))
    return np.asarray(values > threshold_multiotsu(hist=(counts, levels), classes=fewest)[0])
