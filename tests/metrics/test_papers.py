"""Each paper's preset against its definition, written out on sets of pixels."""

from collections import Counter
from math import hypot, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from label_map_examples import TOLERANCE, components, objects, pairs, scene_q

from maskless.metrics import (
    COUNTS,
    HIGHER_IS_BETTER,
    PAPERS,
    aji,
    all_scores,
    iou_scores,
    object_dice,
    object_hausdorff,
    paper_scores,
    pooled,
)

EPSILON = 1e-10


def of(paper, values):
    return {metric: value for (metric, key), value in values.items() if key == paper}


def directed(a, b) -> float:
    return max(min(hypot(r - s, c - d) for s, d in b) for r, c in a)


def pixels_of(side) -> set:
    return set().union(*side.values())


def best_iou(pixels, others) -> int | None:
    """The lowest id of the highest IoU, None if nothing touches."""
    ious = {n: len(pixels & other) / len(pixels | other) for n, other in sorted(others.items())}
    best = max(ious, key=ious.__getitem__, default=None)
    return best if best is not None and ious[best] > 0 else None


def c_and_u(truth, prediction, instead=None) -> tuple[int, int]:
    """Kumar's sums; a nucleus that nothing touches takes prediction `instead`, if there is one."""
    common = union = 0
    used = set()
    for pixels in truth.values():
        partner = best_iou(pixels, prediction) or instead
        other = prediction.get(partner, set())
        common, union, used = common + len(pixels & other), union + len(pixels | other), used | {partner}
    return common, union + sum(len(pixels) for p, pixels in prediction.items() if p not in used)


# -- Le Bescond et al. ---------------------------------------------------------------------------------------


def side_of_le_bescond(side, other_map, other, measure) -> float:
    total = sum(len(pixels) for pixels in side.values())
    score = 0.0
    for pixels in side.values():
        under = [int(other_map[p]) for p in sorted(pixels) if other_map[p]]
        if under:
            partner = Counter(under).most_common(1)[0][0]  # of equally many the one met first
            score += len(pixels) / total * measure(pixels, other[partner])
    return score


def le_bescond(true, pred) -> dict[str, float]:
    true = components(true > 0, 8)
    truth, prediction = objects(true), objects(pred)
    t, p = pixels_of(truth), pixels_of(prediction)
    rest = set(np.ndindex(true.shape)) - t
    rates = [len(found) / len(there) for found, there in ((t & p, t), (rest - p, rest)) if there]
    found = {
        "dice": 2 * len(t & p) / (len(t) + len(p) + EPSILON),
        "precision": len(t & p) / (len(p) + EPSILON),
        "recall": len(t & p) / (len(t) + EPSILON),
        "balanced_accuracy": sum(rates) / len(rates),
    }
    common, union = c_and_u(truth, prediction)
    found["aji"] = common / (union + EPSILON)
    for name, measure, both_empty, one_empty in (
        ("object_dice", lambda a, b: 2 * len(a & b) / (len(a) + len(b)), 1, 0),
        ("object_hausdorff", lambda a, b: max(directed(a, b), directed(b, a)), 0, nan),
    ):
        sides = (truth, pred, prediction), (prediction, true, truth)
        if truth and prediction:
            found[name] = sum(side_of_le_bescond(*side, measure) for side in sides) / 2
        else:
            found[name] = one_empty if truth or prediction else both_empty
    return found


@settings(deadline=None, max_examples=150)
@given(pairs())
def test_le_bescond_equals_its_definition(example):
    expected = le_bescond(*example)
    found = of("le_bescond_2022", paper_scores(*example))
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_le_bescond_on_scene_q():
    found = of("le_bescond_2022", paper_scores(*scene_q()))
    assert found == pytest.approx(
        {
            "dice": 0.75,
            "precision": 0.75,
            "recall": 0.75,
            "balanced_accuracy": 0.839744,
            "aji": 0.375,
            "object_dice": 0.613636,
            "object_hausdorff": 1.636364,
        },
        abs=5e-7,
    )


def test_le_bescond_reads_the_truth_as_a_mask_and_the_prediction_as_objects():
    two = np.array([[1, 1, 1, 2, 2, 0]])
    one = (two > 0).astype(int)
    assert paper_scores(two, one)["aji", "le_bescond_2022"] == pytest.approx(1)
    assert paper_scores(one, two)["aji", "le_bescond_2022"] == pytest.approx(3 / 7)


def test_le_bescond_on_ties_takes_who_is_met_first():
    # Truth and both predictions share 2 px; 9 is met first though 3 is lower: 2 * 2 / (4 + 2), not / (4 + 4).
    true = np.array([[1, 1, 1, 1, 0, 0, 0]])
    pred = np.array([[9, 9, 3, 3, 3, 3, 0]])
    pred_side = 2 / 6 * 4 / 6 + 4 / 6 * 4 / 8
    found = of("le_bescond_2022", paper_scores(true, pred))
    assert found["object_dice"] == pytest.approx((4 / 6 + pred_side) / 2, abs=TOLERANCE)
    assert object_dice(true, pred) == pytest.approx((4 / 8 + pred_side) / 2, abs=TOLERANCE)
    assert found["object_hausdorff"] == pytest.approx((2 + 2 / 6 * 2 + 4 / 6 * 2) / 2)


def test_le_bescond_misses_lower_the_hausdorff_distance():
    true, pred = np.zeros((2, 12), int), np.zeros((2, 12), int)
    true[0, :4], true[0, 8:], pred[0, :2] = 1, 2, 1
    found = paper_scores(true, pred)["object_hausdorff", "le_bescond_2022"]
    assert found == pytest.approx((4 / 8 * 2 + 2) / 2)
    assert found < object_hausdorff(true, pred, unmatched="left_out") == pytest.approx(2)


def test_le_bescond_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    zero = {"dice": 0, "precision": 0, "recall": 0, "aji": 0}
    nothing = of("le_bescond_2022", paper_scores(empty, empty))
    assert nothing == zero | {"balanced_accuracy": 1, "object_dice": 1, "object_hausdorff": 0}
    missed = of("le_bescond_2022", paper_scores(true, empty))
    expected = zero | {"balanced_accuracy": 0.5, "object_dice": 0, "object_hausdorff": nan}
    assert missed == pytest.approx(expected, nan_ok=True)
    invented = of("le_bescond_2022", paper_scores(empty, true))
    expected = zero | {"balanced_accuracy": 312 / 400, "object_dice": 0, "object_hausdorff": nan}
    assert invented == pytest.approx(expected, nan_ok=True)


# -- Sahasrabudhe et al. -------------------------------------------------------------------------------------


def sahasrabudhe(true, pred) -> dict[str, float]:
    truth, prediction = objects(true), objects(pred)
    t, p = pixels_of(truth), pixels_of(prediction)
    common, union = c_and_u(truth, prediction)
    distances = []
    for pixels in truth.values():
        parts = [pixels & other for other in prediction.values() if pixels & other]
        if parts:
            distances.append(max(directed(pixels, part) for part in parts))
    return {
        "aji": common / union if union else nan,
        "average_hausdorff": sum(distances) / len(distances) if distances else nan,
        "average_dice": 2 * len(t & p) / (len(t) + len(p)) if t or p else nan,
    }


@settings(deadline=None, max_examples=100)
@given(pairs())
def test_sahasrabudhe_equals_its_definition(example):
    expected = sahasrabudhe(*example)
    found = of("sahasrabudhe_2020", paper_scores(*example))
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_sahasrabudhe_on_scene_q():
    found = of("sahasrabudhe_2020", paper_scores(*scene_q()))
    assert found == pytest.approx({"aji": 0.375, "average_hausdorff": 2, "average_dice": 0.75})


# -- Liu et al. ----------------------------------------------------------------------------------------------


def liu(true, pred) -> dict[str, float]:
    truth, prediction = objects(components(true, 8)), objects(components(pred, 8))
    t, p = pixels_of(truth), pixels_of(prediction)
    if not truth and not prediction:
        return dict.fromkeys(("accuracy", "iou", "f1", "object_dice", "aji"), nan)
    common, union = c_and_u(truth, prediction, instead=1)
    score = 0.0
    for side, others in ((truth, prediction), (prediction, truth)):
        total = sum(len(pixels) for pixels in side.values())
        for pixels in side.values():
            most = max(others, key=lambda n: len(pixels & others[n]), default=None)
            if most is not None:
                share = len(pixels) / total
                score += share * len(pixels & others[most]) / (len(pixels) + len(others[most]))
    return {
        "accuracy": 1 - len(t ^ p) / true.size,
        "iou": len(t & p) / len(t | p),
        "f1": 2 * len(t & p) / (len(t) + len(p)),
        "object_dice": score,
        "aji": common / union if truth and prediction else 0,
    }


@settings(deadline=None, max_examples=300)
@given(pairs())
def test_liu_equals_its_definition(example):
    found = of("liu_2022", paper_scores(*example))
    assert found == pytest.approx(liu(*example), abs=TOLERANCE, nan_ok=True)


def test_liu_on_scene_q():
    # Nucleus 3, which nothing touches, takes the first prediction in reading order: 2, 18 px, taken already.
    found = of("liu_2022", paper_scores(*scene_q()))
    assert found == pytest.approx(
        {"accuracy": 0.89, "iou": 0.6, "f1": 0.75, "object_dice": 0.613636, "aji": 48 / (128 + 18)}, abs=5e-7
    )


def test_liu_an_unmatched_nucleus_takes_prediction_1_which_is_then_used():
    true = np.array([[1, 1, 0, 2, 2, 2, 0, 0, 0]])
    pred = np.array([[0, 0, 0, 0, 0, 4, 0, 3, 3]])  # relabelled: 4 is 1, 3 is 2
    found = paper_scores(true, pred)["aji", "liu_2022"]
    assert found == pytest.approx(1 / (3 + (2 + 1) + 2), abs=TOLERANCE)
    assert aji(true, pred) == pytest.approx(1 / (3 + 2 + 2), abs=TOLERANCE)
    alone = np.array([[0, 0, 0, 0, 0, 0, 0, 3, 3]])  # nobody's: both nuclei take it, it is no left-over
    assert paper_scores(true, alone)["aji", "liu_2022"] == 0


def test_liu_an_id_in_two_pieces_is_two_objects():
    true = np.array([[1, 1, 0, 1, 1, 0]])
    pred = np.array([[1, 1, 0, 0, 0, 0]])
    assert aji(true, pred) == pytest.approx(2 / 4)
    assert paper_scores(true, pred)["object_dice", "liu_2022"] == pytest.approx((2 / 4 + 1) / 2)
    assert object_dice(true, pred) == pytest.approx(4 / 6)


def test_liu_empty_maps():
    true, _ = scene_q()
    empty = np.zeros_like(true)
    zero = {"iou": 0, "f1": 0, "object_dice": 0, "aji": 0, "accuracy": 312 / 400}
    assert of("liu_2022", paper_scores(true, empty)) == zero
    assert of("liu_2022", paper_scores(empty, true)) == zero
    assert all(isnan(value) for value in of("liu_2022", paper_scores(empty, empty)).values())


# -- all -----------------------------------------------------------------------------------------------------


def test_trullo_counts_nuclei_over_all_images():
    true, pred = scene_q()
    images = [all_scores(true, pred), all_scores(true, true)]
    found = pooled(images)
    columns = {column.printed: column for column in PAPERS["trullo_2022"].columns}
    values = {name: found[column.key] for name, column in columns.items() if column.over == "pooled"}
    # 2 + 3 of 3 + 3 nuclei, of 4 + 3 predictions.
    expected = {"accuracy@0.5": 5 / 8, "precision@0.5": 5 / 7, "recall@0.5": 5 / 6, "f1@0.5": 10 / 13}
    assert values == pytest.approx(expected)
    assert (columns["dice"].over, columns["dice"].key) == ("images", ("dice", "foreground"))
    assert iou_scores(true, pred)[0.5].recall == pytest.approx(2 / 3)


def test_every_printed_column_is_computed():
    image = all_scores(*scene_q()) | paper_scores(*scene_q())
    everything = pooled([image])
    for key, paper in PAPERS.items():
        assert paper.key == key
        for column in paper.columns:
            assert column.key in (image if column.over == "images" else everything)
            assert column.key[0] in HIGHER_IS_BETTER
    own = {column.key for paper in PAPERS.values() for column in paper.columns} - set(all_scores(*scene_q()))
    assert own == set(paper_scores(*scene_q()))
    assert not {metric for metric, _ in own} & COUNTS


def test_the_columns_have_the_names_of_the_printed_tables():
    printed = {
        table: {column.printed for column in paper.columns}
        for paper in PAPERS.values()
        for table in paper.tables
    }
    le_bescond = {"semantic_dice", "balanced_accuracy", "precision", "recall"}
    le_bescond |= {"aji", "object_dice", "object_hausdorff"}
    assert printed == {
        "spatial_prior_v1": le_bescond,
        "spatial_prior_v2": le_bescond,
        "scale_attention": {"aji", "ahd", "adc"},
        "point_supervised": {"accuracy", "iou", "f1", "object_dice", "aji"},
        "translation": {"dice", "accuracy@0.5", "precision@0.5", "recall@0.5", "f1@0.5"},
    }
