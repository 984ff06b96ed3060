"""How an image is covered by overlapping windows, and what each window contributes to a joined map.

Along each axis the image is padded at its end to a multiple of the network's, and all windows are of one size
and start at multiples of it. So a network that halves its input several times sees the same phase, and the
same padding, whatever the window size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from maskless.errors import UserError

#: What is done to an image, in this order: rows and columns exchanged, rows reversed, columns reversed.
Orientation = tuple[bool, bool, bool]


@dataclass(frozen=True)
class Axis:
    """The windows along one axis: `starts_px` (ascending, the first 0), each `side_px` long.

    The last window ends at `padded_px`, at or behind the image's `length_px`.
    """

    length_px: int
    side_px: int
    starts_px: tuple[int, ...]

    @property
    def padded_px(self) -> int:
        """How long the image must be made, so that every window lies within it."""
        return self.starts_px[-1] + self.side_px

    def share(self, k: int, ramp: bool) -> np.ndarray:
        """What the k-th window gives to each of its pixels: float32 (side_px,), 0 to 1.

        At any pixel the shares of all windows sum to 1. With `ramp`, a window gives nothing in the outer
        quarter of an overlap, where its context is missing, and hands over linearly through the inner half:
        a network whose receptive radius is at most a quarter of the overlap is therefore joined as if it had
        seen the whole. Without, each pixel is one window's alone, that of the nearer side of the overlap's
        middle. At the ends of the image a window gives all.
        """
        centre_px = self.starts_px[k] + np.arange(self.side_px) + 0.5
        return (self._passed(k, centre_px, ramp) - self._passed(k + 1, centre_px, ramp)).astype(np.float32)

    def _passed(self, k: int, centre_px: np.ndarray, ramp: bool) -> np.ndarray:
        """How much of each pixel has passed from the windows before the k-th to it and those behind it.

        It falls with k, so that the differences are shares also where three windows overlap.
        """
        if k == 0:
            return np.ones_like(centre_px)
        if k == len(self.starts_px):
            return np.zeros_like(centre_px)
        inside_px = centre_px - self.starts_px[k]
        overlap_px = self.starts_px[k - 1] + self.side_px - self.starts_px[k]
        if ramp and overlap_px:
            return np.clip((inside_px - overlap_px / 4) / (overlap_px / 2), 0, 1)
        return (inside_px > overlap_px // 2).astype(float)


@dataclass(frozen=True)
class Tiling:
    """Windows of at most `window_px` a side, overlapping by at least `overlap_px`.

    Their sides are multiples of `multiple_px`. Raises UserError where such windows could not advance.
    """

    window_px: int = 1024
    overlap_px: int = 128
    multiple_px: int = 32

    def __post_init__(self) -> None:
        if self.multiple_px < 1:
            raise UserError(f"multiple_px={self.multiple_px} must be 1 or more")
        if self.overlap_px < 0:
            raise UserError(f"overlap_px={self.overlap_px} must be 0 or more")
        if _down(self.window_px, self.multiple_px) - self.overlap_px < self.multiple_px:
            least = _up(self.overlap_px, self.multiple_px) + self.multiple_px
            raise UserError(
                f"windows of window_px={self.window_px} with overlap_px={self.overlap_px} cannot advance by "
                f"the network's multiple_px={self.multiple_px}: use a window_px of at least {least}"
            )

    def along(self, length_px: int) -> Axis:
        """The fewest windows that cover `length_px` (at least 1), then the smallest ones of that number."""
        multiple = self.multiple_px
        padded = _up(length_px, multiple)
        largest = _down(self.window_px, multiple)
        if padded <= largest:
            return Axis(length_px, padded, (0,))
        steps = -(-(padded - largest) // _down(largest - self.overlap_px, multiple))
        side = next(
            side
            for side in range(_up(self.overlap_px, multiple) + multiple, largest + 1, multiple)
            if side + steps * _down(side - self.overlap_px, multiple) >= padded
        )
        starts = tuple(_down(k * (padded - side) // steps, multiple) for k in range(steps + 1))
        return Axis(length_px, side, starts)


@dataclass(frozen=True)
class View:
    """An image as the network is shown it: turned, and padded by reflection to what the windows need."""

    orientation: Orientation
    padded: np.ndarray
    rows: Axis
    cols: Axis

    @classmethod
    def of(cls, image: np.ndarray, orientation: Orientation, tiling: Tiling) -> "View":
        """The view of an image (H, W, C)."""
        turned = oriented(image, orientation, rows=0, cols=1)
        rows, cols = tiling.along(turned.shape[0]), tiling.along(turned.shape[1])
        behind = ((0, rows.padded_px - rows.length_px), (0, cols.padded_px - cols.length_px), (0, 0))
        return cls(orientation, np.pad(turned, behind, mode="reflect"), rows, cols)

    @property
    def side_px(self) -> tuple[int, int]:
        """Height and width of every window."""
        return self.rows.side_px, self.cols.side_px

    def windows(self) -> Iterator["Window"]:
        """All windows in raster order."""
        for i, j in product(range(len(self.rows.starts_px)), range(len(self.cols.starts_px))):
            yield Window(self, i, j)


@dataclass(frozen=True)
class Window:
    """The window in the i-th row and the j-th column of a view's windows."""

    view: View
    i: int
    j: int

    @property
    def corner_px(self) -> tuple[int, int]:
        """Row and column of its first pixel in the (turned) image."""
        return self.view.rows.starts_px[self.i], self.view.cols.starts_px[self.j]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what lies in the image, px, without the padding."""
        row, col = self.corner_px
        height, width = self.view.side_px
        return min(height, self.view.rows.length_px - row), min(width, self.view.cols.length_px - col)

    @property
    def pixels(self) -> np.ndarray:
        """All its pixels (h, w, C), padding included."""
        row, col = self.corner_px
        height, width = self.view.side_px
        return self.view.padded[row : row + height, col : col + width]

    def add(self, values: np.ndarray, total: np.ndarray, ramp: bool, weight: float = 1.0) -> None:
        """Add its share of `values` (..., height, width), times `weight`, to the map `total` (..., H, W)."""
        rows = self.view.rows.share(self.i, ramp)[: self.shape[0]]
        cols = self.view.cols.share(self.j, ramp)[: self.shape[1]]
        (row, col), (height, width) = self.corner_px, self.shape
        # The total is looked at as the window looks at the image, so nothing has to be turned back.
        seen = oriented(total, self.view.orientation, rows=-2, cols=-1)
        seen[..., row : row + height, col : col + width] += values * (rows[:, None] * (cols * weight))


def oriented(array: np.ndarray, orientation: Orientation, rows: int, cols: int) -> np.ndarray:
    """A view of `array`, its axes `rows` and `cols` exchanged and reversed as the orientation says."""
    transposed, rows_reversed, cols_reversed = orientation
    if transposed:
        array = array.swapaxes(rows, cols)
    return np.flip(array, (rows,) * rows_reversed + (cols,) * cols_reversed)


def _down(length: int, multiple: int) -> int:
    return length // multiple * multiple


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
