"""How an image became instances: the image, each map and each result of the chain, side by side."""

from collections.abc import Mapping
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
    black, a map grey from its least to its greatest value, labels are outlines on the image, or red dots on
    the last map if they are that small. Of several channels the first is shown.
    """
    size = [min(side, SHOWN_PX) for side in image.shape[:2]]
    rows, cols = (slice((w - s) // 2, (w - s) // 2 + s) for w, s in zip(image.shape[:2], size, strict=True))
    shown = image[rows, cols]
    columns, ground = {"image": shown}, shown
    for name, result in results.items():
        values = result[..., rows, cols]
        values = values[0] if values.ndim == 3 else values
        if values.dtype != bool and np.issubdtype(values.dtype, np.integer):
            columns[name] = _labels(values, shown, ground)
        else:
            ground = columns[name] = _grey(values)
    return sheet_png({name: picture[None] for name, picture in columns.items()})


def _grey(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3), black where a map is least and white where it is greatest."""
    low, high = float(values.min()), float(values.max())
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
