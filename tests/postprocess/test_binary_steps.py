import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from maskless.postprocess.binary import binarise, closing, fill_holes, label, opening, remove_small
from maskless.postprocess.disk import disk

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


@given(MASKS, st.integers(0, 8))
def test_remove_small_equals_measuring_each_piece(mask: np.ndarray, min_area_px: int) -> None:
    pieces, n_pieces = ndimage.label(mask)
    expected = np.zeros_like(mask)
    for piece in range(1, n_pieces + 1):
        if np.sum(pieces == piece) >= min_area_px:
            expected |= pieces == piece
    np.testing.assert_array_equal(remove_small(mask, min_area_px=min_area_px), expected)


@given(MASKS)
def test_fill_holes_equals_scipys(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


def test_fill_holes_leaves_holes_that_are_too_large_or_open_to_the_border() -> None:
    mask = from_rows("#######", "#.#..#.", "#######", "#.....#")
    expected = from_rows("#######", "###..#.", "#######", "#.....#")
    np.testing.assert_array_equal(fill_holes(mask, max_area_px=1), expected)


@given(MASKS, st.integers(0, 4))
def test_opening_and_closing_equal_scipys_with_the_outside_left_out(mask: np.ndarray, radius_px: int) -> None:
    """Outside the image counts as set for an erosion and as empty for a dilation: it decides nothing."""
    element = disk(radius_px).astype(bool)
    eroded = ndimage.binary_erosion(mask, element, border_value=1)
    dilated = ndimage.binary_dilation(mask, element)
    np.testing.assert_array_equal(
        opening(mask, radius_px=radius_px), ndimage.binary_dilation(eroded, element)
    )
    np.testing.assert_array_equal(
        closing(mask, radius_px=radius_px), ndimage.binary_erosion(dilated, element, border_value=1)
    )


def test_opening_and_closing_leave_a_nucleus_at_the_border_whole() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:8, 5:15] = True
    for step in (opening, closing):
        np.testing.assert_array_equal(step(mask, radius_px=1)[:2], step(mask, radius_px=1)[2:4])
    assert opening(mask, radius_px=1)[0].sum() == 10


@pytest.mark.parametrize("neighbours", [4, 8])
@given(mask=MASKS)
def test_label_numbers_pieces_in_reading_order(neighbours: int, mask: np.ndarray) -> None:
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
        opening(mask, radius_px=0),
        label(mask),
    ):
        np.testing.assert_array_equal(result > 0, mask > 0)
