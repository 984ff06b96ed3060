"""Masks from maps and masks from masks. A mask is bool (H, W) on the way out, and anything that is non-zero
where it is set on the way in. Pixels are connected across their four sides unless it says otherwise."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def binarise(values: NDArray, *, above: float) -> Mask:
    """Where `values` (H, W) lie strictly above a value."""
    return np.asarray(values > above)


def hysteresis(values: NDArray, *, low: float, high: float) -> Mask:
    """The connected pieces of `values` (H, W) above `low` that hold a pixel above `high`, both strictly.

    After Canny (IEEE PAMI 8, 1986). What is beyond the image connects nothing.
    """
    pieces = label(values > low)
    kept = np.zeros(pieces.max(initial=0) + 1, bool)
    kept[pieces[values > high]] = True
    kept[0] = False
    return kept[pieces]


def remove_small(mask: NDArray, *, min_area_px: int, neighbours: Literal[4, 8] = 4) -> Mask:
    """`mask` without its connected pieces of fewer than `min_area_px` pixels inside the image.

    `neighbours` is 4 (across sides) or 8 (across corners too).
    """
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        _uint8(mask), connectivity=neighbours, ltype=cv2.CV_32S
    )
    keep = stats[:, cv2.CC_STAT_AREA] >= min_area_px
    keep[0] = False
    return keep[pieces]


def fill_holes(mask: NDArray, *, max_area_px: int | None = None) -> Mask:
    """`mask` with its holes set: all of them, or those of at most `max_area_px` pixels.

    A hole is a connected piece of background that does not reach the border of the image.
    """
    filled = _uint8(mask)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(1 - filled, connectivity=4, ltype=cv2.CV_32S)
    left, top, width, height, area = stats.T
    rows, columns = filled.shape
    hole = (left > 0) & (top > 0) & (left + width < columns) & (top + height < rows)
    if max_area_px is not None:
        hole &= area <= max_area_px
    hole[0] = True  # piece 0 is the mask itself
    return hole[pieces]


def label(mask: NDArray, *, neighbours: Literal[4, 8] = 4) -> NDArray[np.int32]:
    """Connected pieces of `mask`, numbered from 1 by their first pixel in reading order; int32 (H, W).

    `neighbours` is 4 (across sides) or 8 (across corners too).
    """
    _, pieces = cv2.connectedComponentsWithAlgorithm(_uint8(mask), neighbours, cv2.CV_32S, cv2.CCL_WU)
    return pieces.astype(np.int32, copy=False)


def as_labels(numbers: NDArray) -> NDArray[np.int32]:
    """A map (H, W) that holds the number of each pixel's nucleus, 0 = background, as labels, int32."""
    return np.rint(numbers).astype(np.int32)


def _uint8(mask: NDArray) -> NDArray[np.uint8]:
    return np.not_equal(mask, 0).view(np.uint8)
