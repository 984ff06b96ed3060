from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold

from maskless.postprocess.binary import binarise, fill_holes, hysteresis, label, remove_small

MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))


def from_rows(*rows: str) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def test_binarise_is_strict() -> None:
    assert binarise(np.array([[0.25, 0.5, 0.75]], np.float16), above=0.5).tolist() == [[False, False, True]]


def test_remove_small_keeps_pieces_of_exactly_the_least_area() -> None:
    mask = from_rows("##..#", "#....", "..##.")
    expected = from_rows("##...", "#....", ".....")
    np.testing.assert_array_equal(remove_small(mask, min_area_px=3), expected)


def test_remove_small_does_not_join_across_corners() -> None:
    assert not remove_small(from_rows("#.", ".#"), min_area_px=2).any()


@pytest.mark.parametrize("neighbours", [4, 8])
@given(mask=MASKS, min_area_px=st.integers(0, 8))
def test_remove_small_equals_measuring_each_piece(
    neighbours: Literal[4, 8], mask: np.ndarray, min_area_px: int
) -> None:
    pieces, n_pieces = ndimage.label(mask, np.ones((3, 3)) if neighbours == 8 else None)
    expected = np.zeros_like(mask)
    for piece in range(1, n_pieces + 1):
        if np.sum(pieces == piece) >= min_area_px:
            expected |= pieces == piece
    result = remove_small(mask, min_area_px=min_area_px, neighbours=neighbours)
    np.testing.assert_array_equal(result, expected)


def test_hysteresis_keeps_faint_pixels_that_touch_a_strong_one_across_a_side() -> None:
    values = np.array([[0.4, 0.9, 0.0, 0.4], [0.0, 0.0, 0.4, 0.4], [0.3, 0.0, 0.0, 0.8]], np.float32)
    expected = from_rows("##.#", "..##", "...#")
    np.testing.assert_array_equal(hysteresis(values, low=0.3, high=0.7), expected)
    np.testing.assert_array_equal(hysteresis(values, low=0.3, high=0.8), from_rows("##..", "....", "...."))


@given(hnp.arrays(np.float32, (9, 11), elements=st.integers(0, 3)), st.integers(0, 3), st.integers(0, 3))
def test_hysteresis_equals_scikit_images(values: np.ndarray, low: int, high: int) -> None:
    expected = apply_hysteresis_threshold(values, min(low, high), high)
    np.testing.assert_array_equal(hysteresis(values, low=min(low, high), high=high), expected)


@given(MASKS)
def test_fill_holes_equals_scipys(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


def test_fill_holes_leaves_holes_that_are_too_large_or_open_to_the_border() -> None:
    mask = from_rows("#######", "#.#..#.", "#######", "#.....#")
    expected = from_rows("#######", "###..#.", "#######", "#.....#")
    np.testing.assert_array_equal(fill_holes(mask, max_area_px=1), expected)


@pytest.mark.parametrize("neighbours", [4, 8])
@given(mask=MASKS)
def test_label_numbers_pieces_in_reading_order(neighbours: Literal[4, 8], mask: np.ndarray) -> None:
    expected, _ = ndimage.label(mask, np.ones((3, 3)) if neighbours == 8 else None)
    first_seen = list(dict.fromkeys(expected[mask].tolist()))
    in_order = np.zeros(len(first_seen) + 1, np.int32)
    in_order[first_seen] = np.arange(1, len(first_seen) + 1)
    result = label(mask, neighbours=neighbours)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, in_order[expected])


def test_label_numbers_a_large_image_in_reading_order_too() -> None:
    """Large images are labelled in stripes by several threads."""
    mask = np.random.default_rng(0).random((700, 700)) > 0.5
    ids = label(mask)[mask]
    newest = np.maximum.accumulate(ids)
    assert ids[0] == 1
    assert np.diff(newest).max() == 1


def test_a_mask_of_255_is_a_mask() -> None:
    mask = np.array([[0, 255], [255, 255]], np.uint8)
    for result in (
        remove_small(mask, min_area_px=3),
        fill_holes(mask),
        label(mask),
    ):
        np.testing.assert_array_equal(result > 0, mask > 0)
