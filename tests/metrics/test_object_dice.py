import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, objects, pairs, pairs_with_region, scene_q

from maskless.metrics import object_dice


def slow_side(side, other) -> float:
    total = sum(len(pixels) for pixels in side.values())
    score = 0.0
    for pixels in side.values():
        best, most = None, 0
        for number in sorted(other):
            if len(pixels & other[number]) > most:
                best, most = number, len(pixels & other[number])
        if best is not None:
            score += len(pixels) / total * 2 * most / (len(pixels) + len(other[best]))
    return score


def slow_object_dice(truth, prediction) -> float:
    if not truth and not prediction:
        return 1.0
    return (slow_side(truth, prediction) + slow_side(prediction, truth)) / 2


@settings(deadline=None, max_examples=300)
@given(pairs_with_region())
def test_equals_the_definition(example):
    true, pred, region = example
    expected = slow_object_dice(objects(true, region), objects(pred, region))
    assert object_dice(true, pred, region) == pytest.approx(expected, abs=TOLERANCE)


def test_scene_q():
    # True side: (36 * 60/72 + 36 * 36/54) / 88; predicted side: (36 * 60/72 + 2 * 18 * 36/54) / 88.
    assert object_dice(*scene_q()) == pytest.approx((30 + 24) / 88, abs=TOLERANCE)
    assert object_dice(*scene_q()) == pytest.approx(0.613636, abs=5e-7)


def test_ties_go_to_the_lowest_id():
    # Both predictions cover 2 px of the nucleus of 4 px; one has 2 px, the other 6.
    true = np.array([[1, 1, 1, 1, 0, 0, 0, 0]])
    pred_side = 2 / 8 * 4 / 6 + 6 / 8 * 4 / 10
    small_first = np.array([[1, 1, 2, 2, 2, 2, 2, 2]])
    large_first = np.array([[5, 5, 3, 3, 3, 3, 3, 3]])
    assert object_dice(true, small_first) == pytest.approx((4 / 6 + pred_side) / 2, abs=TOLERANCE)
    assert object_dice(true, large_first) == pytest.approx((4 / 10 + pred_side) / 2, abs=TOLERANCE)


def test_the_largest_overlap_is_taken_and_not_the_highest_iou():
    true = np.zeros((4, 12), int)
    true[0, :7] = 1
    pred = np.zeros((4, 12), int)
    pred[:3, :4], pred[0, 4:7] = 1, 2
    pred_side = 12 / 15 * 8 / 19 + 3 / 15 * 6 / 10
    assert object_dice(true, pred) == pytest.approx((8 / 19 + pred_side) / 2, abs=TOLERANCE)


def test_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    assert object_dice(empty, empty) == 1
    assert object_dice(true, empty) == 0
    assert object_dice(empty, true) == 0


@settings(deadline=None)
@given(pairs())
def test_both_sides_count_alike(example):
    true, pred = example
    assert object_dice(true, pred) == pytest.approx(object_dice(pred, true), abs=TOLERANCE)
    assert object_dice(true, true) == pytest.approx(1, abs=TOLERANCE)


def test_outside_the_region_nothing_counts():
    true, pred = scene_q()
    region = np.zeros(true.shape, bool)
    region[:10, :9] = True
    assert object_dice(true, pred, region) == pytest.approx(60 / 72, abs=TOLERANCE)
