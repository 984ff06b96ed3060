from dataclasses import asdict
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, objects, pairs_with_region, scene_q

from maskless.metrics import pixel_scores


def slow_pixel_scores(true_pixels, pred_pixels, scored) -> dict[str, float]:
    tp = len(true_pixels & pred_pixels)
    fp = len(pred_pixels - true_pixels)
    fn = len(true_pixels - pred_pixels)
    tn = len(scored - true_pixels - pred_pixels)

    def ratio(a, b, otherwise):
        return a / b if b else otherwise

    undefined = 0.0 if tp + fp + fn else nan
    defined = [
        found / there for found, there in ((tp, tp + fn), (tn, tn + fp)) if there
    ]  # recall, specificity
    return {
        "dice": ratio(2 * tp, 2 * tp + fp + fn, nan),
        "iou": ratio(tp, tp + fp + fn, nan),
        "f1": ratio(2 * tp, 2 * tp + fp + fn, nan),
        "precision": ratio(tp, tp + fp, undefined),
        "recall": ratio(tp, tp + fn, undefined),
        "accuracy": ratio(tp + tn, tp + tn + fp + fn, nan),
        "balanced_accuracy": ratio(sum(defined), len(defined), nan),
    }


def all_pixels(shape, region=None):
    return {p for p in np.ndindex(shape) if region is None or region[p]}


@settings(deadline=None, max_examples=300)
@given(pairs_with_region())
def test_equals_the_definition_on_label_maps(example):
    true, pred, region = example
    foreground = [set().union(*objects(labels, region).values()) for labels in (true, pred)]
    expected = slow_pixel_scores(*foreground, all_pixels(true.shape, region))
    found = asdict(pixel_scores(true, pred, region))
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


@settings(deadline=None)
@given(pairs_with_region())
def test_equals_the_definition_on_masks(example):
    true, pred, region = example
    true, pred = true > 0, pred > 0
    scored = all_pixels(true.shape, region)
    foreground = [{p for p in scored if mask[p]} for mask in (true, pred)]
    expected = slow_pixel_scores(*foreground, scored)
    found = asdict(pixel_scores(true, pred, region))
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_scene_q():
    found = asdict(pixel_scores(*scene_q()))
    expected = {"dice": 0.75, "f1": 0.75, "precision": 0.75, "recall": 0.75, "iou": 0.6, "accuracy": 0.89}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=TOLERANCE)
    assert found["balanced_accuracy"] == pytest.approx((66 / 88 + 290 / 312) / 2, abs=TOLERANCE)
    assert found["balanced_accuracy"] == pytest.approx(0.839744, abs=5e-7)


def test_precision_and_recall_are_not_exchanged():
    found = pixel_scores(np.array([[1, 1, 1, 1, 0]]), np.array([[3, 0, 0, 0, 0]]))
    assert (found.precision, found.recall) == (1, 0.25)


def test_a_mask_and_a_label_map_can_be_compared():
    true, pred = scene_q()
    assert pixel_scores(true > 0, pred) == pixel_scores(true, pred > 0) == pixel_scores(true, pred)
    assert pixel_scores(np.uint8(255) * (true > 0), pred) == pixel_scores(true, pred)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_a_nucleus_outside_the_region_goes_whatever_the_type_of_its_id(dtype):
    labels = np.array([[1, 1, 1, 1, 0]], dtype)
    region = np.array([[1, 1, 0, 0, 0]])  # the centroid is in column 2
    assert np.isnan(pixel_scores(labels, labels, region).dice)


def test_a_region_cuts_a_mask_but_removes_objects():
    labels = np.array([[5, 5, 5, 5, 0]], np.uint8)
    region = np.array([[1, 1, 0, 0, 0]])  # the centroid is in column 2
    assert pixel_scores(labels > 0, labels > 0, region).dice == 1
    assert pixel_scores(labels > 0, labels, region).recall == 0


def test_empty_maps():
    full = np.ones((4, 4), np.int32)
    some = np.zeros((4, 4), np.int32)
    some[0, :2] = 1
    empty = np.zeros((4, 4), np.int32)

    missed = pixel_scores(some, empty)
    assert (missed.dice, missed.iou, missed.precision, missed.recall) == (0, 0, 0, 0)
    assert (missed.accuracy, missed.balanced_accuracy) == (14 / 16, 0.5)

    invented = pixel_scores(empty, some)
    assert (invented.dice, invented.iou, invented.precision, invented.recall) == (0, 0, 0, 0)
    assert (invented.accuracy, invented.balanced_accuracy) == (14 / 16, 14 / 16)

    nothing = pixel_scores(empty, empty)
    assert all(isnan(v) for v in (nothing.dice, nothing.iou, nothing.f1, nothing.precision, nothing.recall))
    assert (nothing.accuracy, nothing.balanced_accuracy) == (1, 1)

    assert pixel_scores(full, some).balanced_accuracy == 2 / 16
    assert all(isnan(v) for v in asdict(pixel_scores(some, some, region=empty)).values())


def test_probabilities_are_refused():
    with pytest.raises(ValueError, match="pred must hold integer ids"):
        pixel_scores(np.ones((2, 2), bool), np.full((2, 2), 0.7))


def test_maps_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        pixel_scores(np.ones((2, 3), bool), np.ones((3, 2), bool))
