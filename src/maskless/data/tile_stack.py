"""Tiles that lie behind one another in a NumPy file (.npy), read one by one and never all."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError


def mapped(file: Path) -> NDArray[np.generic]:
    """The array in a .npy file, of which nothing but its header is read. Raises UserError if it is not whole.

    What is kept of it keeps the mapping, and each page that was ever touched then counts as memory.
    """
    try:
        array = np.load(file, mmap_mode="r")
    except Exception as error:  # NumPy reads the header as Python, and stumbles in any way over a damaged one
        raise UserError(f"{file} cannot be read as a whole NumPy array ({error}): unpack it again") from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{file} is no NumPy array (.npy): unpack it again")
    return array


def tile_count(file: Path, shape: tuple[int, ...]) -> int:
    """How many tiles of `shape`, one or more, a file has; () is a word or a number a tile.

    Raises UserError if they have another shape, or if tiles with sides are not of numbers.
    """
    array = mapped(file)
    if array.ndim == 0 or array.shape[1:] != shape or not len(array):
        expected = "".join(f", {side}" for side in shape) or ","
        raise UserError(f"{file} has the shape {array.shape}, where (n{expected}) is expected")
    if shape and array.dtype.kind not in "uif":
        raise UserError(f"{file} holds {array.dtype}, where numbers are expected")
    return len(array)


def read_tile(file: Path, index: int, channels: int, greatest: int) -> NDArray[np.int64]:
    """The first channels of one tile, int64 (H, W, `channels`), from numbers of any type, (n, H, W, C).

    Nothing else of the file is read, and nothing stays mapped. Raises UserError for a value that is no whole
    number from 0 to `greatest`.
    """
    tile = np.array(mapped(file)[index, ..., :channels])
    right = (tile >= 0) & (tile <= greatest)
    if tile.dtype.kind == "f":
        right &= tile == np.rint(tile)
    if not right.all():
        row, column, channel = np.argwhere(~right)[0].tolist()
        raise UserError(
            f"{file}, tile {index}: {tile[row, column, channel]} at row {row}, column {column}, channel "
            f"{channel}, where a whole number from 0 to {greatest} is expected"
        )
    return tile.astype(np.int64)
