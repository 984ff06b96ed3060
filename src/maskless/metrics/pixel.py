"""The pixel scores: nucleus or not, whichever nucleus it is."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.metrics.labels import Inside, Labels, checked_maps
from maskless.metrics.overlap import Overlap
from maskless.metrics.ratio import Ratio, ratio, zero_or_undefined
from maskless.metrics.region import restrict


@dataclass(frozen=True)
class PixelScores:
    """Scores of the class 'nucleus' over the pixels of one image, each 0 to 1, or nan where undefined."""

    dice: float
    iou: float
    f1: float  #: the same number as `dice`, under the name that other papers print
    precision: float
    recall: float
    accuracy: float
    balanced_accuracy: float


class PixelCounts(NamedTuple):
    """What the pixel scores are ratios of. Summed over images they give the scores of all images as one."""

    hit_px: int  #: nucleus in both maps
    true_px: int
    pred_px: int
    scored_px: int  #: all that is compared, background included


def pixel_scores(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> PixelScores:
    """Dice, IoU, F1, precision, recall, accuracy and balanced accuracy of nucleus-or-not.

    `true` and `pred` are label maps (H, W) of any integer dtype, or boolean masks.
    `region` (H, W) is boolean or integer, 0 = outside. It acts on a label map as in `overlap` (objects whose
    centroid is outside go, then pixels outside); a mask has no objects, so it is only cut. Raises ValueError
    for other dtypes, negative ids and shapes that differ.

    If only one map has a nucleus, its Dice, IoU, F1, precision and recall are 0; if neither has, they are nan
    (0 / 0, to be left out of a mean). Balanced accuracy is the mean of recall and specificity, or the one of
    them that is defined if the truth is all background or all nucleus. Accuracy and balanced accuracy are nan
    if the region is empty.
    """
    truth, prediction, inside = checked_maps(_mask_as_labels(true), _mask_as_labels(pred), region)
    scored_px = truth.size if inside is None else int(np.count_nonzero(inside))
    true_mask = _foreground(truth, inside, is_mask=np.asarray(true).dtype == bool)
    pred_mask = _foreground(prediction, inside, is_mask=np.asarray(pred).dtype == bool)
    return _scores(
        PixelCounts(
            hit_px=int(np.count_nonzero(true_mask & pred_mask)),
            true_px=int(np.count_nonzero(true_mask)),
            pred_px=int(np.count_nonzero(pred_mask)),
            scored_px=scored_px,
        )
    )


def pixel_scores_of(table: Overlap) -> PixelScores:
    """`pixel_scores` of an overlap table that is there already."""
    return _scores(pixel_counts(table))


def pixel_counts(table: Overlap) -> PixelCounts:
    """The pixels of a table that are nucleus in both maps, in each, and that are compared at all."""
    return PixelCounts(
        hit_px=int(table.intersection_px.sum()),
        true_px=int(table.true_area_px.sum()),
        pred_px=int(table.pred_area_px.sum()),
        scored_px=table.scored_px,
    )


def pixel_ratios(
    hit_px: ArrayLike, true_px: ArrayLike, pred_px: ArrayLike, scored_px: ArrayLike
) -> dict[str, Ratio]:
    """The scores by name, element by element, from counts of pixels; empty maps as in `pixel_scores`."""
    hit, true, pred, scored = (np.asarray(n, np.float64) for n in (hit_px, true_px, pred_px, scored_px))
    union = true + pred - hit
    empty = zero_or_undefined(union)
    dice = ratio(2 * hit, true + pred)
    # Balanced accuracy: the mean of recall and specificity, of as many as are defined.
    of_classes = ratio(hit, true, 0.0) + ratio(scored - union, scored - true, 0.0)
    classes = (true > 0).astype(np.float64) + (scored > true)
    return {
        "dice": dice,
        "iou": ratio(hit, union),
        "f1": dice,
        "precision": ratio(hit, pred, empty),
        "recall": ratio(hit, true, empty),
        "accuracy": ratio(scored - union + hit, scored),
        "balanced_accuracy": ratio(of_classes, classes),
    }


def _scores(counts: PixelCounts) -> PixelScores:
    return PixelScores(**{name: float(value) for name, value in pixel_ratios(*counts).items()})


def _mask_as_labels(values: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(values)
    return array.astype(np.uint8) if array.dtype == bool else array


def _foreground(labels: Labels, inside: Inside | None, is_mask: bool) -> NDArray[np.bool_]:
    if inside is None:
        return labels > 0
    return (labels > 0) & inside if is_mask else restrict(labels, inside) > 0
