"""How a slide is divided into blocks: which pixels each one looks at, and which nuclei are its own."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskless.windows import Tiling

#: A nucleus that is not larger than the margin is seen whole by its block.
_LEAST_MARGIN_PX = 128
#: Blocks that are smaller look mostly at their margins.
_LEAST_CORE_PX = 1024


class Box(NamedTuple):
    """Rows from `top` to before `bottom`, columns from `left` to before `right`, px."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.bottom - self.top, self.right - self.left


class Block(NamedTuple):
    """The block in a row and column of the grid: `core` is its own, `seen` is what it looks at."""

    row: int
    col: int
    core: Box
    seen: Box


@dataclass(frozen=True)
class Grid:
    """A slide of `height_px` x `width_px` in blocks of `core_px` a side, which see `margin_px` more each way.

    All are px at the scale of what is read, not beyond the slide. Cores are half open: each point of the
    slide is in one.
    """

    height_px: int
    width_px: int
    core_px: int
    margin_px: int

    @property
    def rows(self) -> int:
        """Rows of blocks."""
        return -(-self.height_px // self.core_px)

    @property
    def cols(self) -> int:
        """Columns of blocks."""
        return -(-self.width_px // self.core_px)

    def block(self, row: int, col: int) -> Block:
        """One block."""
        top, left = row * self.core_px, col * self.core_px
        core = self._within(top, left, top + self.core_px, left + self.core_px)
        margin = self.margin_px
        seen = self._within(core.top - margin, core.left - margin, core.bottom + margin, core.right + margin)
        return Block(row, col, core, seen)

    def blocks(self, wanted: NDArray[np.bool_]) -> list[Block]:
        """The blocks that are wanted, bool (rows, cols), in raster order."""
        return [self.block(int(row), int(col)) for row, col in np.argwhere(wanted)]

    def holding(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which blocks have some of `mask` in their core, bool (rows, cols).

        `mask` (h, w) is of the whole slide, at any smaller scale.
        """
        row, col = np.nonzero(mask)
        holding = np.zeros((self.rows, self.cols), dtype=bool)
        per_row, per_col = self.height_px / mask.shape[0], self.width_px / mask.shape[1]
        # A pixel of the mask is smaller than a block: where its corners are, it is.
        for down in (0, 1 - 1e-9):
            for right in (0, 1 - 1e-9):
                rows = ((row + down) * per_row // self.core_px).astype(int)
                cols = ((col + right) * per_col // self.core_px).astype(int)
                holding[np.minimum(rows, self.rows - 1), np.minimum(cols, self.cols - 1)] = True
        return holding

    def _within(self, top: int, left: int, bottom: int, right: int) -> Box:
        return Box(max(top, 0), max(left, 0), min(bottom, self.height_px), min(right, self.width_px))


def block_sides(tiling: Tiling | None) -> tuple[int, int]:
    """Core and margin, px, of blocks for a segmenter with these windows, or without any.

    A block sees a whole number of the largest windows, so that no window looks at more of it than it must,
    and all sides are multiples of the network's, so that it sees the phase that it would see in the whole.
    """
    if tiling is None:
        return 2 * _LEAST_CORE_PX, _LEAST_MARGIN_PX
    multiple = tiling.multiple_px
    margin = -(-max(_LEAST_MARGIN_PX, tiling.overlap_px) // multiple) * multiple
    largest = tiling.window_px // multiple * multiple
    step = (largest - tiling.overlap_px) // multiple * multiple
    steps = max(1, -(-(_LEAST_CORE_PX + 2 * margin - largest) // step))
    return largest + steps * step - 2 * margin, margin
