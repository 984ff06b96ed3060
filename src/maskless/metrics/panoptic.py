"""Panoptic quality, and the two qualities it is the product of."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.ratio import Ratio, ratio, zero_or_undefined


@dataclass(frozen=True)
class PanopticQuality:
    """Qualities of the objects of one image, each 0 to 1, or nan without any object."""

    pq: float
    dq: float  #: detection quality: F1 of the objects
    sq: float  #: segmentation quality: mean IoU of the matched


class Matched(NamedTuple):
    """What PQ needs of the pairs that match: how many, and the sum of their IoU."""

    objects: int
    iou: float


def panoptic_quality(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> PanopticQuality:
    """PQ = DQ * SQ of one class (Kirillov et al., CVPR 2019, where DQ is called RQ).

    Objects match if their IoU is above 0.5 (not at 0.5), which makes matches one-to-one. DQ is
    2 TP / (true + predicted objects), SQ the mean IoU of the matches.

    `true`, `pred` and `region` as in `overlap`. If nothing matches, all three are 0; if neither map has an
    object, nan (0 / 0, to be left out of a mean).
    """
    return panoptic_quality_of(overlap(true, pred, region))


def panoptic_quality_of(table: Overlap) -> PanopticQuality:
    """`panoptic_quality` of an overlap table that is there already."""
    ratios = panoptic_ratios(*matched(table), len(table.true_ids), len(table.pred_ids))
    return PanopticQuality(**{name: float(value) for name, value in ratios.items()})


def matches(table: Overlap) -> NDArray[np.bool_]:
    """Which pairs (K,) of a table have an IoU above 0.5, bool (K,): no object is in two of them."""
    return 2 * table.intersection_px > table.union_px


def matched(table: Overlap) -> Matched:
    """The pairs with an IoU above 0.5."""
    enough = matches(table)
    return Matched(int(np.count_nonzero(enough)), float(table.iou[enough].sum()))


def panoptic_ratios(
    matched_objects: ArrayLike, matched_iou: ArrayLike, true_objects: ArrayLike, pred_objects: ArrayLike
) -> dict[str, Ratio]:
    """The three qualities by name, element by element, from counts."""
    matches, iou = np.asarray(matched_objects, np.float64), np.asarray(matched_iou, np.float64)
    objects = np.asarray(true_objects, np.float64) + np.asarray(pred_objects, np.float64)
    return {
        "pq": ratio(2 * iou, objects),
        "dq": ratio(2 * matches, objects),
        "sq": ratio(iou, matches, zero_or_undefined(objects)),
    }
