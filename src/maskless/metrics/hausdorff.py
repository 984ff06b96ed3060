"""The object-level Hausdorff distance and the average Hausdorff distance."""

from collections.abc import Callable
from math import inf, nan
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from maskless.metrics.distances import Distances, Objects
from maskless.metrics.overlap import compared, overlap_of

Unmatched = Literal["nearest", "zero", "left_out"]
Extent = Literal["whole", "clipped"]

#: How many neighbours an upper limit is taken from.
_FIRST_CANDIDATES = 8
#: How many objects' neighbours are looked for together.
_TOGETHER = 64
#: Up to this many neighbours are measured without a closer look at where they lie.
_FEW = 4
#: More than what rounding can change a bound by, px.
_ROUNDING_PX = 1e-6


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
        truth, prediction = distances.true, distances.pred
        true_px[lonely_true] = _nearest(lonely_true, truth, prediction, distances.between)
        pred_px[lonely_pred] = _nearest(
            lonely_pred, prediction, truth, lambda pred, true: distances.between(true, pred)
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
    indices: NDArray[np.int64], source: Objects, target: Objects, distance: Callable[[int, int], float]
) -> list[float]:
    """The smallest `distance` from each of the source's objects `indices` to any of the target's, px."""
    if not len(indices):
        return []
    boxes, other_boxes = np.asarray(source.boxes), np.asarray(target.boxes)
    tree = cKDTree(_centres_px(other_boxes))
    found = []
    for few in np.split(indices, range(_TOGETHER, len(indices), _TOGETHER)):
        counts, others, bounds_px = _candidates(boxes[few], other_boxes, tree)
        ends = np.cumsum(counts)[:-1]
        parts = zip(few.tolist(), np.split(others, ends), np.split(bounds_px, ends), strict=True)
        found += [_smallest(index, can, least_px, source, target, distance) for index, can, least_px in parts]
    return found


def _candidates(
    boxes: NDArray[np.int64], other_boxes: NDArray[np.int64], tree: cKDTree
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Of each object in `boxes` (N, 4) how many others can be the nearest; which, one object's after the
    other's; and how far away each of those is at the least, px."""
    # Of an object some pixel is beyond its box's centre, seen from any place, and all are within the box's
    # radius of that centre. So two objects are about as far apart as the centres of their boxes: at the least
    # less the smaller radius, at the most plus both radii.
    centres_px, radii_px, other_radii_px = _centres_px(boxes), _radii_px(boxes), _radii_px(other_boxes)
    between_px, first = tree.query(centres_px, k=np.arange(1, min(_FIRST_CANDIDATES, tree.n) + 1))
    most_px = (between_px + other_radii_px[first]).min(1) + radii_px
    near = tree.query_ball_point(centres_px, most_px + radii_px + _ROUNDING_PX, return_sorted=True)
    counts = np.fromiter(map(len, near), np.int64, len(near))
    index, others = np.repeat(np.arange(len(near)), counts), np.concatenate(near).astype(np.int64)
    # And at the least as far as one side of a box is from the same side of the other.
    bounds_px = np.abs(boxes[index] - other_boxes[others]).max(1).astype(float)
    can = bounds_px <= most_px[index] + _ROUNDING_PX
    return np.bincount(index[can], minlength=len(near)), others[can], bounds_px[can]


def _smallest(
    index: int,
    others: NDArray[np.int64],
    bounds_px: NDArray[np.float64],
    source: Objects,
    target: Objects,
    distance: Callable[[int, int], float],
) -> float:
    """The smallest distance from an object to one of the `others`, each at least as far as its bound, px."""
    first = int(bounds_px.argmin())
    best_px = distance(index, int(others[first]))
    bounds_px[first] = inf
    can = bounds_px < best_px
    others, bounds_px = others[can], bounds_px[can]
    if len(others) > _FEW:
        bounds_px = np.maximum(bounds_px, _along_px(index, others, source, target))
    order = bounds_px.argsort()
    for bound_px, other in zip(bounds_px[order].tolist(), others[order].tolist(), strict=True):
        if bound_px >= best_px:
            break
        best_px = min(best_px, distance(index, other))
    return best_px


def _along_px(index: int, others: NDArray[np.int64], source: Objects, target: Objects) -> NDArray[np.float64]:
    """How far each of the others is from an object at the least, seen along the line between their boxes'
    centres, px: next to nothing less than the distance itself where the objects are far apart."""
    # In any direction, the ends of two objects are no farther from each other than the objects are.
    place_px = _centres_px(np.asarray(source.boxes[index])[None])
    way = _centres_px(np.asarray([target.boxes[other] for other in others.tolist()])) - place_px
    way /= np.maximum(np.hypot(*way.T), _ROUNDING_PX)[:, None]
    along_px = (source.rim(index).points_px - place_px) @ way.T
    rims_px = [target.rim(other).points_px for other in others.tolist()]
    lengths = np.fromiter(map(len, rims_px), np.int64, len(rims_px))
    starts = np.cumsum(lengths) - lengths
    other_px = ((np.concatenate(rims_px) - place_px) * np.repeat(way, lengths, 0)).sum(1)
    nearer_px = np.minimum.reduceat(other_px, starts) - along_px.min(0)
    farther_px = np.maximum.reduceat(other_px, starts) - along_px.max(0)
    return np.maximum(np.abs(nearer_px), np.abs(farther_px)) - _ROUNDING_PX


def _centres_px(boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The centres (N, 2) of boxes (N, 4), where a pixel lies at its centre."""
    return (boxes[:, 0::2] + boxes[:, 1::2] - 1) / 2


def _radii_px(boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far the pixels of an object can be from the centre of its box."""
    return np.hypot(boxes[:, 1] - boxes[:, 0] - 1, boxes[:, 3] - boxes[:, 2] - 1) / 2
