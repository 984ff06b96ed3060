"""A slide with its tiles drawn on it, to see at a glance what is learnt from."""

from collections.abc import Mapping

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskless.data.slides import Slide
from maskless.resizing import resized

_PICTURE_PX = 1600  # of the longer side
#: Outlines of tiles, from the lowest power on, RGB.
_COLOURS = ((20, 90, 220), (0, 140, 60), (230, 120, 0), (180, 0, 120))
_LEAST_OUTLINE_PX = 5


def tile_picture(thumbnail: NDArray[np.uint8], slide: Slide, kept: Mapping[float, pa.Table]) -> bytes:
    """A PNG of the slide, paler where no tile is kept, with the outlines of tiles large enough to see.

    `thumbnail` is RGB, uint8 (H, W, 3), of the whole slide; `kept` has the tiles at each power, with x and y
    in px of level 0, and size in px at the power.
    """
    scale = min(1.0, _PICTURE_PX / max(thumbnail.shape))
    picture = resized(thumbnail, tuple(max(1, round(side * scale)) for side in thumbnail.shape[:2]))
    per_px = picture.shape[1] / slide.width_px
    inside = np.zeros(picture.shape[:2], bool)
    outlines = picture.copy()
    for (power, tiles), colour in zip(kept.items(), _COLOURS * len(kept), strict=False):
        side = tiles["size"].to_numpy() * slide.stored_mpp(10 / power) / slide.mpp * per_px
        left, top = (tiles[key].to_numpy() * per_px for key in ("x", "y"))
        boxes = np.rint(np.stack([left, top, left + side, top + side], axis=1)).astype(int)
        for x0, y0, x1, y1 in boxes:
            inside[y0:y1, x0:x1] = True
            if x1 - x0 >= _LEAST_OUTLINE_PX:
                cv2.rectangle(outlines, (int(x0), int(y0)), (int(x1) - 1, int(y1) - 1), colour, 1)
    pale = (picture // 3 + 170).astype(np.uint8)
    shown = np.where(inside[..., None], outlines, pale)
    return cv2.imencode(".png", shown[..., ::-1])[1].tobytes()
