import numpy as np
import pytest
import slow_pseudo_labels as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from point_fields import SIZE, spread_points
from scipy.ndimage import distance_transform_edt

from maskless.data.voronoi_cells import enclosed_cells, published_cells
from maskless.data.voronoi_label import discs, voronoi_edges, voronoi_label


@st.composite
def some_points(draw, least: int = 1, most: int = 12) -> np.ndarray:
    pixel = st.tuples(st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1))
    return np.array(draw(st.lists(pixel, min_size=least, max_size=most, unique=True)))


def meeting(points: np.ndarray) -> np.ndarray:
    """Pixels with a side on one that is nearer to another point."""
    grid = np.indices(SIZE).transpose(1, 2, 0)
    nearest = ((grid[:, :, None] - points) ** 2).sum(axis=-1).argmin(axis=-1)
    found = np.zeros(SIZE, bool)
    across, along = nearest[1:] != nearest[:-1], nearest[:, 1:] != nearest[:, :-1]
    found[1:] |= across
    found[:-1] |= across
    found[:, 1:] |= along
    found[:, :-1] |= along
    return found


@pytest.mark.parametrize("seed", range(6))
def test_labels_are_those_of_the_definition(seed: int) -> None:
    points = spread_points(seed)
    label = voronoi_label(points, voronoi_edges(points, SIZE))
    np.testing.assert_array_equal(label, slow.voronoi_label(points, SIZE))


@given(some_points(least=2))
@settings(max_examples=60, deadline=None)
def test_edges_lie_where_the_nearest_point_changes(points: np.ndarray) -> None:
    edges, exact = voronoi_edges(points, SIZE), meeting(points)
    assert distance_transform_edt(~exact)[edges].max() < 1.5
    assert distance_transform_edt(~edges)[exact].max() < 1.5


@given(some_points())
@settings(max_examples=30, deadline=None)
def test_the_neighbourhood_of_each_point_is_nucleus_and_nothing_else_is(points: np.ndarray) -> None:
    label = voronoi_label(points, voronoi_edges(points, SIZE))
    grid = np.indices(SIZE).transpose(1, 2, 0)
    near = (((grid[:, :, None] - points) ** 2).sum(axis=-1) <= 4).any(axis=-1)
    np.testing.assert_array_equal(label == 1, near)
    assert set(np.unique(label)) <= {0, 1, 255}


@given(some_points(least=2), st.sampled_from([0, 1]))
@settings(max_examples=30, deadline=None)
def test_a_flipped_image_has_flipped_edges_but_for_a_pixel(points: np.ndarray, axis: int) -> None:
    flipped = points.copy()
    flipped[:, axis] = SIZE[axis] - 1 - flipped[:, axis]
    one, other = voronoi_edges(points, SIZE), np.flip(voronoi_edges(flipped, SIZE), axis)
    for a, b in ((one, other), (other, one)):
        assert distance_transform_edt(~a)[b].max(initial=0) < 1.5


def test_one_point_has_no_edge_and_two_have_one_straight_across() -> None:
    assert not voronoi_edges(np.array([[5, 7]]), (20, 30)).any()
    edges = voronoi_edges(np.array([[10, 4], [10, 11]]), (20, 30))
    np.testing.assert_array_equal(edges, np.broadcast_to(np.isin(np.arange(30), [7, 8]), (20, 30)))


def test_points_on_a_line_have_cells_up_to_the_border() -> None:
    edges = voronoi_edges(np.array([[3, 3], [9, 9], [15, 15]]), (20, 20))
    assert edges[0, 12] or edges[0, 11]
    assert edges[19, 5] or edges[19, 6]
    assert not edges[np.arange(20), np.arange(20)][[3, 9, 15]].any()


def test_the_border_of_the_image_is_no_edge() -> None:
    points = np.array([[0, 0], [0, 63], [47, 0], [47, 63]])
    edges = voronoi_edges(points, SIZE)
    frame = np.concatenate([edges[0], edges[-1], edges[:, 0], edges[:, -1]])
    assert frame.sum() == 8  # where the two lines, two pixels wide, meet it


def test_few_points_far_from_the_border_have_no_edge_of_their_own_making() -> None:
    points = np.array([[20, 30], [24, 34], [22, 38]])  # the published far ends lie 20 px from them
    edges = voronoi_edges(points, SIZE)
    assert distance_transform_edt(~meeting(points))[edges].max() < 1.5


def test_enclosed_cells_tile_the_rectangle_around_the_image() -> None:
    points = spread_points(0)[:7]
    cells = enclosed_cells(points, SIZE)
    areas = [
        0.5 * abs(np.dot(c[:, 0], np.roll(c[:, 1], 1)) - np.dot(c[:, 1], np.roll(c[:, 0], 1))) for c in cells
    ]
    assert sum(areas) == pytest.approx((SIZE[0] + 1) * (SIZE[1] + 1))
    assert enclosed_cells(points[:0], SIZE) == []


def test_too_few_points_have_no_published_cells() -> None:
    for points in ([], [[1, 2]], [[1, 2], [3, 4]], [[1, 1], [5, 5], [9, 9]]):
        assert published_cells(np.array(points, int).reshape(-1, 2)) == []
    assert len(published_cells(spread_points(1))) == len(spread_points(1))


def test_discs_at_the_border_are_cut() -> None:
    found = discs(np.array([[0, 0]]), (6, 6), radius_px=2)
    assert found.sum() == 6
    assert not discs(np.zeros((0, 2), int), (6, 6), radius_px=2).any()
