from fractions import Fraction
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from label_map_examples import TOLERANCE, objects, pairs, pairs_with_region, scene_q

from maskless.metrics import aji


def slow_aji(truth, prediction) -> float:
    common = union = 0
    used = set()
    for t in sorted(truth):
        best, best_iou = None, Fraction(0)
        for p in sorted(prediction):
            iou = Fraction(len(truth[t] & prediction[p]), len(truth[t] | prediction[p]))
            if iou > best_iou:
                best, best_iou = p, iou
        if best is None:
            union += len(truth[t])
        else:
            common += len(truth[t] & prediction[best])
            union += len(truth[t] | prediction[best])
            used.add(best)
    union += sum(len(pixels) for p, pixels in prediction.items() if p not in used)
    return common / union if union else nan


def has_ties(truth, prediction) -> bool:
    for pixels in truth.values():
        ious = [Fraction(len(pixels & other), len(pixels | other)) for other in prediction.values()]
        positive = [iou for iou in ious if iou]
        if positive and positive.count(max(positive)) > 1:
            return True
    return False


@settings(deadline=None, max_examples=300)
@given(pairs_with_region())
def test_equals_the_definition(example):
    true, pred, region = example
    expected = slow_aji(objects(true, region), objects(pred, region))
    assert aji(true, pred, region) == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_scene_q():
    assert aji(*scene_q()) == pytest.approx(48 / 128, abs=TOLERANCE)


def test_a_prediction_may_serve_two_nuclei():
    true = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    assert aji(true, np.ones_like(true)) == pytest.approx(8 / 16, abs=TOLERANCE)


def test_ties_go_to_the_lowest_id():
    # Both predictions have IoU 1/3 with the one nucleus of 6 px: 2 / 6 and 3 / 9.
    true = np.array([[7, 7, 7, 7, 7, 7, 0, 0, 0]])
    small_first = np.array([[1, 1, 0, 2, 2, 2, 2, 2, 2]])
    large_first = np.array([[4, 4, 0, 3, 3, 3, 3, 3, 3]])
    assert aji(true, small_first) == pytest.approx(2 / (6 + 6), abs=TOLERANCE)
    assert aji(true, large_first) == pytest.approx(3 / (9 + 2), abs=TOLERANCE)


def test_the_highest_iou_is_taken_and_not_the_largest_overlap():
    # Prediction 1 covers more of the nucleus (4 px of 12), prediction 2 fits it better (3 px of 3).
    true = np.zeros((4, 12), int)
    true[0, :7] = 1
    pred = np.zeros((4, 12), int)
    pred[:3, :4], pred[0, 4:7] = 1, 2
    assert aji(true, pred) == pytest.approx(3 / (7 + 12), abs=TOLERANCE)


def test_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    assert aji(true, empty) == 0
    assert aji(empty, true) == 0
    assert isnan(aji(empty, empty))
    assert isnan(aji(true, true, region=empty))


@settings(deadline=None)
@given(pairs())
def test_a_map_agrees_with_itself(example):
    true, _ = example
    assume(true.any())
    assert aji(true, true) == 1


@settings(deadline=None)
@given(pairs(), st.randoms(use_true_random=False))
def test_ids_are_only_names(example, random):
    true, pred = example
    assume(not has_ties(objects(true), objects(pred)))
    renamed = []
    for labels in example:
        ids = [number for number in np.unique(labels).tolist() if number]
        names = random.sample(range(1, 10**12), len(ids))
        new = np.zeros(labels.shape, np.int64)
        for number, name in zip(ids, names, strict=True):
            new[labels == number] = name
        renamed.append(new)
    assert aji(*renamed) == pytest.approx(aji(true, pred), abs=TOLERANCE, nan_ok=True)


def test_outside_the_region_nothing_counts():
    true, pred = scene_q()
    region = np.zeros(true.shape, np.uint8)
    region[:10, :9] = 1
    assert aji(true, pred, region) == pytest.approx(30 / 42, abs=TOLERANCE)


def test_an_object_whose_centroid_is_outside_is_removed_although_most_of_it_is_inside():
    true, pred = scene_q()
    region = np.zeros(true.shape, np.uint8)
    region[:10] = 1
    region[5, 11] = 0  # the centroid of prediction 2, and one pixel of nucleus 2
    assert aji(true, pred, region) == pytest.approx((30 + 18) / (42 + 35), abs=TOLERANCE)
