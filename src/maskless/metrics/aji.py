"""The aggregated Jaccard index."""

from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.metrics.overlap import Overlap, overlap


def aji(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> float:
    """Aggregated Jaccard index by its first definition (Kumar et al., IEEE TMI 2017), 0 to 1.

    Each true object takes the predicted object of highest IoU among those that touch it, the lowest id on
    ties; another true object may take the same one again. Their intersections are added to C, their unions to
    U; true objects that nothing touches and predicted objects that nobody took add their areas to U. AJI is
    C / U of one image; a data set's is the mean over its images.

    `true`, `pred` and `region` as in `overlap`. 0 if one map is empty, nan if both are: 0 / 0, to be left out
    of a mean. An id in several pieces is one object.
    """
    return aji_of(overlap(true, pred, region))


def aji_of(table: Overlap) -> float:
    """`aji` of an overlap table that is there already."""
    return aggregated_jaccard(table, table.best_for_true(table.iou))


def aggregated_jaccard(table: Overlap, chosen: NDArray[Any]) -> float:
    """C / U for the `chosen` pairs (indices into the table's pairs): what the definitions of AJI share.

    Objects of either side in no chosen pair add their areas to U. nan if there are no objects at all.
    """
    missed = np.delete(table.true_area_px, table.true_index[chosen])
    unused = np.delete(table.pred_area_px, table.pred_index[chosen])
    union_px = table.union_px[chosen].sum() + missed.sum() + unused.sum()
    return float(table.intersection_px[chosen].sum() / union_px) if union_px else nan
