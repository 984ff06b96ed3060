"""How the published code of Liu et al. (ISBI 2022) cuts an image into windows and joins their instances.

Windows of 224 px start every 224 - overlap px; the image is padded with zeros below and on the right to the
end of the last one. A window's centre part is the window less half of the overlap at each side that another
window is on. Our own windows and seams (`MapSegmenter`, join='own') are measured against this.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

SIDE_PX = 224


def starts_px(length_px: int, overlap_px: int) -> list[int]:
    """Where windows start along an axis of `length_px`: 7 on 1,000 px at an overlap of 80, 9 at 120."""
    step = SIDE_PX - overlap_px
    return [step * k for k in range(max(0, -(-(length_px - SIDE_PX) // step)) + 1)]


def windows(image: NDArray, overlap_px: int) -> list[NDArray]:
    """The windows (224, 224, ...) of an image (H, W, ...) in raster order."""
    rows, columns = (starts_px(length, overlap_px) for length in image.shape[:2])
    behind = rows[-1] + SIDE_PX - image.shape[0], columns[-1] + SIDE_PX - image.shape[1]
    padded = np.pad(image, [(0, max(0, px)) for px in behind] + [(0, 0)] * (image.ndim - 2))
    return [padded[row : row + SIDE_PX, column : column + SIDE_PX] for row in rows for column in columns]


def merged(labels: Sequence[NDArray], shape: tuple[int, int], overlap_px: int) -> NDArray[np.int64]:
    """The labels (H, W) = `shape` of the image, of those of its `windows`, int (224, 224), 0 = background.

    Ids are counted on from the highest in the image so far. Window by window, connected pieces (across
    corners too) that touch the first row of the centre part are written into the strip above it, those that
    touch its first column into the strip on its left; then the centre part is written whole. The lowest value
    on such a line is taken for background, as in the published code.
    """
    half = overlap_px // 2
    rows, columns = (starts_px(length, overlap_px) for length in shape)
    image = np.zeros((rows[-1] + SIDE_PX, columns[-1] + SIDE_PX), np.int64)
    places = [(row, column) for row in rows for column in columns]
    for (row, column), window in zip(places, labels, strict=True):
        ids = np.where(window > 0, window + image.max(), 0)
        pieces = label(window, background=0, connectivity=2)
        top, left = half * (row > 0), half * (column > 0)
        bottom = SIDE_PX - half * (row < rows[-1])
        right = SIDE_PX - half * (column < columns[-1])
        part = image[row : row + SIDE_PX, column : column + SIDE_PX]
        above = np.isin(pieces[:top], np.unique(pieces[top, left:right])[1:])
        part[:top][above] = ids[:top][above]
        before = np.isin(pieces[:, :left], np.unique(pieces[top:bottom, left])[1:])
        part[:, :left][before] = ids[:, :left][before]
        part[top:bottom, left:right] = ids[top:bottom, left:right]
    return image[: shape[0], : shape[1]]
