"""One owner: what several blocks see in one place comes out once, whole, whatever each sees of it."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from maskless.inference.slide.grid import Block, Grid
from maskless.inference.slide.nuclei import BlockNuclei, kept
from maskless.inference.slide.owners import GOES, OPEN, STANDS, Found, decide

GRID = Grid(240, 240, 80, 40)
BLOCKS = {(row, col) for row in range(3) for col in range(3)}


def disc(row: float, col: float, radius: float) -> np.ndarray:
    """Which pixels of the slide lie in a disc."""
    rows, cols = np.ogrid[: GRID.height_px, : GRID.width_px]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def seen_by(block: Block, nuclei: list[np.ndarray]) -> Found:
    """What a block keeps of nuclei, masks of the slide, as it sees them."""
    labels = np.zeros((GRID.height_px, GRID.width_px), np.int32)
    for number, mask in enumerate(nuclei, 1):
        labels[mask] = number
    seen = block.seen
    labels = kept(labels[seen.top : seen.bottom, seen.left : seen.right], block)
    ids = np.unique(labels[labels > 0])
    centres = ndimage.center_of_mass(labels > 0, labels, ids)
    table = pd.DataFrame(np.reshape(centres, (-1, 2)), columns=["row", "col"])
    return Found.of(block, BlockNuclei.of(labels, table, seen[:2]))


def standing(
    views: dict[tuple[int, int], list[np.ndarray]], blocks: set[tuple[int, int]] = BLOCKS
) -> list[np.ndarray]:
    """The nuclei that stand of what each block sees, as masks of the slide."""
    rows = [
        [seen_by(GRID.block(row, col), views.get((row, col), [])) for col in range(3) if (row, col) in blocks]
        for row in range(3)
    ]
    stand = []
    for row, below in zip(rows, [*rows[1:], []], strict=True):
        decide(GRID, row, below, blocks)
        for found in row:
            assert OPEN not in found.state
            for place in np.flatnonzero(found.state == STANDS):
                mask = np.zeros(GRID.height_px * GRID.width_px, bool)
                _, rows_of, cols_of = found.nuclei.pixels(np.array([place]))
                mask[found.left.get(int(place), rows_of * GRID.width_px + cols_of)] = True
                stand.append(mask.reshape(GRID.height_px, GRID.width_px))
    return stand


def all_see(nuclei: list[np.ndarray]) -> dict[tuple[int, int], list[np.ndarray]]:
    """Each block sees all."""
    return dict.fromkeys(BLOCKS, nuclei)


def test_nuclei_on_lines_and_corners_stand_once_with_every_pixel() -> None:
    planted = [disc(80, 40, 9), disc(79.5, 79.5, 12), disc(160, 160, 6), disc(40, 80, 3), disc(120, 158, 15)]
    found = standing(all_see(planted))
    assert len(found) == len(planted)
    for mask in planted:
        assert sum(np.array_equal(mask, one) for one in found) == 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([3.0, 6.0, 10.0]))
def test_nuclei_that_blocks_see_a_little_apart_stand_once(seed, radius) -> None:
    """Discs on a lattice, moved by up to a quarter of their radius in each block's view."""
    rng = np.random.default_rng(seed)
    places = [(row, col) for row in range(27, 240, 53) for col in range(27, 240, 53)]
    places += [(80, 133), (160, 80), (80, 80), (160, 160)]
    places = [
        (r, c) for k, (r, c) in enumerate(places) if all(np.hypot(r - p, c - q) > 25 for p, q in places[:k])
    ]
    moves = {block: rng.uniform(-radius / 4, radius / 4, (len(places), 2)) for block in sorted(BLOCKS)}
    views = {
        block: [disc(r + down, c + right, radius) for (r, c), (down, right) in zip(places, of, strict=True)]
        for block, of in moves.items()
    }
    found = standing(views)
    assert len(found) == len(places)
    assert (np.sum(found, axis=0) <= 1).all()
    for row, col in places:
        overlaps = [one & disc(row, col, radius) for one in found]
        assert sum(overlap.any() for overlap in overlaps) == 1


def test_what_one_block_joins_and_another_parts_is_not_doubled() -> None:
    left, right = disc(40, 74, 7), disc(40, 88, 7)
    views = {**all_see([left, right]), (0, 0): [left | right]}
    found = standing(views)
    assert (np.sum(found, axis=0) <= 1).all()
    assert (np.any(found, axis=0) == (left | right)).all()


def test_a_neighbour_that_overlaps_by_little_loses_but_those_pixels() -> None:
    first, second = disc(40, 72, 8), disc(40, 87, 8)
    both = first & second
    assert 0 < both.sum() < 0.2 * first.sum()
    found = standing({(0, 0): [first], (0, 1): [second]})
    assert len(found) == 2
    assert sorted(one.sum() for one in found) == sorted([first.sum(), second.sum() - both.sum()])


def test_the_block_that_a_centre_lies_in_says_whether_there_is_a_nucleus() -> None:
    mask = disc(40, 83, 8)
    assert len(standing({(0, 0): [mask]})) == 0, "the block of its centre has not seen it"
    assert len(standing({(0, 1): [mask]})) == 1
    assert len(standing({(0, 0): [mask]}, BLOCKS - {(0, 1)})) == 1, "nobody else has looked there"


def test_two_blocks_that_each_see_the_centre_beyond_the_line_keep_the_nucleus() -> None:
    found = standing({(0, 0): [disc(40, 81, 6)], (0, 1): [disc(40, 78, 6)]})
    assert len(found) == 1


def test_a_block_keeps_what_comes_to_its_core_and_nothing_else() -> None:
    block = GRID.block(1, 1)
    inside, over, near, away = disc(120, 120, 5), disc(82, 100, 9), disc(70, 120, 4), disc(60, 120, 4)
    found = seen_by(block, [inside, over, near, away])
    assert sorted(found.nuclei.boxes[:, 0].tolist()) == [66, 73, 115]


def test_the_file_of_a_block_gives_back_every_pixel_and_number(tmp_path) -> None:
    found = seen_by(GRID.block(1, 1), [disc(120, 120, 5), disc(82, 100, 9), disc(130, 140, 0)])
    found.nuclei.write(tmp_path / "a.arrow", {"read": 1.5})
    again = BlockNuclei.read(tmp_path / "a.arrow")
    pd.testing.assert_frame_equal(again.table, found.nuclei.table)
    for name in ("row", "col", "length", "begins"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found.nuclei, name))
    assert found.state.tolist() == [OPEN] * 3
    assert GOES not in found.state
