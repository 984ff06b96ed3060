"""How an image became instances: the image, each map and each result of the chain, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from maskless.writers.overlay import outline_overlay
from maskless.writers.sheet import sheet_png

#: The side of what is shown, from the middle of the image.
SHOWN_PX = 384
_RED = (255, 0, 0)
#: Objects of fewer pixels on average are dots, such as the maxima that a watershed begins with.
_DOT_PX = 8


def steps_png(image: npt.NDArray[np.uint8], results: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """A picture a column, the names above, of the middle 384 x 384 px, as the bytes of a PNG.

    `image` is RGB, uint8 (H, W, 3); `results` are by name, in order, (H, W) or (C, H, W). A mask is white on
    black, a map grey from 0 to 1, or from its least to its greatest value if any is outside of that. Labels
    are outlines on the image, or red dots if they are that small: on the last map that is not the negative of
    an earlier one, as a watershed's relief is. Three channels from 0 to 1 are a picture in colour; of several
    others the first is shown.
    """
    return sheet_png({name: picture[None] for name, picture in step_pictures(image, results).items()})


def middle(shape: Sequence[int]) -> tuple[slice, slice]:
    """The rows and columns of the middle 384 x 384 px of an image (H, W), or of all that there are."""
    starts = [max(side - SHOWN_PX, 0) // 2 for side in shape]
    rows, cols = (slice(start, start + SHOWN_PX) for start in starts)
    return rows, cols


def step_pictures(
    image: npt.NDArray[np.uint8], results: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.uint8]]:
    """The pictures of `steps_png` by their names, each uint8 (H, W, 3); the first is `image`."""
    rows, cols = middle(image.shape[:2])
    shown = image[rows, cols]
    columns, ground = {"image": shown}, shown
    maps: list[npt.NDArray[Any]] = []
    for name, result in results.items():
        values = result[..., rows, cols]
        if len(values) == 3 and values.ndim == 3 and values.min() >= 0 and values.max() <= 1:
            columns[name] = ground = np.moveaxis((255 * values).round().astype(np.uint8), 0, -1)
            continue
        values = values[0] if values.ndim == 3 else values
        if values.dtype != bool and np.issubdtype(values.dtype, np.integer):
            columns[name] = _labels(values, shown, ground)
        else:
            columns[name] = _grey(values)
            values = values.astype(np.float32)
            if not any(np.array_equal(values, -earlier) for earlier in maps):
                ground = columns[name]
            maps.append(values)
    return columns


def _grey(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3): 0 black and 1 white; of values beyond these the least black and the greatest white."""
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0, 1
    scaled = (values.astype(np.float32) - low) / max(high - low, 1e-12)
    return np.repeat((255 * scaled).astype(np.uint8)[..., None], 3, axis=-1)


def _labels(
    labels: npt.NDArray[Any], image: npt.NDArray[np.uint8], ground: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    objects = len(np.unique(labels[labels > 0]))
    if not objects or np.count_nonzero(labels) >= _DOT_PX * objects:
        return outline_overlay(image, labels)
    dotted = ground.copy()
    dotted[ndimage.binary_dilation(labels > 0, iterations=2)] = _RED
    return dotted
