from dataclasses import asdict
from fractions import Fraction
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_map_examples import TOLERANCE, objects, pairs_with_region, scene_q

from maskless.metrics import THRESHOLDS, IoUScores, iou_scores, overlap
from maskless.metrics.matching import matched_objects


def most_matches(allowed: dict[int, set[int]]) -> int:
    """The most one-to-one pairs, by trying: each on the left is left out, or takes one that is free."""
    if not allowed:
        return 0
    rest = dict(allowed)
    _, partners = rest.popitem()
    best = most_matches(rest)
    for partner in partners:
        best = max(best, 1 + most_matches({n: p - {partner} for n, p in rest.items()}))
    return best


def slow_iou_scores(truth, prediction, threshold: Fraction) -> dict[str, float]:
    allowed = {
        t: {p for p, other in prediction.items() if Fraction(len(own & other), len(own | other)) >= threshold}
        for t, own in truth.items()
    }
    tp = most_matches({t: partners for t, partners in allowed.items() if partners})
    fp, fn = len(prediction) - tp, len(truth) - tp
    undefined = 0.0 if truth or prediction else nan
    return {
        "precision": tp / (tp + fp) if tp + fp else undefined,
        "recall": tp / (tp + fn) if tp + fn else undefined,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else nan,
        "accuracy": tp / (tp + fp + fn) if tp + fp + fn else nan,
    }


@settings(deadline=None, max_examples=200)
@given(pairs_with_region(), st.lists(st.integers(1, 20), unique=True))
def test_equals_the_definition(example, twentieths):
    true, pred, region = example
    truth, prediction = objects(true, region), objects(pred, region)
    found = iou_scores(true, pred, [k / 20 for k in twentieths], region)
    assert list(found) == [k / 20 for k in twentieths]
    for k in twentieths:
        expected = slow_iou_scores(truth, prediction, Fraction(k, 20))
        assert asdict(found[k / 20]) == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_the_thresholds_are_those_of_the_curve():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
    assert list(iou_scores(*scene_q())) == list(THRESHOLDS)


@pytest.mark.parametrize("twentieths", range(1, 21))
@pytest.mark.parametrize("size", [20, 60, 140, 2740, 99_980])
def test_an_iou_at_the_threshold_matches_and_one_pixel_less_does_not(twentieths, size):
    nucleus = np.ones((1, size), np.int32)
    at = nucleus * (np.arange(size) < size * twentieths // 20)
    below = nucleus * (np.arange(size) < size * twentieths // 20 - 1)
    threshold = float(f"{twentieths * 5 / 100:.2f}")
    assert matched_objects(overlap(nucleus, at), [threshold]).tolist() == [1]
    assert matched_objects(overlap(nucleus, below), [threshold]).tolist() == [0]


def test_scene_q():
    # At 0.5 nucleus 1 (30/42) and one half of nucleus 2 (0.5) match, of 3 true and 4 predicted.
    found = iou_scores(*scene_q())
    assert found[0.5] == IoUScores(precision=2 / 4, recall=2 / 3, f1=4 / 7, accuracy=2 / 5)
    assert found[0.55] == found[0.7] == IoUScores(precision=1 / 4, recall=1 / 3, f1=2 / 7, accuracy=1 / 6)
    assert found[0.75] == IoUScores(0, 0, 0, 0)


def test_as_many_as_there_can_be():
    # At 0.3 nucleus 1 (6 px) could take 8 or 9, nucleus 2 (4 px) only 8: both match if 1 takes 9.
    true = np.array([[1, 1, 1, 1, 1, 1, 2, 2, 2, 2]])
    pred = np.array([[9, 9, 8, 8, 8, 8, 8, 8, 8, 0]])
    assert overlap(true, pred).iou.tolist() == [4 / 9, 2 / 6, 3 / 8]
    assert iou_scores(true, pred, [0.3])[0.3].recall == 1
    assert iou_scores(true, pred, [0.4])[0.4].recall == 0.5


def test_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    nothing = IoUScores(0, 0, 0, 0)
    assert set(iou_scores(true, empty).values()) == set(iou_scores(empty, true).values()) == {nothing}
    assert all(isnan(v) for scores in iou_scores(empty, empty).values() for v in asdict(scores).values())


@pytest.mark.parametrize("threshold", [0, -0.5, 1.05, nan])
def test_thresholds_that_are_none_are_refused(threshold):
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        iou_scores(*scene_q(), thresholds=[0.5, threshold])
