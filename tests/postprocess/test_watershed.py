import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from maskless.postprocess.watershed import watershed

SHAPE = (8, 9)


def test_two_basins_meet_on_the_ridge() -> None:
    relief = np.array([[0, 1, 2, 3, 9, 2, 1, 0]], np.float32)
    markers = np.array([[4, 0, 0, 0, 0, 0, 0, 2]])
    result = watershed(relief, markers)
    assert result.dtype == np.int32
    assert result[0, :4].tolist() == [4, 4, 4, 4]
    assert result[0, 5:].tolist() == [2, 2, 2]
    assert result[0, 4] in (2, 4), "no line is left between neighbours"


@given(
    hnp.arrays(np.float32, SHAPE, elements=st.integers(-3, 3)),
    hnp.arrays(np.int32, SHAPE, elements=st.sampled_from([0, 0, 0, 0, 0, 3, 8])),
    hnp.arrays(bool, SHAPE),
)
def test_it_fills_exactly_the_pieces_of_the_mask_that_hold_a_marker(
    relief: np.ndarray, markers: np.ndarray, mask: np.ndarray
) -> None:
    result = watershed(relief, markers, mask)
    pieces, n_pieces = ndimage.label(mask)
    marked = np.zeros(n_pieces + 1, bool)
    marked[pieces[markers > 0]] = True
    marked[0] = False
    np.testing.assert_array_equal(result > 0, marked[pieces])
    kept = (markers > 0) & mask
    np.testing.assert_array_equal(result[kept], markers[kept])


def test_it_takes_a_mask_of_255_and_no_markers_at_all() -> None:
    mask = np.full((4, 4), 255, np.uint8)
    assert not watershed(np.zeros((4, 4)), np.zeros((4, 4), np.int32), mask).any()
