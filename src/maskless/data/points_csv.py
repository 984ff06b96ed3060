"""Points from a CSV file: a nucleus a line, in pixels, with its class if the file has one."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.data.dark_places import outside
from maskless.errors import UserError, did_you_mean

#: What a column can say of a point.
MEANINGS = ("row", "col", "x", "y", "class")
#: Pairs of columns that a position can be given in, as (row, column).
_POSITIONS = (("row", "col"), ("y", "x"))
_FARTHEST_PX = 1e7  # no slide is as wide


@dataclass(frozen=True)
class PointTable:
    """The points of a file, in its order.

    `points` is float32 (N, 2), (row, column) in px. `classes` has a word a point, and is None if the file has
    no such column. `lines` has the line of the file that each point stands in, counted from 1; where a file
    has no lines to speak of, `unit` says what is counted instead.
    """

    points: NDArray[np.float32]
    classes: list[str] | None
    lines: list[int]
    unit: str = "line"

    def where(self, k: int) -> str:
        """Where point k stands in its file, for messages."""
        return f"{self.unit} {self.lines[k]}"

    def outside(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Which points lie outside an image of `size` (H, W): below 0, or at H or W and beyond. bool (N,)."""
        return outside(self.points, size)

    def kept(self, which: NDArray[np.bool_]) -> "PointTable":
        """The points for which `which`, bool (N,), is true."""
        numbers = np.flatnonzero(which).tolist()
        classes = None if self.classes is None else [self.classes[k] for k in numbers]
        return PointTable(self.points[which], classes, [self.lines[k] for k in numbers], self.unit)


def read_points(path: Path, columns: Mapping[str, str] | None = None) -> PointTable:
    """Read a CSV whose header names `row` and `col`, or `x` (to the right) and `y` (down), in any order.

    Positions are numbers in px; pixel (0, 0) is the top left one. A column `class`, which need not be there,
    has the classes; further columns are left alone. `columns` has the names that a file uses in place of
    these ({'class': 'type'}); of the positions it names, the others are not looked for, and a class that it
    names has to be there. Separated by commas, UTF-8. Raises UserError naming the file, and the line of the
    first cell that is at fault.
    """
    columns = columns or {}
    word = _named("class", columns)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [word.strip().lower() for word in next(reader, [])]
            row, column = _position_columns(header, columns, path)
            class_ = header.index(word) if word in header else None
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no readable CSV in UTF-8: {error}") from error
    if class_ is None and "class" in columns:
        raise UserError(f"{path} has no column {word}, which is to name the class of a point")
    points = np.zeros((len(rows), 2), np.float32)
    classes = []
    for k, (line, cells) in enumerate(rows):
        if len(cells) != len(header):
            raise UserError(f"{path}, line {line}: {len(cells)} cells, where the header has {len(header)}")
        points[k] = [_number(cells[of], header[of], path, line) for of in (row, column)]
        if class_ is not None:
            if not cells[class_].strip():
                raise UserError(f"{path}, line {line}: the point has no {word}")
            classes.append(cells[class_].strip())
    return PointTable(points, None if class_ is None else classes, [line for line, _ in rows])


def has_classes(path: Path, columns: Mapping[str, str] | None = None) -> bool:
    """Whether the header of a CSV names the classes; False if the file cannot be read at all."""
    return _named("class", columns or {}) in header_of(path)


def header_of(path: Path) -> list[str]:
    """The header of a CSV, in lower case; empty if the file cannot be read at all."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [word.strip().lower() for word in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def checked_columns(columns: Mapping[str, str]) -> dict[str, str]:
    """Names of columns by what they say. Raises UserError for one that says none of MEANINGS."""
    for meaning, name in columns.items():
        if meaning not in MEANINGS or not str(name).strip():
            hint = did_you_mean(str(meaning), MEANINGS)
            raise UserError(f"points_columns cannot have {meaning}: {name!r}: it names columns{hint}")
    return {meaning: str(name) for meaning, name in columns.items()}


def _named(meaning: str, columns: Mapping[str, str]) -> str:
    return columns.get(meaning, meaning).strip().lower()


def _position_columns(header: list[str], columns: Mapping[str, str], path: Path) -> tuple[int, int]:
    """The places of the row and the column in the header."""
    asked = [pair for pair in _POSITIONS if set(pair) & set(columns)] or _POSITIONS
    pairs = [(_named(row, columns), _named(column, columns)) for row, column in asked]
    found = [pair for pair in pairs if set(pair) <= set(header)]
    if len(found) != 1 or any(header.count(word) > 1 for word in found[0]):
        shown = ",".join(header)
        raise UserError(
            f"{path} must begin with a header that names {_either(pairs)}, separated by commas; it begins "
            f"with {shown[:60]!r}"
        )
    row, column = found[0]
    return header.index(row), header.index(column)


def _either(pairs: list[tuple[str, str]]) -> str:
    """The pairs in words; of y and x, x first, as it is usual."""
    usual = [sorted(pair) if set(pair) == {"x", "y"} else pair for pair in pairs]
    return ", or ".join(" and ".join(pair) for pair in usual)


def _number(cell: str, column: str, path: Path, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not abs(value) <= _FARTHEST_PX:  # nor what is no number
        raise UserError(f"{path}, line {line}: {column} is {cell!r}, where a number of pixels is expected")
    return value
