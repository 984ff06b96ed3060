"""A scored image as a page holds it: its pixels once, the outlines of its truth, and what of it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskless.report.drawings.outline_path import outline_path

#: Of a larger image its middle is shown, so that a nucleus can be seen, and the rest when it is enlarged.
FIELD_PX = 400
#: No more than this is kept of an image, from its middle: all of the page is in one file.
KEPT_PX = 1024
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 9]
#: At this quality and full colour resolution, an outline one pixel off would still show.
_JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]


class Field(NamedTuple):
    """A rectangle in an image, px."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Tissue:
    """The kept part of an image, `width_px` x `height_px`, and its truth as the `d` of an SVG path.

    `pixels` are the bytes of a file of the type `media`: PNG if the image is shown whole, else JPEG, a
    sixth of its size. `shown` is the field that is shown before it is enlarged. `nuclei` are those of the
    truth. `cut` says what is shown and kept of which size, and is empty if that is all of it.
    """

    image: str
    pixels: bytes
    media: str
    width_px: int
    height_px: int
    shown: Field
    truth: str
    nuclei: int
    cut: str


def tissue(image: str, pixels: npt.NDArray[np.uint8], truth: npt.NDArray[Any]) -> Tissue:
    """Keep the image of id `image`: `pixels` uint8 (H, W, 3), RGB; `truth` a label map, integers (H, W)."""
    kept = middle(truth.shape, KEPT_PX)
    height_px, width_px = truth[kept].shape
    rows, columns = middle((height_px, width_px), FIELD_PX)
    shown = Field(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    whole = truth.shape == (shown.height_px, shown.width_px)
    return Tissue(
        image=image,
        pixels=_encoded(pixels[kept], *((".png", _PNG) if whole else (".jpg", _JPEG))),
        media="image/png" if whole else "image/jpeg",
        width_px=width_px,
        height_px=height_px,
        shown=shown,
        truth=outline_path(truth[kept]),
        nuclei=nuclei(truth),
        cut="" if whole else _cut(truth.shape, (height_px, width_px), (shown.height_px, shown.width_px)),
    )


def middle(shape: tuple[int, ...], size_px: int) -> tuple[slice, slice]:
    """The rows and columns of the middle of an image of `shape` (H, W): at most `size_px` of each."""
    (r0, r1), (c0, c1) = (((n - min(n, size_px)) // 2, (n + min(n, size_px)) // 2) for n in shape)
    return slice(r0, r1), slice(c0, c1)


def nuclei(labels: npt.NDArray[Any]) -> int:
    """How many ids a label map has, 0 = background."""
    return int(np.count_nonzero(np.unique(labels)))


def _encoded(pixels: npt.NDArray[np.uint8], ending: str, how: Sequence[int]) -> bytes:
    return cv2.imencode(ending, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), how)[1].tobytes()


def _cut(whole: tuple[int, ...], kept: tuple[int, int], shown: tuple[int, int]) -> str:
    of, field, more = (f"{height}x{width}" for height, width in (whole, shown, kept))
    enlarged = "all of it" if kept == whole else f"its middle {more}"
    return f"the middle {field} of {of} px ({enlarged} when enlarged)"
