from math import inf, isnan, nan, sqrt
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_map_examples import TOLERANCE, label_maps, objects, pairs, pairs_with_region, scene_q
from scipy.spatial.distance import cdist

from maskless.metrics import distances, hausdorff
from maskless.metrics.distances import Distances
from maskless.metrics.hausdorff import average_hausdorff, object_hausdorff
from maskless.metrics.overlap import compared, overlap_of

UNMATCHED = ("nearest", "zero", "left_out")


def slow_directed(pixels, others) -> float:
    return float(cdist(np.array(sorted(pixels)), np.array(sorted(others))).min(1).max())


def slow_distance(a, b) -> float:
    return max(slow_directed(a, b), slow_directed(b, a))


def slow_partner(pixels, other):
    """The lowest of the ids that cover most of the pixels; None if none does."""
    best, most = None, 0
    for number in sorted(other):
        if len(pixels & other[number]) > most:
            best, most = number, len(pixels & other[number])
    return best


def slow_side(side, other, unmatched) -> float:
    total, weight = 0.0, 0
    for pixels in side.values():
        partner = slow_partner(pixels, other)
        if partner is not None:
            total += len(pixels) * slow_distance(pixels, other[partner])
        elif unmatched == "nearest":
            total += len(pixels) * min((slow_distance(pixels, o) for o in other.values()), default=inf)
        elif unmatched == "left_out":
            continue
        weight += len(pixels)
    return total / weight if weight else nan


def slow_object_hausdorff(truth, prediction, unmatched) -> float:
    if not truth and not prediction:
        return 0.0
    if not truth or not prediction:
        return nan
    return (slow_side(truth, prediction, unmatched) + slow_side(prediction, truth, unmatched)) / 2


def slow_average_hausdorff(truth, prediction, extent) -> float:
    found = []
    for pixels in truth.values():
        touching = [other for other in prediction.values() if pixels & other]
        if not touching:
            continue
        if extent == "clipped":
            found.append(max(slow_directed(pixels, pixels & other) for other in touching))
        else:
            found.append(slow_distance(pixels, prediction[slow_partner(pixels, prediction)]))
    return sum(found) / len(found) if found else nan


def equal(value):
    return pytest.approx(value, abs=TOLERANCE, nan_ok=True)


#: `_SMALL_BOX_PX` and `_FEW_PAIRS` with which each of the ways of comparing two objects is taken.
WAYS = pytest.mark.parametrize(("small_box_px", "few_pairs"), [(10_000, 50_000), (0, 50_000), (0, 0)])


def tried_hard(small_box_px, few_pairs):
    """One way of comparing two objects, with steps so short that the search takes all of them."""
    return (
        patch.multiple(distances, _SMALL_BOX_PX=small_box_px, _FEW_PAIRS=few_pairs, _MARGIN_PX=1, _BLOCK=2),
        patch.multiple(hausdorff, _FIRST_CANDIDATES=1, _TOGETHER=2, _FEW=0),
    )


def measured(true, pred) -> Distances:
    truth, prediction, scored_px = compared(true, pred)
    return Distances(truth, prediction, overlap_of(truth, prediction, scored_px))


@WAYS
@settings(deadline=None, max_examples=120)
@given(pairs_with_region())
def test_equal_the_definitions(small_box_px, few_pairs, example):
    true, pred, region = example
    truth, prediction = objects(true, region), objects(pred, region)
    first, second = tried_hard(small_box_px, few_pairs)
    with first, second:
        for unmatched in UNMATCHED:
            expected = slow_object_hausdorff(truth, prediction, unmatched)
            assert object_hausdorff(true, pred, region, unmatched) == equal(expected)
        for extent in ("whole", "clipped"):
            expected = slow_average_hausdorff(truth, prediction, extent)
            assert average_hausdorff(true, pred, region, extent) == equal(expected)


@st.composite
def ragged(draw):
    """Two maps of one object each, full of holes and in many pieces, on parts of a common field."""
    shape = draw(st.integers(2, 40)), draw(st.integers(2, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    maps = []
    for _ in range(2):
        labels = (random.random(shape) < draw(st.sampled_from([0.02, 0.3, 0.9]))).astype(np.int32)
        row, column = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        labels[:row] = 0
        labels[:, column + 1 :] = 0
        labels[row, column] = 1
        maps.append(labels)
    return maps


@WAYS
@settings(deadline=None, max_examples=150)
@given(ragged())
def test_equals_the_distance_of_ragged_objects(small_box_px, few_pairs, example):
    true, pred = example
    first, second = tried_hard(small_box_px, few_pairs)
    with first, second:
        assert measured(true, pred).between(0, 0) == equal(slow_distance(objects(true)[1], objects(pred)[1]))


def test_scene_q():
    true, pred = scene_q()
    matched = 36 * 1 + 36 * 3
    assert object_hausdorff(true, pred, unmatched="zero") == equal((matched / 88 + (36 + 54 + 54) / 88) / 2)
    assert object_hausdorff(true, pred, unmatched="zero") == pytest.approx(1.636364, abs=5e-7)
    assert object_hausdorff(true, pred, unmatched="left_out") == equal(2)
    # The missed nucleus is nearest to the shifted prediction, 9 rows and 2 columns away; the false one to it.
    nearest = ((matched + 16 * sqrt(85)) / 88 + (matched + 16 * 10) / 88) / 2
    assert object_hausdorff(true, pred) == equal(nearest)
    assert average_hausdorff(true, pred, extent="clipped") == equal(2)
    assert average_hausdorff(true, pred) == equal(2)


@WAYS
def test_the_inside_of_a_ring_is_as_far_as_its_middle(small_box_px, few_pairs):
    # The truth fills the prediction's hole: the farthest pixel is no pixel of either outline.
    true, pred = np.zeros((30, 30), int), np.zeros((30, 30), int)
    true[5:26, 5:26] = 1
    pred[5:26, 5:26] = 1
    pred[6:25, 6:25] = 0
    first, second = tried_hard(small_box_px, few_pairs)
    with first, second:
        assert object_hausdorff(true, pred) == equal(10)
    assert average_hausdorff(true, pred, extent="clipped") == equal(10)


def test_one_giant_prediction_over_small_nuclei():
    true = np.zeros((260, 300), np.uint16)
    true[3:9, 4:10], true[100:117, 150:161], true[255:, 297:] = 7, 300, 9
    pred = np.ones(true.shape, np.uint16)
    pred[:40, 200:], pred[90:120, 155], pred[140:150, 20:90] = 0, 0, 0
    giant = objects(pred)[1]
    expected = {number: slow_distance(pixels, giant) for number, pixels in objects(true).items()}
    found = measured(true, pred)
    assert [found.between(index, 0) for index in range(3)] == equal([expected[i] for i in (7, 9, 300)])
    back = measured(pred, true)
    assert [back.between(0, index) for index in range(3)] == equal([expected[i] for i in (7, 9, 300)])
    # The other way around the giant is the nucleus, and what it shares with a prediction is cut out of it.
    clipped = max(slow_directed(giant, giant & pixels) for pixels in objects(true).values())
    assert average_hausdorff(pred, true, extent="clipped") == equal(clipped)


def test_a_giant_is_looked_for_far_around_an_object_in_its_hole():
    true, pred = np.zeros((300, 300), int), np.zeros((300, 300), int)
    true[140:160, 150:155] = 1
    pred[:, :20], pred[:, 290:], pred[:10] = 1, 1, 1
    assert measured(true, pred).between(0, 0) == equal(slow_distance(objects(true)[1], objects(pred)[1]))


def test_beyond_the_precision_of_float32():
    for length_px in range(2900, 3000):  # of which several come out wrong by float32
        true, pred = np.zeros((3, 3000), int), np.zeros((3, 3000), int)
        true[0, :length_px], pred[2, 0] = 1, 1
        assert measured(true, pred).between(0, 0) == equal(sqrt((length_px - 1) ** 2 + 4))
    wide_true, wide_pred = np.zeros((4, 9000), int), np.zeros((4, 9000), int)
    wide_true[0], wide_pred[3, 0] = 1, 1
    assert measured(wide_true, wide_pred).between(0, 0) == equal(sqrt(8999**2 + 9))


def test_the_nearest_of_many_is_not_the_nearest_box():
    # 30 crosses of one box stand closer to the missed nucleus than the square does, by their boxes.
    true, pred = np.zeros((400, 60), int), np.zeros((400, 60), int)
    true[200:211, 20:31] = 1
    pred[200:211, 33:44] = 99
    for number in range(1, 31):
        row = 10 + 11 * number + (20 if number > 15 else 0)
        pred[row, 2:13], pred[row - 5 : row + 6, 7] = number, number
    truth, prediction = objects(true), objects(pred)
    expected = slow_object_hausdorff(truth, prediction, "nearest")
    assert not any(truth[1] & pixels for pixels in prediction.values())
    assert object_hausdorff(true, pred) == equal(expected)


@st.composite
def apart(draw):
    """A few true objects far from many predicted ones, all ragged and of many sizes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    away_px = draw(st.sampled_from([0, 60, 400]))
    true, pred = np.zeros((70, 70 + away_px), np.int32), np.zeros((70, 70 + away_px), np.int32)
    for labels, left, right, count in ((true, 0, 30, 4), (pred, 30 + away_px, 70 + away_px, 12)):
        for number in range(1, count + 1):
            height, width = random.integers(1, draw(st.sampled_from([3, 9, 25])), 2)
            row, column = random.integers(70 - height), random.integers(left, right - width)
            holes = random.random((height, width)) < 0.7
            labels[row : row + height, column : column + width][holes] = number
    return (true.T, pred.T) if draw(st.booleans()) else (true, pred)


@pytest.mark.parametrize("few", [0, 4])
@settings(deadline=None, max_examples=60)
@given(apart())
def test_equals_the_definition_far_away(few, example):
    true, pred = example
    expected = slow_object_hausdorff(objects(true), objects(pred), "nearest")
    with patch.multiple(hausdorff, _FEW=few, _TOGETHER=3):
        assert object_hausdorff(true, pred) == equal(expected)


def test_few_pairs_are_measured_however_far_away_the_nearest_is():
    # Predictions in the last columns only: without good bounds all of an edge is as near as its nearest.
    random = np.random.default_rng(0)
    true = np.zeros((600, 900), np.int32)
    for number, (row, column) in enumerate(np.ndindex(30, 45), start=1):
        height, width = random.integers(4, 17, 2)
        true[20 * row + 2 :, 20 * column + 2 :][:height, :width] = number
    pred = true.copy()
    pred[:, :800] = 0
    with patch.object(Distances, "between", autospec=True, side_effect=Distances.between) as between:
        object_hausdorff(true, pred)
    assert len(objects(true)) == 1350
    assert between.call_count < 3 * 1350


def test_ties_of_the_overlap_go_to_the_lowest_id():
    true = np.array([[1, 1, 1, 1, 0, 0, 0, 0]])
    small_first = np.array([[1, 1, 2, 2, 2, 2, 2, 2]])
    large_first = np.array([[5, 5, 3, 3, 3, 3, 3, 3]])
    pred_side = 2 / 8 * 2 + 6 / 8 * 4
    assert object_hausdorff(true, small_first) == equal((2 + pred_side) / 2)
    assert object_hausdorff(true, large_first) == equal((4 + pred_side) / 2)
    assert average_hausdorff(true, small_first) == equal(2)
    assert average_hausdorff(true, large_first) == equal(4)


def test_clipped_takes_the_worst_part_and_does_not_see_what_sticks_out():
    true = np.zeros((5, 40), int)
    true[2, :10] = 1
    pred = np.zeros((5, 40), int)
    pred[2, :9], pred[2, 9:] = 1, 2
    assert average_hausdorff(true, pred, extent="clipped") == equal(9)
    assert average_hausdorff(true, pred) == equal(1)
    pred[2] = 1
    assert average_hausdorff(true, pred, extent="clipped") == equal(0)
    assert average_hausdorff(true, pred) == equal(30)


def test_empty_maps_and_maps_that_do_not_touch():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    beside = np.where(true == 0, 1, 0)
    for unmatched in UNMATCHED:
        assert object_hausdorff(empty, empty, unmatched=unmatched) == 0
        assert isnan(object_hausdorff(true, empty, unmatched=unmatched))
        assert isnan(object_hausdorff(empty, true, unmatched=unmatched))
    assert object_hausdorff(true, beside, unmatched="zero") == 0
    assert isnan(object_hausdorff(true, beside, unmatched="left_out"))
    assert object_hausdorff(true, beside) > 0
    for extent in ("whole", "clipped"):
        for one, other in ((empty, empty), (true, empty), (empty, true), (true, beside)):
            assert isnan(average_hausdorff(one, other, extent=extent))


@settings(deadline=None, max_examples=60)
@given(pairs())
def test_swapped_and_transposed_maps_score_alike(example):
    true, pred = example
    for unmatched in UNMATCHED:
        score = object_hausdorff(true, pred, unmatched=unmatched)
        assert object_hausdorff(pred, true, unmatched=unmatched) == equal(score)
        assert object_hausdorff(true.T, pred.T, unmatched=unmatched) == equal(score)
    for extent in ("whole", "clipped"):
        score = average_hausdorff(true, pred, extent=extent)
        assert average_hausdorff(true.T[::-1], pred.T[::-1], extent=extent) == equal(score)


@settings(deadline=None, max_examples=60)
@given(label_maps((12, 12)))
def test_a_map_is_at_no_distance_from_itself(labels):
    for unmatched in UNMATCHED:
        assert object_hausdorff(labels, labels, unmatched=unmatched) == 0
    assert average_hausdorff(labels, labels) == equal(0 if labels.any() else nan)


def test_unknown_conventions_are_refused():
    true, pred = scene_q()
    with pytest.raises(ValueError, match="unmatched must be one of nearest, zero, left_out"):
        object_hausdorff(true, pred, unmatched="none")
    with pytest.raises(ValueError, match="extent must be one of whole, clipped"):
        average_hausdorff(true, pred, extent="part")
