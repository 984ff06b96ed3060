import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_map_examples import objects, pairs_with_region, scene_q

from maskless.metrics import overlap


@settings(deadline=None)
@given(pairs_with_region())
def test_the_table_is_what_counting_pixels_gives(example):
    true, pred, region = example
    table = overlap(true, pred, region)
    truth, prediction = objects(true, region), objects(pred, region)
    assert dict(zip(table.true_ids.tolist(), table.true_area_px.tolist(), strict=True)) == {
        number: len(pixels) for number, pixels in truth.items()
    }
    assert dict(zip(table.pred_ids.tolist(), table.pred_area_px.tolist(), strict=True)) == {
        number: len(pixels) for number, pixels in prediction.items()
    }
    expected = [
        (t, p, len(truth[t] & prediction[p]))
        for t in sorted(truth)
        for p in sorted(prediction)
        if truth[t] & prediction[p]
    ]
    ids = table.true_ids[table.true_index].tolist(), table.pred_ids[table.pred_index].tolist()
    assert list(zip(*ids, table.intersection_px.tolist(), strict=True)) == expected
    assert table.scored_px == (true.size if region is None else np.count_nonzero(region))
    first = [min(r * true.shape[1] + c for r, c in truth[t] & prediction[p]) for t, p, _ in expected]
    assert table.first_px.tolist() == first


def test_scene_q():
    table = overlap(*scene_q())
    assert table.true_area_px.tolist() == [36, 36, 16]
    assert table.pred_area_px.tolist() == [36, 18, 18, 16]
    assert table.true_index.tolist() == [0, 1, 1]
    assert table.pred_index.tolist() == [0, 1, 2]
    assert table.intersection_px.tolist() == [30, 18, 18]
    assert table.union_px.tolist() == [42, 36, 36]
    assert table.iou.tolist() == [30 / 42, 0.5, 0.5]
    assert table.dice.tolist() == [60 / 72, 36 / 54, 36 / 54]
    assert table.best_for_true(table.iou).tolist() == [0, 1]
    assert table.best_for_pred(table.iou).tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtypes", [("int32", "uint16"), ("uint8", "int64"), ("uint64", "int8")])
def test_each_map_has_its_own_integer_dtype(dtypes):
    true, pred = scene_q()
    table = overlap(true.astype(dtypes[0]), pred.astype(dtypes[1]))
    assert (table.true_ids.dtype, table.pred_ids.dtype) == dtypes
    assert table.intersection_px.tolist() == [30, 18, 18]


def test_ids_beyond_the_precision_of_a_float_stay_apart():
    true = np.array([[2**63 + 1, 2**63 + 2, 0]], np.uint64)
    table = overlap(true, np.array([[1, 1, 1]]))
    assert table.true_ids.tolist() == [2**63 + 1, 2**63 + 2]


def test_a_map_may_have_no_background():
    table = overlap(np.array([[7, 7], [8, 8]]), np.array([[5, 5], [5, 5]]))
    assert table.true_ids.tolist() == [7, 8]
    assert table.intersection_px.tolist() == [2, 2]


def test_an_object_is_kept_or_removed_by_its_centroid_and_then_cut():
    true = np.zeros((4, 8), np.int32)
    true[0, 0:3] = 1  # centroid in column 1
    true[2, 1:6] = 2  # centroid in column 3
    region = np.zeros((4, 8), bool)
    region[:, :2] = True
    table = overlap(true, true, region)
    assert table.true_ids.tolist() == table.pred_ids.tolist() == [1]
    assert table.true_area_px.tolist() == [2]
    assert table.scored_px == 8


def test_the_centroid_is_that_of_the_whole_object_in_all_its_pieces():
    true = np.zeros((3, 9), np.int32)
    true[1, 0], true[1, 8] = 5, 5
    region = np.zeros((3, 9), bool)
    region[:, 3:6] = True
    assert overlap(true, true, region).true_ids.tolist() == []  # centroid inside, but no pixel is
    region[:, :6] = True
    assert overlap(true, true, region).true_area_px.tolist() == [1]


def test_a_centroid_half_way_between_two_pixels_falls_in_the_later_one():
    true = np.array([[0, 3, 3, 0]])
    assert overlap(true, true, np.array([[1, 1, 0, 0]])).true_ids.tolist() == []
    assert overlap(true, true, np.array([[0, 0, 1, 1]])).true_area_px.tolist() == [1]
    assert overlap(true.T, true.T, np.array([[1, 1, 0, 0]]).T).true_ids.tolist() == []
    assert overlap(true.T, true.T, np.array([[0, 0, 1, 1]]).T).true_area_px.tolist() == [1]


def test_the_maps_are_left_as_they_were():
    true, pred = scene_q()
    region = np.zeros(true.shape, np.uint8)
    before = true.copy(), pred.copy(), region.copy()
    overlap(true, pred, region)
    assert all(np.array_equal(a, b) for a, b in zip(before, (true, pred, region), strict=True))


good = np.ones((3, 4), np.int32)


@pytest.mark.parametrize(
    ("true", "pred", "region", "message"),
    [
        (good, good[:2], None, r"\(3, 4\).*\(2, 4\)"),
        (good, good.T, None, "one shape"),
        (good, good, np.ones((4, 3), bool), "region is"),
        (good, good, np.ones((3, 4)), "region must be"),
        (good.astype(float), good, None, "true must hold integer ids"),
        (good, good.astype(bool), None, "pred must hold integer ids"),
        (good, -good, None, "pred has the id -1"),
        (good[None], good, None, r"true must be a label map \(H, W\)"),
        (good[:0], good[:0], None, "with pixels"),
    ],
)
def test_what_is_no_label_map_is_refused(true, pred, region, message):
    with pytest.raises(ValueError, match=message):
        overlap(true, pred, region)


@settings(deadline=None)
@given(pairs_with_region(), st.sampled_from(["iou", "dice", "intersection_px"]))
def test_the_best_partner_is_the_first_of_the_highest(example, score_name):
    table = overlap(*example)
    score = getattr(table, score_name)
    for best, own, other in (
        (table.best_for_true(score), table.true_index, table.pred_index),
        (table.best_for_pred(score), table.pred_index, table.true_index),
    ):
        expected = {}
        for k in sorted(range(len(score)), key=lambda k: other[k]):
            if own[k] not in expected or score[k] > score[expected[own[k]]]:
                expected[own[k]] = k
        assert dict(zip(own[best], best, strict=True)) == expected
