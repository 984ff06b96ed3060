"""Points that lie in an image: what becomes of those that do not, and whether the others look right."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.data.points_csv import PointTable
from maskless.data.swapped_axes import swapped_by_bounds, swapped_by_darkness
from maskless.errors import UserError

#: Up to this share of the points may lie outside, and is left out: slips of the hand. More are a mistake.
_SLIPS = 0.01


def placed(path: Path, table: PointTable, size: tuple[int, int] | None) -> PointTable:
    """The points of a file that lie in its image of `size` (H, W); all, if the size is not known.

    One in a hundred may lie outside, and is left out. Raises UserError for more, naming the first, and says
    so if rows and columns look swapped.
    """
    if size is None or not (outside := table.outside(size)).any():
        return table
    n, first = int(outside.sum()), int(outside.argmax())
    if n <= _SLIPS * len(outside):
        return table.kept(~outside)
    its_image = f"its image of {size[0]} x {size[1]} px (rows x columns)"
    if swapped_by_bounds(table.points, size):
        raise UserError(
            f"{path}: x and y look swapped, for {n} of {len(outside)} points lie outside {its_image}, and "
            f"{_in_words(int(table.outside((size[1], size[0])).sum()))} would if they changed places"
        )
    row, column = table.points[first].tolist()
    many = f"; {n} of {len(outside)} points do" if n > 1 else ""
    raise UserError(
        f"{path}, {table.where(first)}: the point (row {row:g}, column {column:g}) lies outside "
        f"{its_image}{many}"
    )


def remarks_on(path: Path, table: PointTable, image: NDArray[np.uint8]) -> list[str]:
    """What is worth a look about the points of an image, uint8 (H, W, 3), that `placed` lets pass."""
    n = int(table.outside(image.shape[:2]).sum())
    found = [f"{path}: {n} of {len(table.points)} points left out, outside the image"]
    found *= 0 < n <= _SLIPS * len(table.points)  # more are refused
    if swapped_by_darkness(table.points, image):
        found.append(
            f"{path}: x and y look swapped, for the points lie on darker places of their image, as nuclei "
            "are, if they change places: look at the preview"
        )
    return found


def _in_words(n: int) -> str:
    return str(n) if n else "none"
