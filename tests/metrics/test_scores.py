from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import pairs_with_region, scene_q

from maskless import metrics
from maskless.metrics import HIGHER_IS_BETTER, aji, object_dice, pixel_scores, scores


@settings(deadline=None)
@given(pairs_with_region())
def test_each_score_is_that_of_its_own_function(example):
    true, pred, region = (None if m is None else m.astype(np.uint64) for m in example)
    found = scores(true, pred, region)
    expected = {
        (name, "foreground"): value for name, value in asdict(pixel_scores(true, pred, region)).items()
    }
    expected["aji", "kumar"] = aji(true, pred, region)
    expected["object_dice", "sirinukunwattana"] = object_dice(true, pred, region)
    assert found == pytest.approx(expected, abs=0, rel=0, nan_ok=True)


def test_scene_q():
    assert scores(*scene_q()) == pytest.approx(
        {
            ("dice", "foreground"): 0.75,
            ("iou", "foreground"): 0.6,
            ("f1", "foreground"): 0.75,
            ("precision", "foreground"): 0.75,
            ("recall", "foreground"): 0.75,
            ("accuracy", "foreground"): 0.89,
            ("balanced_accuracy", "foreground"): 0.839744,
            ("aji", "kumar"): 0.375,
            ("object_dice", "sirinukunwattana"): 0.613636,
        },
        abs=5e-7,
    )


def test_each_metric_says_which_way_is_better():
    assert {metric for metric, _ in scores(*scene_q())} == set(HIGHER_IS_BETTER)


def test_a_perfect_prediction_gets_the_best_value_of_each():
    true, _ = scene_q()
    perfect, missed = scores(true, true), scores(true, np.zeros_like(true))
    for key, value in perfect.items():
        assert value == pytest.approx(1)
        assert (value > missed[key]) == HIGHER_IS_BETTER[key[0]]


def test_a_mask_has_no_objects_to_score():
    true, pred = scene_q()
    with pytest.raises(ValueError, match="true must hold integer ids"):
        scores(true > 0, pred)


def test_what_is_announced_is_there():
    assert all(hasattr(metrics, name) for name in metrics.__all__)
