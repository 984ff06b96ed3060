"""The object-level Dice coefficient."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.metrics.overlap import Overlap, overlap


def object_dice(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> float:
    """Object-level Dice (Sirinukunwattana et al., Medical Image Analysis 2017, the GlaS challenge), 0 to 1.

    Each object's partner is the object of the other map that covers most of it, the lowest id on ties;
    without a partner its Dice is 0. Each side's Dice coefficients are averaged with the objects' areas for
    weights, and the two sides' means are averaged.

    `true`, `pred` and `region` as in `overlap`. 1 if both maps are empty, as in the code of Le Bescond
    et al. (MICCAI 2022), and 0 if one is. An id in several pieces is one object.
    """
    return object_dice_of(overlap(true, pred, region))


def object_dice_of(table: Overlap) -> float:
    """`object_dice` of an overlap table that is there already."""
    if not len(table.true_ids) and not len(table.pred_ids):
        return 1.0
    if not len(table.true_ids) or not len(table.pred_ids):
        return 0.0
    for_true = table.best_for_true(table.intersection_px)
    for_pred = table.best_for_pred(table.intersection_px)
    true_side = _weighted(table.dice[for_true], table.true_index[for_true], table.true_area_px)
    pred_side = _weighted(table.dice[for_pred], table.pred_index[for_pred], table.pred_area_px)
    return (true_side + pred_side) / 2


def _weighted(dice: NDArray[np.float64], index: NDArray[np.int64], area_px: NDArray[np.int64]) -> float:
    # Objects without a partner are not in `index`, but their areas are in the total.
    return float(dice @ area_px[index] / area_px.sum())
