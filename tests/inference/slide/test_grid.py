"""Blocks: each point is in one core, tissue decides which are done, sides suit the windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskless.inference.slide.grid import Grid, block_sides
from maskless.windows import Tiling

sides = st.integers(1, 900)


@settings(deadline=None, max_examples=50)
@given(sides, sides, st.integers(40, 400), st.integers(0, 150))
def test_each_pixel_is_in_one_core_and_seen_with_its_surroundings(height, width, core_px, margin_px) -> None:
    grid = Grid(height, width, core_px, margin_px)
    owners = np.zeros((height, width), int)
    for block in grid.blocks(np.ones((grid.rows, grid.cols), bool)):
        core, seen = block.core, block.seen
        owners[core.top : core.bottom, core.left : core.right] += 1
        assert (core.top // core_px, core.left // core_px) == (block.row, block.col)
        assert seen.top == max(core.top - margin_px, 0)
        assert seen.left == max(core.left - margin_px, 0)
        assert seen.bottom == min(core.bottom + margin_px, height)
        assert seen.right == min(core.right + margin_px, width)
    assert (owners == 1).all()


@settings(deadline=None, max_examples=50)
@given(sides, sides, st.integers(60, 400), st.data())
def test_blocks_with_a_pixel_of_a_mask_are_those_whose_core_it_meets(height, width, core_px, data) -> None:
    grid = Grid(height, width, core_px, 0)
    shape = max(1, height // 16), max(1, width // 16)
    row, col = (data.draw(st.integers(0, side - 1)) for side in shape)
    mask = np.zeros(shape, bool)
    mask[row, col] = True
    top, left = row * height / shape[0], col * width / shape[1]
    bottom, right = (row + 1) * height / shape[0], (col + 1) * width / shape[1]
    expected = np.zeros((grid.rows, grid.cols), bool)
    for block in grid.blocks(~expected):
        core = block.core
        expected[block.row, block.col] = (
            core.top < bottom - 1e-6
            and top < core.bottom - 1e-6
            and core.left < right - 1e-6
            and left < core.right - 1e-6
        )
    assert (grid.holding(mask) == expected).all()


@pytest.mark.parametrize("tiling", [Tiling(), Tiling(2048, 256, 1), Tiling(256, 32, 16), Tiling(512, 300, 4)])
def test_a_block_is_covered_by_the_largest_windows_and_no_more(tiling) -> None:
    core_px, margin_px = block_sides(tiling)
    axis = tiling.along(core_px + 2 * margin_px)
    assert axis.side_px == tiling.window_px // tiling.multiple_px * tiling.multiple_px
    assert axis.padded_px == core_px + 2 * margin_px
    assert core_px % tiling.multiple_px == margin_px % tiling.multiple_px == 0
    assert core_px >= 1024
    assert margin_px >= max(128, tiling.overlap_px)
