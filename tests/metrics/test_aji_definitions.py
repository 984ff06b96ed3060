"""AJI one-to-one and AJI+, and how the definitions of one name differ."""

from fractions import Fraction
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, objects, pairs, pairs_with_region, scene_q

from maskless.metrics import aji, aji_one_to_one, aji_plus, overlap
from maskless.metrics.aji import aggregate


def ious(truth, prediction) -> dict[tuple[int, int], Fraction]:
    return {
        (t, p): Fraction(len(truth[t] & prediction[p]), len(truth[t] | prediction[p]))
        for t in truth
        for p in prediction
        if truth[t] & prediction[p]
    }


def slow_ratio(truth, prediction, matched) -> float:
    common = sum(len(truth[t] & prediction[p]) for t, p in matched)
    union = sum(len(truth[t] | prediction[p]) for t, p in matched)
    union += sum(len(pixels) for t, pixels in truth.items() if t not in {t for t, _ in matched})
    union += sum(len(pixels) for p, pixels in prediction.items() if p not in {p for _, p in matched})
    return common / union if union else nan


def slow_one_to_one(truth, prediction) -> float:
    matched: list[tuple[int, int]] = []
    for t, p in sorted(candidates := ious(truth, prediction), key=lambda pair: (-candidates[pair], pair)):
        if all(t != other_t and p != other_p for other_t, other_p in matched):
            matched.append((t, p))
    return slow_ratio(truth, prediction, matched)


def slow_plus(truth, prediction) -> list[float]:
    """The value of every assignment whose IoUs have the highest total: more than one if totals tie."""
    candidates = ious(truth, prediction)
    best: dict[frozenset, tuple[Fraction, list]] = {frozenset(): (Fraction(0), [()])}
    for t in truth:
        after = dict(best)
        for used, (total, ways) in best.items():
            for p in prediction:
                if (t, p) in candidates and p not in used:
                    new, now = total + candidates[t, p], used | {p}
                    longer = [(*way, (t, p)) for way in ways]
                    if now not in after or new > after[now][0]:
                        after[now] = new, longer
                    elif new == after[now][0]:
                        after[now] = new, [*after[now][1], *longer]
        best = after
    highest = max(total for total, _ in best.values())
    return [
        slow_ratio(truth, prediction, way)
        for total, ways in best.values()
        if total == highest
        for way in ways
    ]


@settings(deadline=None, max_examples=200)
@given(pairs_with_region())
def test_one_to_one_equals_its_definition(example):
    true, pred, region = example
    expected = slow_one_to_one(objects(true, region), objects(pred, region))
    assert aji_one_to_one(true, pred, region) == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


@settings(deadline=None, max_examples=200)
@given(pairs_with_region())
def test_plus_equals_its_definition(example):
    true, pred, region = example
    found = aji_plus(true, pred, region)
    possible = slow_plus(objects(true, region), objects(pred, region))
    assert any(found == pytest.approx(value, abs=TOLERANCE, nan_ok=True) for value in possible)
    assert aji_plus(true, pred, region) == pytest.approx(found, abs=0, rel=0, nan_ok=True)


def test_scene_q():
    # Predictions 2 and 3 are the halves of nucleus 2, IoU 0.5 each: one serves, the other's 18 px go to U.
    expected = pytest.approx((30 + 18) / (42 + 36 + 16 + 18 + 16), abs=TOLERANCE)
    assert aji(*scene_q()) == aji_one_to_one(*scene_q()) == aji_plus(*scene_q()) == expected


def test_a_prediction_may_not_serve_two_nuclei():
    true = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    one = np.ones_like(true)
    assert aji(true, one) == pytest.approx(8 / 16, abs=TOLERANCE)
    assert aji_one_to_one(true, one) == pytest.approx(4 / 12, abs=TOLERANCE)
    assert aji_plus(true, one) == pytest.approx(4 / 12, abs=TOLERANCE)


def test_greedy_and_optimal_choice_differ():
    # IoU: 1-8 is 7/15, the highest; 1-9 is 3/10 and 2-8 is 5/12, together more. U is all areas less C.
    true = np.array([[1] * 10 + [2] * 5])
    pred = np.array([[9] * 3 + [8] * 12])
    assert aji_one_to_one(true, pred) == pytest.approx(7 / (15 + 15 - 7), abs=TOLERANCE)
    assert aji_plus(true, pred) == pytest.approx((3 + 5) / (15 + 15 - 8), abs=TOLERANCE)
    assert aji(true, pred) == pytest.approx((7 + 5) / (15 + 12 + 3), abs=TOLERANCE)


def test_greedy_ties_go_to_the_lowest_true_id_then_the_lowest_predicted():
    # Both nuclei have IoU 1/3 with prediction 4: 2 of 6 px, and 3 of 9.
    small_first = np.array([[1, 1, 2, 2, 2, 2, 2, 2]])
    pred = np.array([[4, 4, 4, 4, 4, 4, 0, 0]])
    assert aji_one_to_one(small_first, pred) == pytest.approx(4 / (8 + 2), abs=TOLERANCE)
    tied = np.array([[1, 1, 2, 2, 2]])
    assert aji_one_to_one(tied, np.array([[0, 6, 6, 0, 0]])) == pytest.approx(1 / (3 + 3), abs=TOLERANCE)
    # One nucleus of 6 px; predictions of 2 (IoU 2/6) and of 6, of which 3 inside (3/9).
    true = np.array([[7, 7, 7, 7, 7, 7, 0, 0, 0]])
    small = np.array([[1, 1, 0, 2, 2, 2, 2, 2, 2]])
    large = np.array([[4, 4, 0, 3, 3, 3, 3, 3, 3]])
    for metric in (aji_one_to_one, aji_plus):
        assert metric(true, small) == pytest.approx(2 / (6 + 6), abs=TOLERANCE)
        assert metric(true, large) == pytest.approx(3 / (9 + 2), abs=TOLERANCE)


@pytest.mark.parametrize("metric", [aji_one_to_one, aji_plus])
def test_empty_maps(metric):
    true, _ = scene_q()
    empty = np.zeros_like(true)
    assert metric(true, empty) == 0
    assert metric(empty, true) == 0
    assert isnan(metric(empty, empty))


@settings(deadline=None)
@given(pairs())
def test_c_and_u_are_kept_for_pooling(example):
    table = overlap(*example)
    for definition, metric in (("kumar", aji), ("one_to_one", aji_one_to_one), ("plus", aji_plus)):
        c_px, u_px = aggregate(table, definition)
        assert metric(*example) == pytest.approx(c_px / u_px if u_px else nan, abs=0, rel=0, nan_ok=True)
