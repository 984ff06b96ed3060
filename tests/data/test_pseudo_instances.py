from typing import Any

import numpy as np
import pytest
import slow_pseudo_labels as slow
from point_fields import SIZE, spread_points
from scipy.ndimage import gaussian_filter

from maskless.data.disturbed_points import disturbed_points
from maskless.data.labeller import Labeller
from maskless.data.pseudo_instances import PseudoInstances, TrueInstances
from maskless.errors import UserError
from maskless.signals import Signal


def pseudo(probability: np.ndarray, points: Any, **values: Any) -> tuple[np.ndarray, np.ndarray]:
    given = {Signal.PROBABILITY: probability, Signal.POINTS: np.reshape(points, (-1, 2)).astype(np.float32)}
    return checked(PseudoInstances(**values)(given), probability.shape)


def checked(made: dict[Signal, np.ndarray], size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    instances, labels = made[Signal.INSTANCES], made[Signal.LABELS]
    assert set(made) == {Signal.INSTANCES, Signal.LABELS}
    assert (instances.dtype, instances.shape) == (np.int32, size)
    assert (labels.dtype, labels.shape) == (np.uint8, (*size, 1))
    assert set(np.unique(instances)) - {0} == set(range(1, instances.max() + 1))
    np.testing.assert_array_equal(labels[..., 0] == 1, instances > 0)
    return instances, labels[..., 0]


def blob(*boxes: tuple[int, int, int, int], high: float = 0.9) -> np.ndarray:
    probability = np.full((40, 60), 0.1, np.float16)
    for top, bottom, left, right in boxes:
        probability[top:bottom, left:right] = high
    return probability


@pytest.mark.parametrize("seed", range(8))
def test_instances_are_those_of_the_definition(seed: int) -> None:
    points = spread_points(seed)[:: 1 + seed % 3]
    field = gaussian_filter(np.random.default_rng(seed).normal(size=SIZE), 1.5)
    probability = (0.5 + field).clip(0, 1)
    instances, labels = pseudo(probability, points)
    expected = slow.instances(points, probability, slow.voronoi_label(points, SIZE))
    assert len(expected) > 5
    assert instances.max() == len(expected)
    for mask in expected:
        (one,) = set(instances[mask].tolist())
        np.testing.assert_array_equal(instances == one, mask)
    background = (probability > 0) & (probability <= 0.3) & (instances == 0)
    np.testing.assert_array_equal(labels == 0, background)


def test_touching_nuclei_are_parted_between_their_points() -> None:
    instances, _ = pseudo(blob((10, 30, 10, 50)), [[20, 20], [20, 40]])
    assert instances.max() == 2
    assert instances[20, 12] != instances[20, 48]
    assert not instances[:, 30].any()


def test_a_nucleus_without_a_point_is_ignored_and_a_point_without_a_nucleus_has_none() -> None:
    probability = blob((5, 15, 5, 15), (25, 35, 40, 50))
    instances, labels = pseudo(probability, [[10, 10], [30, 25]])
    assert instances.max() == 1
    assert instances[10, 10] == 1
    assert (labels[25:35, 40:50] == 255).all()


def test_of_the_pieces_in_a_cell_those_that_touch_the_point_are_one_instance() -> None:
    probability = blob((10, 20, 5, 14), (10, 20, 15, 24), (30, 38, 5, 15))  # a gap at column 14
    instances, _ = pseudo(probability, [[15, 14], [20, 55]])
    assert instances.max() == 1
    assert instances[15, 6] == instances[15, 22] == 1
    assert not instances[30:].any()


def test_thresholds_are_those_of_the_paper() -> None:
    probability = blob((10, 20, 10, 20), high=0.5).astype(np.float32)
    probability[0, :4] = [0, 0.25, 0.3, 0.31]
    instances, labels = pseudo(probability, [[15, 15]])
    assert instances[15, 15] == 1
    assert labels[0, :4].tolist() == [255, 0, 0, 255]
    assert pseudo(probability, [[15, 15]], background=0.2)[1][0, :4].tolist() == [255, 255, 255, 255]
    assert pseudo(probability, [[15, 15]], foreground=0.6)[0].max() == 0


def test_small_pieces_go_and_holes_are_filled() -> None:
    probability = blob((10, 14, 10, 14))
    assert pseudo(probability, [[12, 12]])[0].max() == 0
    assert pseudo(probability, [[12, 12]], min_area_px=16)[0].sum() == 16
    ring = blob((10, 20, 10, 20))
    ring[13:17, 13:17] = 0.1
    assert pseudo(ring, [[11, 11]])[0].sum() == 100


def test_without_points_there_is_only_background() -> None:
    probability = blob((10, 20, 10, 20))
    for points in ([], [[-5, 3], [90, 90]]):
        instances, labels = pseudo(probability, points)
        assert instances.max() == 0
        np.testing.assert_array_equal(labels == 0, probability < 0.5)


def test_the_points_are_disturbed_as_those_of_the_labels_are() -> None:
    probability = blob(*((r, r + 7, c, c + 7) for r in (2, 14, 26) for c in (2, 14, 26, 38, 50)))
    points = np.array([(r + 3, c + 3) for r in (2, 14, 26) for c in (2, 14, 26, 38, 50)], np.float32)
    fewer = disturbed_points(points, probability.shape, keep=0.6, jitter_px=1, seed=9)
    found = pseudo(probability, points, keep=0.6, jitter_px=1.0, seed=9)
    for one, other in zip(found, pseudo(probability, fewer), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[0].max() == 9


def test_true_instances_are_pieces_of_ten_pixels_or_more() -> None:
    truth = np.zeros((20, 20), np.int32)
    truth[0:3, 0:3] = 8  # 9 px
    truth[5:7, 0:5] = 70_000  # 10 px
    truth[7:9, 0:5] = 4  # touches it
    truth[0:4, 10:14] = truth[10:14, 10:14] = 5  # two pieces
    instances, labels = checked(TrueInstances()({Signal.INSTANCES: truth}), truth.shape)
    assert instances.max() == 4
    assert (labels[0:3, 0:3] == 255).all()
    assert (labels == 0).sum() == (truth == 0).sum()
    assert len({instances[5, 0], instances[7, 0], instances[0, 10], instances[10, 10]}) == 4
    nothing, background = checked(TrueInstances()({Signal.INSTANCES: truth * 0}), truth.shape)
    assert nothing.max() == 0
    assert (background == 0).all()


def test_both_are_labellers_and_refuse_values_that_cannot_be() -> None:
    assert isinstance(PseudoInstances(), Labeller)
    assert isinstance(TrueInstances(), Labeller)
    for values in (
        {"foreground": 1.1},
        {"background": -0.1},
        {"foreground": 0.3, "background": 0.3},
        {"min_area_px": -1},
        {"keep": 0.0},
        {"seed": -2},
    ):
        with pytest.raises(UserError, match=r"^PseudoInstances"):
            PseudoInstances(**values)
    with pytest.raises(UserError, match=r"^TrueInstances"):
        TrueInstances(min_area_px=-1)
