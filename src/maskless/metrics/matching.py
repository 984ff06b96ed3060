"""Nuclei found and missed at thresholds of IoU: precision, recall, F1, accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maskless.metrics.assignment import Indices, most
from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.ratio import Ratio, ratio, zero_or_undefined

#: 0.50, 0.55, ..., 1.00, as in figure 3 of Trullo et al. Each is the float nearest to its decimal.
THRESHOLDS = tuple(k / 20 for k in range(10, 21))


@dataclass(frozen=True)
class IoUScores:
    """Scores of the objects of one image at one threshold, each 0 to 1, or nan without any object."""

    precision: float
    recall: float
    f1: float
    accuracy: float


def iou_scores(
    true: ArrayLike,
    pred: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    region: ArrayLike | None = None,
) -> dict[float, IoUScores]:
    """Precision, recall, F1 and accuracy of nuclei at each IoU threshold (as Trullo et al. 2022 print).

    A true and a predicted object match if their IoU is at least the threshold (at `panoptic_quality` it is
    more than 0.5). Matches are one-to-one, as many as there can be at once; only at 0.5 and below can that be
    a choice. With TP matches precision is TP / predicted, recall TP / true, F1 2 TP / (true + predicted) and
    accuracy TP / (true + predicted - TP).

    `true`, `pred` and `region` as in `overlap`; a threshold is above 0 and up to 1, else ValueError. If only
    one map has objects, all four are 0; if neither has, all are nan (0 / 0, to be left out of a mean).
    """
    return iou_scores_of(overlap(true, pred, region), thresholds)


def iou_scores_of(table: Overlap, thresholds: Sequence[float] = THRESHOLDS) -> dict[float, IoUScores]:
    """`iou_scores` of an overlap table that is there already."""
    matched = matched_objects(table, thresholds)
    ratios = object_ratios(matched, len(table.true_ids), len(table.pred_ids))
    values = np.stack([ratios[name] for name in ("precision", "recall", "f1", "accuracy")], axis=1)
    return {t: IoUScores(*row) for t, row in zip(thresholds, values.tolist(), strict=True)}


def matched_objects(table: Overlap, thresholds: Sequence[float] = THRESHOLDS) -> Indices:
    """How many pairs match at each threshold, int64 (len(thresholds),)."""
    if not all(0 < threshold <= 1 for threshold in thresholds):
        raise ValueError(f"thresholds of IoU are above 0 and up to 1, not {list(thresholds)}")
    # In floats, and yet exact for thresholds of few decimals, however they were computed: an IoU that is not
    # one of them is farther from it than 1e-12, for it is a ratio of whole numbers of pixels.
    iou = table.iou + 1e-12
    return np.array([_matched(table, iou >= threshold, threshold) for threshold in thresholds], np.int64)


def object_ratios(matched: ArrayLike, true_objects: ArrayLike, pred_objects: ArrayLike) -> dict[str, Ratio]:
    """The four scores by name, element by element, from counts; empty maps as in `iou_scores`."""
    matched, true, pred = (np.asarray(count, np.float64) for count in (matched, true_objects, pred_objects))
    empty = zero_or_undefined(true, pred)
    return {
        "precision": ratio(matched, pred, empty),
        "recall": ratio(matched, true, empty),
        "f1": ratio(2 * matched, true + pred),
        "accuracy": ratio(matched, true + pred - matched),
    }


def _matched(table: Overlap, enough: np.ndarray, threshold: float) -> int:
    if threshold > 0.5:  # more than half of both objects is in the pair: in no other pair can it be
        return int(np.count_nonzero(enough))
    return most(table.true_index[enough], table.pred_index[enough])
