"""The aggregated Jaccard index, in the three definitions that are printed under its one name."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from maskless.metrics.assignment import Indices, greedy, heaviest
from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.ratio import ratio


class Aggregate(NamedTuple):
    """What AJI is the ratio of: C, the intersections of all pairs, and U, their unions and what is unpaired.

    Summed over images they give the AJI of all images as one.
    """

    intersection_px: int
    union_px: int


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


def aji_one_to_one(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> float:
    """AJI in which no prediction serves twice, by greedy choice, 0 to 1.

    Of all pairs of a true and a predicted object that touch, the one of highest IoU comes first, then the
    highest of those whose two objects are both free, and so on; on ties the lowest true id, then the lowest
    predicted id. C and U as in `aji`, with U taking the areas of all objects that are left over. Some
    repositories print this as "AJI". Arguments and empty maps as in `aji`.
    """
    return aji_one_to_one_of(overlap(true, pred, region))


def aji_plus(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> float:
    """AJI+ (Graham et al., HoVer-Net, Medical Image Analysis 2019), 0 to 1.

    As `aji_one_to_one`, but the one-to-one pairs are those whose IoUs have the highest total (which is not
    always the highest C / U). If several sets of pairs have that total, it takes one of them, the same every
    time, and not always that of the lowest ids.
    Arguments and empty maps as in `aji`.
    """
    return aji_plus_of(overlap(true, pred, region))


def aji_of(table: Overlap) -> float:
    """`aji` of an overlap table that is there already."""
    return float(ratio(*aggregate(table, "kumar")))


def aji_one_to_one_of(table: Overlap) -> float:
    """`aji_one_to_one` of an overlap table that is there already."""
    return float(ratio(*aggregate(table, "one_to_one")))


def aji_plus_of(table: Overlap) -> float:
    """`aji_plus` of an overlap table that is there already."""
    return float(ratio(*aggregate(table, "plus")))


#: By definition, the pairs (indices into the table's) that an AJI is made of.
PAIRS: Mapping[str, Callable[[Overlap], Indices]] = {
    "kumar": lambda table: table.best_for_true(table.iou),
    "one_to_one": lambda table: greedy(table.true_index, table.pred_index, table.iou),
    "plus": lambda table: heaviest(table.true_index, table.pred_index, table.iou),
}


def aggregate(table: Overlap, definition: str) -> Aggregate:
    """C and U by a definition of PAIRS. Objects of either side in no pair add their areas to U."""
    chosen = PAIRS[definition](table)
    missed = np.delete(table.true_area_px, table.true_index[chosen])
    unused = np.delete(table.pred_area_px, table.pred_index[chosen])
    return Aggregate(
        int(table.intersection_px[chosen].sum()),
        int(table.union_px[chosen].sum() + missed.sum() + unused.sum()),
    )
