from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_map_examples import TOLERANCE, pairs, scene_q

from maskless.metrics import COUNTS, HIGHER_IS_BETTER, all_scores, overlap, pooled, scores_of_counts
from maskless.metrics.counts import POINT_COUNTS, counts_of


def side_by_side(maps):
    """All pixels of the maps in one row, with ids that no two maps share, in the order of the maps."""
    row, offset = [], 0
    for labels in maps:
        numbers, index = np.unique(np.append(0, labels.astype(object)), return_inverse=True)
        compact = index[1:].astype(np.int64)
        row.append(np.where(compact > 0, compact + offset, 0))
        offset += len(numbers)
    return np.concatenate(row)[None]


@settings(deadline=None, max_examples=50)
@given(st.lists(pairs(), min_size=1, max_size=4))
def test_pooled_is_the_data_set_as_one_image(images):
    together = all_scores(*(side_by_side(side) for side in zip(*images, strict=True)))
    found = pooled(all_scores(true, pred) for true, pred in images)
    assert found == pytest.approx({key: together[key] for key in found}, abs=TOLERANCE, nan_ok=True)


def test_what_can_be_pooled():
    found = pooled([all_scores(*scene_q())])
    metrics = {"dice", "iou", "f1", "precision", "recall", "accuracy", "balanced_accuracy", "pq", "dq", "sq"}
    metrics |= {"aji", "object_precision", "object_recall", "object_f1", "object_accuracy"}
    assert {metric for metric, _ in found} == metrics
    assert len(found) == 7 + 3 + 3 + 4 * 11
    assert pooled([]) == {}


def test_pooled_is_not_the_mean():
    # 1 of 1 nucleus in one image, 1 of 9 in the other.
    one, nine = np.ones((1, 18), int), np.arange(18)[None] // 2 + 1
    images = [all_scores(one, one), all_scores(nine, nine * (nine == 1))]
    key = ("object_recall", "iou>=0.50")
    assert [image[key] for image in images] == [1, pytest.approx(1 / 9)]
    assert pooled(images)[key] == pytest.approx(2 / 10)


def test_an_empty_image_adds_nothing_but_background():
    empty = np.zeros((20, 20), int)
    alone, both = pooled([all_scores(*scene_q())]), pooled([all_scores(*scene_q()), all_scores(empty, empty)])
    assert alone["aji", "kumar"] == both["aji", "kumar"] == pytest.approx(0.375)
    assert (alone["accuracy", "foreground"], both["accuracy", "foreground"]) == (0.89, pytest.approx(0.945))


def test_a_score_is_left_out_where_an_image_lacks_a_count():
    whole, part = all_scores(*scene_q()), all_scores(*scene_q())
    del part["aji_union_px", "kumar"], part["scored_px", "foreground"]
    found = pooled([whole, part])
    assert ("aji", "kumar") not in found
    assert ("dice", "foreground") not in found
    assert found["aji", "plus"] == whole["aji", "plus"]
    assert ("aji", "kumar") not in pooled([part, whole])


def test_the_counts_of_scene_q():
    counts = counts_of(overlap(*scene_q()))
    assert counts == {
        ("hit_px", "foreground"): 66,
        ("true_px", "foreground"): 88,
        ("pred_px", "foreground"): 88,
        ("scored_px", "foreground"): 400,
        ("true_objects", "instances"): 3,
        ("pred_objects", "instances"): 4,
        ("matched_objects", "iou>=0.50"): 2,
        **{("matched_objects", f"iou>=0.{t}"): 1 for t in (55, 60, 65, 70)},
        **{("matched_objects", f"iou>=0.{t}"): 0 for t in (75, 80, 85, 90, 95)},
        ("matched_objects", "iou>=1.00"): 0,
        ("matched_objects", "iou>0.50"): 1,
        ("matched_iou", "iou>0.50"): 30 / 42,
        **{("aji_intersection_px", definition): 48 for definition in ("kumar", "one_to_one", "plus")},
        **{("aji_union_px", definition): 128 for definition in ("kumar", "one_to_one", "plus")},
    }
    assert {metric for metric, _ in counts} == COUNTS - set(POINT_COUNTS)
    assert not COUNTS & set(HIGHER_IS_BETTER)


@settings(deadline=None, max_examples=50)
@given(st.lists(pairs(), min_size=1, max_size=4))
def test_scores_of_many_images_at_once_are_those_of_each(images):
    rows = [all_scores(true, pred) for true, pred in images]
    counts = {key: np.array([row[key] for row in rows], float) for key in rows[0] if key[0] in COUNTS}
    for key, values in scores_of_counts(counts).items():
        assert values.shape == (len(images),)
        assert values.tolist() == pytest.approx([row[key] for row in rows], abs=0, rel=0, nan_ok=True)


def test_scores_of_no_counts():
    assert scores_of_counts({}) == {}
    zero = {key: np.zeros(3) for key in counts_of(overlap(*scene_q()))}
    assert all(np.isnan(values).all() for values in scores_of_counts(zero).values())
    one_sided = zero | {("pred_objects", "instances"): np.array([0.0, 1, 5])}
    found = scores_of_counts(one_sided)["object_recall", "iou>=0.50"]
    assert found.tolist() == pytest.approx([nan, 0, 0], nan_ok=True)
