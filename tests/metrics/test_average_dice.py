from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, objects, pairs_with_region, scene_q

from maskless.metrics import average_dice


@settings(deadline=None)
@given(pairs_with_region())
def test_equals_the_definition(example):
    true, pred, region = example
    truth, prediction = (set().union(*objects(labels, region).values()) for labels in (true, pred))
    found = average_dice(true, pred, region)
    if truth or prediction:
        expected = 2 * len(truth & prediction) / (len(truth) + len(prediction))
        assert found == pytest.approx(expected, abs=TOLERANCE)
    else:
        assert isnan(found)


def test_scene_q():
    assert average_dice(*scene_q()) == pytest.approx(0.75, abs=TOLERANCE)


def test_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    assert average_dice(true, empty) == average_dice(empty, true) == 0
    assert isnan(average_dice(empty, empty))
