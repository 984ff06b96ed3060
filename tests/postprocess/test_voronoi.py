import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from maskless.postprocess.voronoi import voronoi

SHAPE = (8, 9)


def test_two_nuclei_part_half_way() -> None:
    markers = np.array([[0, 4, 0, 0, 0, 2, 2]])
    mask = np.array([[1, 1, 1, 0, 1, 1, 0]])
    assert voronoi(markers, mask).tolist() == [[4, 4, 4, 0, 2, 2, 0]]


@given(
    hnp.arrays(np.int32, SHAPE, elements=st.sampled_from([0] * 12 + [3, 8, 70_000])),
    hnp.arrays(bool, SHAPE),
)
def test_each_pixel_of_the_mask_goes_to_a_nearest_marker(markers: np.ndarray, mask: np.ndarray) -> None:
    result = voronoi(markers, mask)
    assert result.dtype == np.int32
    assert not result[~mask].any()
    places = np.argwhere(markers)
    if not len(places):
        assert not result.any()
        return
    for pixel in np.argwhere(mask):
        squared = ((places - pixel) ** 2).sum(axis=1)
        assert result[tuple(pixel)] in markers[tuple(places[squared == squared.min()].T)]
    np.testing.assert_array_equal(result, voronoi(markers, mask), "ties are the same every time")


def test_without_a_mask_the_cells_fill_the_image() -> None:
    markers = np.zeros((5, 6), np.uint8)
    markers[2, 1], markers[2, 4] = 9, 5
    result = voronoi(markers)
    assert (result[:, :3] == 9).all()
    assert (result[:, 3:] == 5).all()
    assert (voronoi(markers, np.full((5, 6), 255, np.uint8)) == result).all()


def test_a_piece_without_a_marker_goes_to_a_neighbours() -> None:
    assert voronoi(np.array([[7, 0, 0]]), np.array([[1, 0, 1]])).tolist() == [[7, 0, 7]]
