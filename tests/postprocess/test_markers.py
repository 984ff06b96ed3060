import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from maskless.postprocess.disk import disk
from maskless.postprocess.markers import local_maxima, mark_unmarked

SHAPE = (9, 11)
# Few distinct values, negative ones too: many ties and plateaus.
VALUES = hnp.arrays(np.float32, SHAPE, elements=st.integers(-2, 2))
MASKS = hnp.arrays(bool, SHAPE)


@given(VALUES, MASKS, st.integers(0, 4))
def test_local_maxima_equal_a_search_around_each_pixel(
    values: np.ndarray, mask: np.ndarray, radius_px: int
) -> None:
    expected = np.zeros(SHAPE, bool)
    for row, column in np.argwhere(mask):
        rows, columns = np.indices(SHAPE)
        near = (rows - row) ** 2 + (columns - column) ** 2 <= radius_px**2
        expected[row, column] = values[row, column] >= values[near].max()
    result = local_maxima(values, mask, radius_px=radius_px)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result > 0, expected)
    np.testing.assert_array_equal(result, ndimage.label(expected)[0])


def test_a_plateau_is_one_marker_and_equal_maxima_apart_are_two() -> None:
    values = np.array([[0, 3, 3, 0, 0, 3, 0]], np.float32)
    assert local_maxima(values, radius_px=4).tolist() == [[0, 1, 1, 0, 0, 2, 0]]


def test_a_higher_value_outside_the_mask_still_counts() -> None:
    values = np.array([[1, 2]], np.float32)
    assert not local_maxima(values, np.array([[1, 0]]), radius_px=1).any()


def test_disk() -> None:
    assert disk(1).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert disk(0).tolist() == [[1]]
    assert disk(12).sum() == sum(r * r + c * c <= 144 for r in range(-12, 13) for c in range(-12, 13))


def test_each_piece_without_a_marker_becomes_one() -> None:
    mask = np.array([[1, 1, 0, 1, 1, 0, 1]])
    markers = np.array([[0, 7, 0, 0, 0, 0, 0]])
    assert mark_unmarked(markers, mask).tolist() == [[0, 7, 0, 8, 8, 0, 9]]


def test_a_marker_outside_the_mask_marks_nothing_and_stays() -> None:
    assert mark_unmarked(np.array([[5, 0, 0]]), np.array([[0, 0, 1]])).tolist() == [[5, 0, 6]]


@given(MASKS, hnp.arrays(np.int32, SHAPE, elements=st.sampled_from([0, 0, 0, 0, 1, 2])))
def test_no_piece_is_left_unmarked_and_no_marker_is_changed(mask: np.ndarray, markers: np.ndarray) -> None:
    result = mark_unmarked(markers, mask)
    np.testing.assert_array_equal(result[markers > 0], markers[markers > 0])
    pieces, n_pieces = ndimage.label(mask)
    assert all((result[pieces == piece] > 0).any() for piece in range(1, n_pieces + 1))
