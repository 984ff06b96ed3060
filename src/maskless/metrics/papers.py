"""A preset a paper: the columns of its table, computed exactly as its code does."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.metrics.aji import Aggregate, aggregate, aji_of
from maskless.metrics.average_dice import average_dice_of
from maskless.metrics.counts import Key
from maskless.metrics.distances import Distances
from maskless.metrics.hausdorff import average_hausdorff_of
from maskless.metrics.labels import Labels
from maskless.metrics.object_dice import object_dice_of
from maskless.metrics.overlap import Overlap, compared, overlap_of
from maskless.metrics.pixel import pixel_counts, pixel_scores_of
from maskless.metrics.ratio import ratio
from maskless.metrics.relabel import relabel, relabel_mask


class Column(NamedTuple):
    """A column of a paper's table: `printed`, its name there, what we score for it, and how images join.

    Over 'images' it is the mean of the images that define it; 'pooled' it is the score of all their counts
    (`pooled`).
    """

    printed: str
    key: Key
    over: Literal["images", "pooled"] = "images"


@dataclass(frozen=True)
class Paper:
    """A paper's table. `tables` are the names under which its printed values are known."""

    key: str
    title: str
    tables: tuple[str, ...]
    columns: tuple[Column, ...]


def _own(key: str, **printed: str) -> tuple[Column, ...]:
    return tuple(Column(name, (metric, key)) for name, metric in printed.items())


#: By key. Rules that differ from those of our own functions are told in `paper_scores`.
PAPERS: Mapping[str, Paper] = {
    paper.key: paper
    for paper in (
        Paper(
            "le_bescond_2022",
            "Le Bescond et al., MICCAI 2022",
            ("spatial_prior_v1", "spatial_prior_v2"),
            _own(
                "le_bescond_2022",
                semantic_dice="dice",
                balanced_accuracy="balanced_accuracy",
                precision="precision",
                recall="recall",
                aji="aji",
                object_dice="object_dice",
                object_hausdorff="object_hausdorff",
            ),
        ),
        Paper(
            "sahasrabudhe_2020",
            "Sahasrabudhe et al., MICCAI 2020",
            ("scale_attention",),
            _own("sahasrabudhe_2020", aji="aji", ahd="average_hausdorff", adc="average_dice"),
        ),
        Paper(
            "liu_2022",
            "Liu et al., ISBI 2022",
            ("point_supervised",),
            _own("liu_2022", accuracy="accuracy", iou="iou", f1="f1", object_dice="object_dice", aji="aji"),
        ),
        Paper(
            "trullo_2022",
            "Trullo et al., 2022",
            ("translation",),
            (
                Column("dice", ("dice", "foreground")),
                *(
                    Column(f"{name}@0.5", (f"object_{name}", "iou>=0.50"), "pooled")
                    for name in ("accuracy", "precision", "recall", "f1")
                ),
            ),
        ),
    )
}

#: What Le Bescond et al. add to denominators, so that 0 / 0 is 0.
_EPSILON = 1e-10


def paper_scores(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> dict[Key, float]:
    """What the papers print of one image, keyed by (metric, the paper's key); nan where it leaves one out.

    `true`, `pred` and `region` as in `overlap`; the region acts before anything else. Trullo et al. need no
    rows of their own: their columns are in `all_scores`.

    'le_bescond_2022': the truth is read as a mask, its 8-connected components are the objects. 1e-10 is added
    to the denominators of Dice, precision, recall and AJI, so all are 0 where ours are nan; balanced accuracy
    is `pixel_scores`'. Object Dice and object Hausdorff: the partner covers most of an object, on ties the
    one whose pixels in it come first in reading order. An object without a partner counts 0, in the Hausdorff
    distance too, so that misses lower it. Both maps empty: 1 and 0; one: 0 and nan.

    'sahasrabudhe_2020': `aji`, `average_hausdorff` ('clipped') and `average_dice`, as they are.

    'liu_2022': both maps are relabelled, 8-connected pixels of equal id to an object. AJI: a true object that
    nothing touches takes the first object of the prediction, whose area joins the union with its own, and
    which is then used. One map empty: all are 0 but accuracy; both: the code fails, all are nan.

    Their codes take the smallest value of a map for background, so that a map without background loses a
    nucleus, or the code stops; here it is scored as any other.
    """
    truth, prediction, scored_px = compared(true, pred, region)
    found = {
        "le_bescond_2022": _le_bescond(relabel_mask(truth), prediction, scored_px),
        "sahasrabudhe_2020": _sahasrabudhe(truth, prediction, scored_px),
        "liu_2022": _liu(overlap_of(relabel(truth), relabel(prediction), scored_px)),
    }
    return {(metric, key): value for key, values in found.items() for metric, value in values.items()}


def _le_bescond(truth: Labels, prediction: Labels, scored_px: int) -> dict[str, float]:
    table = overlap_of(truth, prediction, scored_px)
    hit_px, true_px, pred_px, _ = pixel_counts(table)
    c_px, u_px = aggregate(table, "kumar")
    # Partners by overlap, then by who is met first: whole numbers, for no product exceeds 2**63 below 3e9 px.
    covered = table.intersection_px * truth.size - table.first_px
    for_true, for_pred = table.best_for_true(covered), table.best_for_pred(covered)
    distances = Distances(truth, prediction, table)
    away_px = np.zeros(len(covered))
    for pair in np.union1d(for_true, for_pred).tolist():
        away_px[pair] = distances.between(int(table.true_index[pair]), int(table.pred_index[pair]))
    dice = 2 * table.intersection_px / (table.union_px + table.intersection_px + _EPSILON)
    return {
        "dice": 2 * hit_px / (true_px + pred_px + _EPSILON),
        "balanced_accuracy": pixel_scores_of(table).balanced_accuracy,
        "precision": hit_px / (pred_px + _EPSILON),
        "recall": hit_px / (true_px + _EPSILON),
        "aji": c_px / (u_px + _EPSILON),
        "object_dice": _both_sides(table, dice, for_true, for_pred, both_empty=1.0, one_empty=0.0),
        "object_hausdorff": _both_sides(table, away_px, for_true, for_pred, both_empty=0.0, one_empty=nan),
    }


def _both_sides(
    table: Overlap,
    value: NDArray[np.float64],
    for_true: NDArray[np.int64],
    for_pred: NDArray[np.int64],
    both_empty: float,
    one_empty: float,
) -> float:
    """The mean of both sides' sums of `value` (K,) over their pairs, weighted by share of area."""
    true_px, pred_px = table.true_area_px.sum(), table.pred_area_px.sum()
    if not true_px or not pred_px:
        return one_empty if true_px or pred_px else both_empty
    true_side = value[for_true] @ table.true_area_px[table.true_index[for_true]] / true_px
    pred_side = value[for_pred] @ table.pred_area_px[table.pred_index[for_pred]] / pred_px
    return float(true_side + pred_side) / 2


def _sahasrabudhe(truth: Labels, prediction: Labels, scored_px: int) -> dict[str, float]:
    table = overlap_of(truth, prediction, scored_px)
    distances = Distances(truth, prediction, table)
    return {
        "aji": aji_of(table),
        "average_hausdorff": average_hausdorff_of(distances, "clipped"),
        "average_dice": average_dice_of(table),
    }


def _liu(table: Overlap) -> dict[str, float]:
    pixels = pixel_scores_of(table)
    empty = not len(table.true_ids) and not len(table.pred_ids)
    return {
        "accuracy": nan if empty else pixels.accuracy,
        "iou": pixels.iou,
        "f1": pixels.f1,
        "object_dice": nan if empty else object_dice_of(table),
        "aji": float(ratio(*_with_first_prediction(table))),
    }


def _with_first_prediction(table: Overlap) -> Aggregate:
    """C and U of `aji` if all that is unmatched takes prediction 1, with which it shares no pixel."""
    c_px, u_px = aggregate(table, "kumar")
    unmatched = len(table.true_ids) - len(np.unique(table.true_index))
    if not unmatched or not len(table.pred_ids):
        return Aggregate(c_px, u_px)
    # Its own area is in U already; prediction 1 joins it each time, and is no longer left over.
    taken = 0 in table.pred_index[table.best_for_true(table.iou)]
    times = unmatched if taken else unmatched - 1
    return Aggregate(c_px, u_px + times * int(table.pred_area_px[0]))
