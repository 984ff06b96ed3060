"""The colour scale of an image, sigma_k: how much colours differ between neighbouring pixels near nuclei.

The adaptive scaling of Liu et al. (ISBI 2022), which makes one weight of colour against distance fit images
of strong and of faint stain.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

#: Pixels are neighbours up to so many rows and columns apart: a 9 x 9 neighbourhood.
REACH_PX = 4
#: Rows that are looked at together, so that what is being worked on stays in the processor's cache.
_STRIP_ROWS = 32


def colour_scale(
    image: NDArray[np.uint8],
    points: NDArray[np.integer],
    *,
    patch_px: int,
    inside: NDArray[np.bool_] | None = None,
) -> float:
    """The standard deviation of colour distances between neighbours near the points, to 4 decimals.

    `image` is RGB, uint8 (H, W, 3); `points` the pixels (row, column) of points in it, whole numbers (N, 2).
    Over all ordered pairs (p, q) of two pixels at most 4 rows and 4 columns apart, q in a box of `patch_px` x
    `patch_px` around a point, it is the population standard deviation of the Euclidean distance of their
    colours in RGB from 0 to 1: between 0 and 0.87. A pair counts once, in however many boxes q lies. 0 if
    there is no pair. With `inside`, bool (H, W), only pairs of pixels for which it is true count.
    """
    near = _boxes(points, image.shape[:2], patch_px)
    planes = np.ascontiguousarray(np.moveaxis(image, -1, 0)).astype(np.float32)
    # Pairs come as (p, q) and (q, p) of one distance, which counts once for each end that lies in a box.
    offsets = [
        (down, right) for down in range(REACH_PX + 1) for right in range(-REACH_PX, REACH_PX + 1)
        if (down, right) > (0, 0)
    ]  # fmt: skip
    moments = np.zeros(3)
    for top in range(0, image.shape[0], _STRIP_ROWS):
        for down, right in offsets:
            moments += _moments(planes, near, inside, slice(top, top + _STRIP_ROWS), down, right)
    count, total, squares = moments
    if not count:
        return 0.0
    variance = max(squares / count - (total / count) ** 2, 0)
    return round(float(np.sqrt(variance)) / 255, 4)


def _boxes(points: NDArray[np.integer], size: tuple[int, ...], patch_px: int) -> NDArray[np.float32]:
    """1 in the box around any point, else 0; of an even box the longer half lies above and left."""
    dots = np.zeros(size, np.uint8)
    dots[points[:, 0], points[:, 1]] = 1
    anchor = ((patch_px - 1) // 2, (patch_px - 1) // 2)
    return cv2.dilate(dots, np.ones((patch_px, patch_px), np.uint8), anchor=anchor).astype(np.float32)


def _moments(
    planes: NDArray[np.float32],
    near: NDArray[np.float32],
    inside: NDArray[np.bool_] | None,
    rows: slice,
    down: int,
    right: int,
) -> NDArray[np.float64]:
    """Count, sum and sum of squares of the distances from pixels in `rows` to those at an offset."""
    height, width = near.shape
    rows = slice(rows.start, max(min(rows.stop, height - down), rows.start))
    here = rows, slice(max(-right, 0), max(width - max(right, 0), 0))
    there = slice(rows.start + down, rows.stop + down), slice(max(right, 0), max(width + min(right, 0), 0))
    squared = np.zeros(near[here].shape, np.float32)
    for plane in planes:
        difference = plane[here] - plane[there]
        squared += difference * difference
    ends = (near[here] + near[there]).ravel().astype(np.float64)
    if inside is not None:
        ends *= (inside[here] & inside[there]).ravel()
    distances = np.sqrt(squared).ravel().astype(np.float64)
    weighted = ends * distances
    return np.array([ends.sum(), weighted.sum(), weighted @ distances])
