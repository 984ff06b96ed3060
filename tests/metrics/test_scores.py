from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import pairs_with_region, scene_q

from maskless import metrics
from maskless.metrics import (
    COUNTS,
    HIGHER_IS_BETTER,
    STANDARD,
    aji,
    aji_one_to_one,
    aji_plus,
    all_scores,
    average_dice,
    average_hausdorff,
    iou_scores,
    object_dice,
    object_hausdorff,
    panoptic_quality,
    pixel_scores,
)


def only_scores(values):
    return {key: value for key, value in values.items() if key[0] not in COUNTS}


def each_by_its_own_function(true, pred, region):
    maps = true, pred, region
    found = {(name, "foreground"): value for name, value in asdict(pixel_scores(*maps)).items()}
    found["aji", "kumar"] = aji(*maps)
    found["aji", "one_to_one"] = aji_one_to_one(*maps)
    found["aji", "plus"] = aji_plus(*maps)
    found["object_dice", "sirinukunwattana"] = object_dice(*maps)
    found["object_hausdorff", "sirinukunwattana"] = object_hausdorff(*maps, unmatched="nearest")
    found["object_hausdorff", "matched"] = object_hausdorff(*maps, unmatched="left_out")
    found["average_hausdorff", "symmetric"] = average_hausdorff(*maps, extent="whole")
    found["average_hausdorff", "sahasrabudhe"] = average_hausdorff(*maps, extent="clipped")
    found["average_dice", "sahasrabudhe"] = average_dice(*maps)
    found |= {(name, "iou>0.50"): value for name, value in asdict(panoptic_quality(*maps)).items()}
    for threshold, scores in iou_scores(true, pred, region=region).items():
        for name, value in asdict(scores).items():
            found[f"object_{name}", f"iou>={threshold:.2f}"] = value
    return found


@settings(deadline=None)
@given(pairs_with_region())
def test_each_score_is_that_of_its_own_function(example):
    # Not as uint8: a uint8 map of 0 and 1 is a mask to pixel_scores.
    true, pred, region = (None if m is None else m.astype(np.uint64) for m in example)
    found = only_scores(all_scores(true, pred, region))
    assert found == pytest.approx(each_by_its_own_function(true, pred, region), abs=0, rel=0, nan_ok=True)


def test_scene_q():
    found = all_scores(*scene_q())
    expected = {
        ("dice", "foreground"): 0.75,
        ("iou", "foreground"): 0.6,
        ("f1", "foreground"): 0.75,
        ("precision", "foreground"): 0.75,
        ("recall", "foreground"): 0.75,
        ("accuracy", "foreground"): 0.89,
        ("balanced_accuracy", "foreground"): 0.839744,
        ("aji", "kumar"): 0.375,
        ("aji", "one_to_one"): 0.375,
        ("aji", "plus"): 0.375,
        ("object_dice", "sirinukunwattana"): 0.613636,
        ("object_hausdorff", "matched"): 2,
        ("average_hausdorff", "sahasrabudhe"): 2,
        ("average_dice", "sahasrabudhe"): 0.75,
        ("pq", "iou>0.50"): 0.204082,
        ("dq", "iou>0.50"): 0.285714,
        ("sq", "iou>0.50"): 0.714286,
        ("object_f1", "iou>=0.50"): 0.571429,
        ("object_f1", "iou>=0.75"): 0,
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=5e-7)


def test_each_score_says_which_way_is_better_and_has_one_standard_definition():
    keys = only_scores(all_scores(*scene_q()))
    assert {metric for metric, _ in keys} == set(HIGHER_IS_BETTER) == set(STANDARD)
    assert set(STANDARD.items()) <= set(keys)
    assert {metric for metric, better in HIGHER_IS_BETTER.items() if not better} == {
        "object_hausdorff",
        "average_hausdorff",
    }


def test_a_perfect_prediction_gets_the_best_value_of_each():
    true, pred = scene_q()
    perfect, worse = only_scores(all_scores(true, true)), all_scores(true, np.roll(pred, 2, axis=0))
    for key, value in perfect.items():
        higher = HIGHER_IS_BETTER[key[0]]
        assert value == pytest.approx(1 if higher else 0)
        assert value > worse[key] if higher else value < worse[key]


def test_a_mask_has_no_objects_to_score():
    true, pred = scene_q()
    with pytest.raises(ValueError, match="true must hold integer ids"):
        all_scores(true > 0, pred)


def test_what_is_announced_is_there():
    assert all(hasattr(metrics, name) for name in metrics.__all__)
