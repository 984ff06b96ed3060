"""A region does the same in every metric: what `restrict` does by hand."""

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, objects, pairs_with_region

from maskless.metrics import all_scores, paper_scores, pixel_scores


def by_hand(labels, region):
    """The map without what the region removes, object by object."""
    kept = np.zeros(labels.shape, np.uint64)
    for number, pixels in objects(labels, region).items():
        for pixel in pixels:
            kept[pixel] = number
    return kept


def of_all_pixels(key):
    """What the background counts in: a map cut by hand has the background outside the region, too."""
    return key[0] in ("accuracy", "balanced_accuracy", "scored_px")


@settings(deadline=None)
@given(pairs_with_region())
def test_every_score_is_that_of_the_maps_cut_by_hand(example):
    true, pred, region = (None if m is None else m.astype(np.uint64) for m in example)
    cut = by_hand(true, region), by_hand(pred, region)
    for scores in (all_scores, paper_scores):
        found, expected = scores(true, pred, region), scores(*cut)
        for key in expected:
            if not of_all_pixels(key):
                assert found[key] == pytest.approx(expected[key], abs=TOLERANCE, nan_ok=True), key


@settings(deadline=None)
@given(pairs_with_region())
def test_the_background_outside_is_not_scored(example):
    true, pred, region = (None if m is None else m.astype(np.uint64) for m in example)
    inside = np.ones(true.shape, bool) if region is None else region > 0
    accuracy = balanced = nan
    if inside.any():
        cut = pixel_scores(by_hand(true, region)[inside][None], by_hand(pred, region)[inside][None])
        accuracy, balanced = cut.accuracy, cut.balanced_accuracy
    found, papers = all_scores(true, pred, region), paper_scores(true, pred, region)
    assert found["scored_px", "foreground"] == inside.sum()
    assert found["accuracy", "foreground"] == pytest.approx(accuracy, abs=TOLERANCE, nan_ok=True)
    assert found["balanced_accuracy", "foreground"] == pytest.approx(balanced, abs=TOLERANCE, nan_ok=True)
    assert papers["balanced_accuracy", "le_bescond_2022"] == pytest.approx(
        balanced, abs=TOLERANCE, nan_ok=True
    )
