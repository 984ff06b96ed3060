"""The object-level Hausdorff distance and the average Hausdorff distance."""

from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from maskless.metrics.distances import Distances
from maskless.metrics.overlap import compared, overlap_of

Unmatched = Literal["nearest", "zero", "left_out"]
Extent = Literal["whole", "clipped"]

#: How many neighbours are asked for at first; most objects need no more.
_FIRST_CANDIDATES = 8


def object_hausdorff(
    true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None, unmatched: Unmatched = "nearest"
) -> float:
    """Object-level Hausdorff distance (Sirinukunwattana et al., Medical Image Analysis 2017, GlaS), px.

    Each object's partner is the object of the other map that covers most of it, the lowest id on ties. Each
    side's Hausdorff distances to the partners (symmetric, over all pixels of both objects) are averaged with
    the objects' areas for weights, and the two sides' means are averaged. 0 is best.

    What becomes of an object that nothing overlaps is `unmatched`:

    * 'nearest': its partner is the object of smallest Hausdorff distance, which is the published definition;
    * 'zero': it counts as distance 0 with its full weight, so that misses *lower* the score: the code of
      Le Bescond et al. (MICCAI 2022);
    * 'left_out': the mean is over the objects that have a partner, nan if none has.

    `true`, `pred` and `region` as in `overlap`. 0 if both maps are empty; nan if one is, to be left out of a
    mean (as Le Bescond et al. do; the challenge's own code has infinity there). Raises ValueError for another
    `unmatched`. An id in several pieces is one object.
    """
    return object_hausdorff_of(_distances(true, pred, region), unmatched)


def average_hausdorff(
    true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None, extent: Extent = "whole"
) -> float:
    """Average Hausdorff distance, AHD (Sahasrabudhe et al., MICCAI 2020), px, in two extents; 0 is best.

    * 'whole': the mean, over the true objects that anything overlaps, of the Hausdorff distance (symmetric,
      over all pixels) to the prediction that covers most of the object, the lowest id on ties;
    * 'clipped': what the paper's code computes. Of each prediction that overlaps a true object only the part
      inside it is looked at; the object's distance is the greatest from one of its pixels to such a part, the
      largest over the predictions; the mean is over the same objects. It does not see what sticks out.

    Neither sees missed objects or false ones. `true`, `pred` and `region` as in `overlap`. nan if nothing
    overlaps. Raises ValueError for another `extent`. An id in several pieces is one object.
    """
    return average_hausdorff_of(_distances(true, pred, region), extent)


def object_hausdorff_of(distances: Distances, unmatched: Unmatched = "nearest") -> float:
    """`object_hausdorff` of distances that are there already."""
    if unmatched not in get_args(Unmatched):
        raise ValueError(f"unmatched must be one of {', '.join(get_args(Unmatched))}, not {unmatched!r}")
    table = distances.table
    if not len(table.true_ids) and not len(table.pred_ids):
        return 0.0
    if not len(table.true_ids) or not len(table.pred_ids):
        return nan
    if unmatched == "left_out" and not len(table.intersection_px):
        return nan
    for_true = table.best_for_true(table.intersection_px)
    for_pred = table.best_for_pred(table.intersection_px)
    true_px = np.zeros(len(table.true_ids))
    pred_px = np.zeros(len(table.pred_ids))
    true_px[table.true_index[for_true]] = _between(distances, for_true)
    pred_px[table.pred_index[for_pred]] = _between(distances, for_pred)
    true_weight, pred_weight = table.true_area_px.copy(), table.pred_area_px.copy()
    lonely_true = np.setdiff1d(np.arange(len(true_px)), table.true_index)
    lonely_pred = np.setdiff1d(np.arange(len(pred_px)), table.pred_index)
    if unmatched == "left_out":
        true_weight[lonely_true], pred_weight[lonely_pred] = 0, 0
    elif unmatched == "nearest":
        true_boxes, pred_boxes = distances.true.boxes, distances.pred.boxes
        true_px[lonely_true] = _nearest(lonely_true, true_boxes, pred_boxes, distances.between)
        pred_px[lonely_pred] = _nearest(
            lonely_pred, pred_boxes, true_boxes, lambda pred, true: distances.between(true, pred)
        )
    return float(np.average(true_px, weights=true_weight) + np.average(pred_px, weights=pred_weight)) / 2


def average_hausdorff_of(distances: Distances, extent: Extent = "whole") -> float:
    """`average_hausdorff` of distances that are there already."""
    if extent not in get_args(Extent):
        raise ValueError(f"extent must be one of {', '.join(get_args(Extent))}, not {extent!r}")
    table = distances.table
    if not len(table.intersection_px):
        return nan
    if extent == "whole":
        return float(np.mean(_between(distances, table.best_for_true(table.intersection_px))))
    overlapped, first = np.unique(table.true_index, return_index=True)
    preds = (part.tolist() for part in np.split(table.pred_index, first[1:]))
    return float(np.mean(list(map(distances.to_shared, overlapped.tolist(), preds))))


def _distances(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None) -> Distances:
    truth, prediction, scored_px = compared(true, pred, region)
    return Distances(truth, prediction, overlap_of(truth, prediction, scored_px))


def _between(distances: Distances, pairs: NDArray[np.int64]) -> list[float]:
    true_index = distances.table.true_index[pairs].tolist()
    return list(map(distances.between, true_index, distances.table.pred_index[pairs].tolist()))


def _nearest(
    indices: NDArray[np.int64],
    boxes: Sequence[Sequence[int]],
    other_boxes: Sequence[Sequence[int]],
    distance: Callable[[int, int], float],
) -> list[float]:
    """The smallest `distance` from each of the objects `indices` to any object of the other map, px."""
    if not len(indices):
        return []
    # Two objects are at least as far apart as one side of their boxes is from the same side of the other. So
    # the objects are tried in the order of that bound, until it reaches the best distance found.
    tree = cKDTree(np.asarray(other_boxes))
    places = np.asarray(boxes)[indices]
    found = []
    first_few = zip(*_ordered(tree, places, _FIRST_CANDIDATES), strict=True)
    for index, place, (bounds_px, others) in zip(indices.tolist(), places, first_few, strict=True):
        best_px = inf
        while True:
            for bound_px, other in zip(bounds_px, others, strict=True):
                if bound_px >= best_px:
                    break
                best_px = min(best_px, distance(index, other))
            if bounds_px[-1] >= best_px or len(others) == tree.n:
                break
            # All over again, for equal bounds may come in another order; known distances cost nothing.
            (bounds_px,), (others,) = _ordered(tree, place[None], 4 * len(others))
        found.append(best_px)
    return found


def _ordered(
    tree: cKDTree, places: NDArray[np.int64], count: int
) -> tuple[list[list[float]], list[list[int]]]:
    """Of each of the boxes (N, 4) the bounds to the `count` first of the tree's, ascending, and which."""
    bounds_px, others = tree.query(places, k=np.arange(1, min(count, tree.n) + 1), p=np.inf)
    return bounds_px.tolist(), others.tolist()
