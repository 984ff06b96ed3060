"""Points, and other places of nuclei, in an image: what becomes of those outside, and whether the others look
right."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.data.dark_places import DARKEST, outside, share_on_dark_places
from maskless.data.points_csv import PointTable
from maskless.data.swapped_axes import swapped_by_bounds, swapped_by_darkness
from maskless.errors import UserError

#: Up to this share of the points may lie outside, and is left out: slips of the hand. More are a mistake.
_SLIPS = 0.01
#: Of nuclei more than this share lies on the dark places of their image. In 110 real images it is 47 % in
#: one, whose nuclei are pale inside, and 62 to 100 % in the others; by chance it is DARKEST. Moved by 20 to
#: 80 px, the points of these are below it in 96 % of all cases.
_ON_NUCLEI = 0.5


def placed(path: Path, table: PointTable, size: tuple[int, int] | None) -> PointTable:
    """The points of a file that lie in its image of `size` (H, W); all, if the size is not known.

    One in a hundred may lie outside, and is left out. Raises UserError for more, naming the first, and says
    so if rows and columns look swapped.
    """
    if size is None or not (beyond := table.outside(size)).any():
        return table
    n, first = int(beyond.sum()), int(beyond.argmax())
    if n <= _SLIPS * len(beyond):
        return table.kept(~beyond)
    refuse_swapped(path, "points", table.points, size)
    row, column = table.points[first].tolist()
    many = f"; {n} of {len(beyond)} points do" if n > 1 else ""
    raise UserError(
        f"{path}, {table.where(first)}: the point (row {row:g}, column {column:g}) lies outside "
        f"{_image_of(size)}{many}"
    )


def refuse_swapped(path: Path, what: str, places: NDArray[np.floating], size: tuple[int, int]) -> None:
    """Raise UserError if places (N, 2), (row, column) in px, of `what` lie outside an image of `size` (H, W)
    as they do where rows and columns were swapped."""
    if swapped_by_bounds(places, size):
        n, if_swapped = (int(outside(given, size).sum()) for given in (places, places[:, ::-1]))
        raise UserError(
            f"{path}: x and y look swapped, for {n} of {len(places)} {what} lie outside {_image_of(size)}, "
            f"and {if_swapped or 'none'} would if they changed places"
        )


def remarks_on(path: Path, table: PointTable, image: NDArray[np.uint8]) -> list[str]:
    """What is worth a look about the points of an image, uint8 (H, W, 3), that `placed` lets pass."""
    n = int(table.outside(image.shape[:2]).sum())
    found = [f"{path}: {n} of {len(table.points)} points left out, outside the image"]
    found *= 0 < n <= _SLIPS * len(table.points)  # more are refused
    return found + remarks_on_places(path, "points", table.points, image)


def remarks_on_places(
    path: Path, what: str, places: NDArray[np.floating], image: NDArray[np.uint8]
) -> list[str]:
    """What looks wrong with places (N, 2), (row, column) in px, of `what` in an image, uint8 (H, W, 3)."""
    if swapped_by_darkness(places, image):
        return [
            f"{path}: x and y look swapped, for the {what} lie on darker places of their image, as nuclei "
            "are, if they change places: look at the preview"
        ]
    share = share_on_dark_places(places, image)
    if share is not None and share < _ON_NUCLEI:
        return [
            f"{path}: most {what} lie off the dark pixels: {share:.0%} of {len(places)} lie on the darkest "
            f"{DARKEST:.0%} of their image, where more than half of all nuclei lie, unless they are pale: "
            "look at the preview"
        ]
    return []


def _image_of(size: tuple[int, int]) -> str:
    return f"its image of {size[0]} x {size[1]} px (rows x columns)"
