"""A scored image as a page holds it: its pixels once, the outlines of its truth, and what of it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskless.metrics.points import Points, lies_in
from maskless.report.drawings.outline_path import outline_path
from maskless.report.drawings.point_truth import truth_path

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
    truth, and `told` what is said of them. `cut` says what is shown and kept of which size, and is empty if
    that is all of it.
    """

    image: str
    pixels: bytes
    media: str
    width_px: int
    height_px: int
    shown: Field
    truth: str
    nuclei: int
    told: str
    cut: str


def tissue(image: str, pixels: npt.NDArray[np.uint8], truth: npt.NDArray[Any]) -> Tissue:
    """Keep the image of id `image`: `pixels` uint8 (H, W, 3), RGB; `truth` a label map, integers (H, W)."""
    found = nuclei(truth)
    kept = middle(truth.shape, KEPT_PX)
    return _tissue(image, pixels, kept, None, outline_path(truth[kept]), found, _counted(found))


def tissue_of_points(
    image: str, pixels: npt.NDArray[np.uint8], truth: Points, region: npt.NDArray[np.uint8] | None = None
) -> Tissue:
    """`tissue` where the truth is points (N, 2), (row, column) in px, in a region, uint8 (H, W), 0 = outside.

    What is kept and shown is where the region is fullest.
    """
    points = truth if region is None else truth[lies_in(region, truth)]
    annotated = _partly(region)
    kept = kept_of_points(pixels.shape[:2], region)
    told = f"{_counted(len(points))}, a dot each{', inside the outline' * (annotated is not None)}"
    part = None if annotated is None else annotated[kept]
    path = truth_path(points - [kept[0].start, kept[1].start], part)
    return _tissue(image, pixels, kept, part, path, len(points), told)


def kept_of_points(shape: tuple[int, ...], region: npt.NDArray[np.uint8] | None) -> tuple[slice, slice]:
    """The rows and columns that `tissue_of_points` keeps of an image of `shape` (H, W)."""
    return window(shape, KEPT_PX, _partly(region))


def window(shape: tuple[int, ...], size_px: int, region: npt.NDArray[Any] | None) -> tuple[slice, slice]:
    """The rows and columns, at most `size_px` of each, of an image of `shape` (H, W) that hold most of a
    region (H, W), 0 = outside; its middle without a region."""
    if region is None:
        return middle(shape, size_px)
    height, width = (min(n, size_px) for n in shape)
    above = np.zeros((shape[0] + 1, shape[1] + 1), np.int64)
    above[1:, 1:] = (region > 0).cumsum(0).cumsum(1)
    columns = above[:, width:] - above[:, :-width]
    held = columns[height:] - columns[:-height]
    row, column = np.unravel_index(held.argmax(), held.shape)
    return slice(int(row), int(row) + height), slice(int(column), int(column) + width)


def middle(shape: tuple[int, ...], size_px: int) -> tuple[slice, slice]:
    """The rows and columns of the middle of an image of `shape` (H, W): at most `size_px` of each."""
    (r0, r1), (c0, c1) = (((n - min(n, size_px)) // 2, (n + min(n, size_px)) // 2) for n in shape)
    return slice(r0, r1), slice(c0, c1)


def nuclei(labels: npt.NDArray[Any]) -> int:
    """How many ids a label map has, 0 = background."""
    return int(np.count_nonzero(np.unique(labels)))


def _tissue(
    image: str,
    pixels: npt.NDArray[np.uint8],
    kept: tuple[slice, slice],
    region: npt.NDArray[np.uint8] | None,
    truth: str,
    n_nuclei: int,
    told: str,
) -> Tissue:
    """The `kept` part of an image, the field that is shown of it, where its `region` is fullest, and what is
    drawn and told of the truth."""
    height_px, width_px = pixels[kept].shape[:2]
    rows, columns = window((height_px, width_px), FIELD_PX, region)
    shown = Field(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    sizes = pixels.shape[:2], (height_px, width_px), (shown.height_px, shown.width_px)
    whole = sizes[0] == sizes[2]
    return Tissue(
        image=image,
        pixels=_encoded(pixels[kept], *((".png", _PNG) if whole else (".jpg", _JPEG))),
        media="image/png" if whole else "image/jpeg",
        width_px=width_px,
        height_px=height_px,
        shown=shown,
        truth=truth,
        nuclei=n_nuclei,
        told=told,
        cut="" if whole else _cut(*sizes, "the middle" if region is None else "the most annotated"),
    )


def _counted(number: int) -> str:
    return f"{number} {'nucleus' if number == 1 else 'nuclei'}"


def _partly(region: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8] | None:
    """A region that is not everywhere, else None."""
    return None if region is None or region.all() else region


def _encoded(pixels: npt.NDArray[np.uint8], ending: str, how: Sequence[int]) -> bytes:
    return cv2.imencode(ending, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), how)[1].tobytes()


def _cut(whole: tuple[int, ...], kept: tuple[int, int], shown: tuple[int, int], which: str) -> str:
    of, field, more = (f"{height}x{width}" for height, width in (whole, shown, kept))
    enlarged = "all of it" if kept == whole else f"its {which.removeprefix('the ')} {more}"
    return f"{which} {field} of {of} px ({enlarged} when enlarged)"
