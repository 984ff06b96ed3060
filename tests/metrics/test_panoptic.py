from dataclasses import asdict
from fractions import Fraction
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, objects, pairs_with_region, scene_q

from maskless.metrics import PanopticQuality, panoptic_quality


def slow_panoptic(truth, prediction) -> dict[str, float]:
    ious = [
        Fraction(len(t & p), len(t | p))
        for t in truth.values()
        for p in prediction.values()
        if Fraction(len(t & p), len(t | p)) > Fraction(1, 2)
    ]
    false = len(truth) + len(prediction) - 2 * len(ious)
    if not truth and not prediction:
        return {"pq": nan, "dq": nan, "sq": nan}
    dq = Fraction(len(ious), 1) / (len(ious) + Fraction(false, 2))
    sq = sum(ious) / len(ious) if ious else Fraction(0)
    return {"pq": float(dq * sq), "dq": float(dq), "sq": float(sq)}


@settings(deadline=None, max_examples=150)
@given(pairs_with_region())
def test_equals_the_definition(example):
    true, pred, region = example
    expected = slow_panoptic(objects(true, region), objects(pred, region))
    found = asdict(panoptic_quality(true, pred, region))
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_scene_q():
    # Nucleus 1 matches with 30/42; the halves of nucleus 2 have 0.5, which is not above. 3 true, 4 predicted.
    found = panoptic_quality(*scene_q())
    assert found.dq == pytest.approx(2 / 7, abs=TOLERANCE)
    assert found.sq == pytest.approx(30 / 42, abs=TOLERANCE)
    assert found.pq == pytest.approx(2 / 7 * 30 / 42, abs=TOLERANCE)


def test_an_iou_of_one_half_is_no_match():
    true = np.array([[1, 1, 1, 1]])
    assert panoptic_quality(true, np.array([[1, 1, 0, 0]])) == PanopticQuality(pq=0, dq=0, sq=0)
    assert panoptic_quality(true, np.array([[1, 1, 1, 0]])) == PanopticQuality(pq=0.75, dq=1, sq=0.75)


def test_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    assert panoptic_quality(true, empty) == panoptic_quality(empty, true) == PanopticQuality(0, 0, 0)
    assert all(isnan(value) for value in asdict(panoptic_quality(empty, empty)).values())
