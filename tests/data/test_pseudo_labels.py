from typing import Any

import numpy as np
import pytest
import slow_pseudo_labels as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from point_fields import SIZE, tissue

from maskless.build import build
from maskless.data.disturbed_points import disturbed_points
from maskless.data.labeller import Labeller
from maskless.data.pseudo_labels import MaskLabels, PointLabels
from maskless.data.voronoi_label import discs
from maskless.errors import UserError
from maskless.signals import Signal


def labels(image: np.ndarray, points: Any, **values: Any) -> np.ndarray:
    made = PointLabels(**values)({Signal.IMAGE: image, Signal.POINTS: np.array(points, np.float32)})
    assert set(made) == {Signal.LABELS}
    found = made[Signal.LABELS]
    assert found.dtype == np.uint8
    assert found.shape == (*image.shape[:2], 2)
    return found


def test_the_first_label_is_voronoi_and_the_second_of_clusters() -> None:
    image, points = tissue(1)
    found = labels(image, points, patch_px=12, starts=3)
    voronoi = slow.voronoi_label(points, SIZE)
    np.testing.assert_array_equal(found[..., 0], voronoi)
    rows = slow.features(image, points, 0.2, 20, slow.colour_scale(image, points, 12))
    clusters = slow.kmeans(rows, 3, 3, 0).reshape(SIZE)
    expected = slow.cluster_label(clusters, points, slow.edges(points, SIZE))
    np.testing.assert_array_equal(found[..., 1], expected)


@given(
    st.sampled_from([(1, 1), (1, 30), (4, 5), (8, 8), (40, 33)]),
    st.lists(st.tuples(st.floats(-5, 45), st.floats(-5, 45)), max_size=8),
    st.sampled_from(["adaptive", "global"]),
    st.sampled_from([0, 3, 255]),
)
@settings(max_examples=60, deadline=None)
def test_any_points_on_any_image_have_labels(
    size: tuple[int, int], points: list, colours: str, contrast: int
) -> None:
    image = np.random.default_rng(0).integers(0, contrast + 1, (*size, 3)).astype(np.uint8)
    found = labels(image, np.reshape(points, (-1, 2)), colours=colours, patch_px=9, starts=2)
    assert set(np.unique(found)) <= {0, 1, 255}
    pixels = np.rint(np.reshape(points, (-1, 2)).astype(np.float32)).astype(int)
    inside = pixels[((pixels >= 0) & (pixels < size)).all(axis=1)]
    np.testing.assert_array_equal(found[..., 0] == 1, discs(inside, size, radius_px=2))
    near = discs(inside, size, radius_px=10)
    assert (found[near, 1] != 0).all()
    if not len(inside):
        assert (found == 255).all()


def test_duplicates_and_points_outside_change_nothing() -> None:
    image, points = tissue(2)
    more = np.concatenate([points[::-1], points[:3] + 0.2, [[-9, 4], [20, 500]]])
    np.testing.assert_array_equal(labels(image, more), labels(image, points))


def test_points_that_are_nowhere_are_refused() -> None:
    with pytest.raises(UserError, match="nowhere"):
        labels(np.zeros((9, 9, 3), np.uint8), [[np.nan, 1]])
    with pytest.raises(UserError, match="nowhere"):
        labels(np.zeros((9, 9, 3), np.uint8), [[np.nan, 1]], jitter_px=1.0)


def test_partial_and_moved_points_are_those_of_disturbed_points() -> None:
    image, points = tissue(3)
    points = points.astype(np.float32)
    fewer = disturbed_points(points, SIZE, keep=0.5, jitter_px=2, seed=4)
    found = labels(image, points, keep=0.5, jitter_px=2, seed=4)
    np.testing.assert_array_equal(found, labels(image, fewer, seed=4))
    assert not np.array_equal(found, labels(image, points, seed=4))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colours": "local"}, "'adaptive' or 'global', not 'local'"),
        ({"colour_weight": 0.0}, "colour_weight must be above 0"),
        ({"colour_weight": float("nan")}, "colour_weight must be above 0"),
        ({"distance_px": -1.0}, "distance_px must be above 0"),
        ({"patch_px": 0}, "patch_px must be 1 or more"),
        ({"starts": 0}, "starts must be 1 or more"),
        ({"keep": 0.0}, "not keep=0"),
        ({"jitter_px": -1.0}, "not -1"),
        ({"seed": -1}, "not -1"),
    ],
)
def test_values_that_cannot_be_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        PointLabels(**values)
    assert str(refused.value).startswith("PointLabels")


def test_masks_say_all() -> None:
    instances = np.array([[0, 0, 7], [1, 70_000, 0]], np.int32)
    made = MaskLabels()({Signal.INSTANCES: instances})
    assert made[Signal.LABELS].dtype == np.uint8
    assert made[Signal.LABELS].tolist() == [[[0], [0], [1]], [[1], [1], [0]]]


def test_both_are_labellers_that_are_built_from_plain_values() -> None:
    for name, makes in (("PointLabels", 2), ("MaskLabels", 1)):
        labeller = build({"_target_": f"maskless.data.pseudo_labels.{name}"})
        assert isinstance(labeller, Labeller)
        given_ = {
            Signal.IMAGE: np.zeros((9, 9, 3), np.uint8),
            Signal.POINTS: np.array([[4, 4]], np.float32),
            Signal.INSTANCES: np.ones((9, 9), np.int32),
        }
        made = labeller({signal: given_[signal] for signal in labeller.needs})
        assert set(made) == labeller.makes
        assert made[Signal.LABELS].shape == (9, 9, makes)
