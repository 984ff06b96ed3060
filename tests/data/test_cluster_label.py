import numpy as np
import pytest
import slow_pseudo_labels as slow
from point_fields import SIZE, tissue
from scipy.ndimage import distance_transform_edt

from maskless.data.cluster_label import (
    adaptive_features,
    clipped_distance,
    cluster_label,
    global_features,
)
from maskless.data.colour_scale import colour_scale
from maskless.data.voronoi_label import discs, voronoi_edges

VALUES = {"colour_weight": 0.2, "distance_px": 20, "patch_px": 12, "starts": 3, "seed": 0}


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_the_definition(seed: int) -> None:
    image, points = tissue(seed)
    edges = voronoi_edges(points, SIZE)
    scale = slow.colour_scale(image, points, 12)
    rows = slow.features(image, points, 0.2, 20, scale)
    expected = slow.cluster_label(slow.kmeans(rows, 3, 3, 0).reshape(SIZE), points, edges)
    found = cluster_label(image, points, edges, colours="adaptive", **VALUES)
    assert set(np.unique(expected)) == {0, 1, 255}
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(3))
def test_global_labels_are_those_of_the_definition(seed: int) -> None:
    image, points = tissue(seed)
    edges = voronoi_edges(points, SIZE)
    distance = np.minimum(distance_transform_edt(~slow.dots(points, SIZE)), 20)
    rows = np.concatenate([image.reshape(-1, 3) / 10, distance.reshape(-1, 1)], axis=1)
    expected = slow.cluster_label(slow.kmeans(rows, 3, 3, 0).reshape(SIZE), points, edges)
    found = cluster_label(image, points, edges, colours="global", **VALUES)
    assert set(np.unique(expected)) == {0, 1, 255}
    np.testing.assert_array_equal(found, expected)


def test_nuclei_are_found_and_background_keeps_away_from_points() -> None:
    image, points = tissue(5)
    label = cluster_label(image, points, voronoi_edges(points, SIZE), colours="adaptive", **VALUES)
    assert (label[tuple(points.T)] == 1).mean() > 0.7
    assert (label[discs(points, SIZE, radius_px=10)] != 0).all()


def test_features_are_those_of_the_definition() -> None:
    image, points = tissue(0)
    distance = clipped_distance(points, SIZE, 9)
    rows = slow.features(image, points, 0.12, 9, 0.1)
    np.testing.assert_allclose(adaptive_features(image, distance, 0.12, 0.1), rows, rtol=1e-6)


def test_distances_are_exact_and_clipped() -> None:
    points = np.array([[0, 0], [400, 250]])
    exact = distance_transform_edt(~slow.dots(points, (500, 600)))
    np.testing.assert_array_equal(clipped_distance(points, (500, 600), 1e9), exact)
    np.testing.assert_array_equal(clipped_distance(points, (500, 600), 7.5), np.minimum(exact, 7.5))


def test_an_image_of_one_colour_is_told_by_distance_alone() -> None:
    image, points = np.full((*SIZE, 3), 90, np.uint8), np.array([[30, 30], [50, 60]])
    assert colour_scale(image, points, patch_px=12) == 0
    found = adaptive_features(image, clipped_distance(points, SIZE, 20), 0.2, 0.0)
    assert not found[:, :3].any()
    label = cluster_label(image, points, voronoi_edges(points, SIZE), colours="adaptive", **VALUES)
    assert (label[tuple(points.T)] == 1).all()
    assert set(np.unique(label)) == {0, 1, 255}


def test_where_every_pixel_is_a_point_nothing_is_divided_by_nothing() -> None:
    points = np.argwhere(np.ones((3, 3), bool))
    found = adaptive_features(np.zeros((3, 3, 3), np.uint8), clipped_distance(points, (3, 3), 20), 0.2, 0.1)
    assert found.shape == (9, 4)
    assert not found.any()


def test_global_features_have_the_papers_units() -> None:
    image = np.array([[[255, 100, 0]]], np.uint8)
    assert global_features(image, np.array([[20.0]])).ravel().tolist() == [25.5, 10, 0, 20]
