"""Detections as the LYON19 challenge's participants write them: a row a positive cell."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from maskless.atomic import write_atomically
from maskless.errors import UserError

#: The columns are those of participants' published code.
HEADER = b"image_id,x,y\n"


def write_cells(path: Path, image: str, row: Iterable[float], col: Iterable[float]) -> Path:
    """Write the cells of one image: its name, x (to the right) and y (down), px, two decimals.

    The centre of the first pixel is (0, 0). Raises UserError if the file cannot be written.
    """
    quoted = '"' + image.replace('"', '""') + '"' if set(image) & set(',"\r\n') else image
    lines = [f"{quoted},{x:.2f},{y:.2f}\n" for x, y in zip(np.asarray(col), np.asarray(row), strict=True)]
    write_atomically(path, HEADER + "".join(lines).encode("utf-8", "surrogateescape"))
    return path


def join_cells(path: Path, files: Iterable[Path]) -> Path:
    """Write the cells of several images as one file, in this order. Raises UserError as `write_cells`."""
    try:
        cells = [file.read_bytes().removeprefix(HEADER) for file in files]
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
    write_atomically(path, HEADER + b"".join(cells))
    return path


def is_of_cells(path: Path) -> bool:
    """Whether there is a file that begins as one of these."""
    try:
        with path.open("rb") as file:
            return file.readline(len(HEADER)) == HEADER
    except OSError:
        return False
