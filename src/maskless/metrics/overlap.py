"""The overlap table of two label maps: counted once, shared by all metrics that need no more than areas."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.metrics.labels import Labels, checked_maps, compact, runs
from maskless.metrics.region import restrict


@dataclass(frozen=True)
class Overlap:
    """How the objects of two label maps lie on each other.

    The objects of a side are indexed by ascending id: `true_ids` (T,), `pred_ids` (P,), with their areas in
    px, int64. The K pairs that share a pixel, sorted by `true_index`, then `pred_index` (K,), have
    `intersection_px` (K,) >= 1 pixels in common, of which `first_px` (K,) is the first in reading order
    (row * width + column). `scored_px` counts all pixels that were compared, background included.
    """

    true_ids: Labels
    pred_ids: Labels
    true_area_px: NDArray[np.int64]
    pred_area_px: NDArray[np.int64]
    true_index: NDArray[np.int64]
    pred_index: NDArray[np.int64]
    intersection_px: NDArray[np.int64]
    first_px: NDArray[np.int64]
    scored_px: int

    @property
    def union_px(self) -> NDArray[np.int64]:
        """The union of each pair, int64 (K,)."""
        return self.true_area_px[self.true_index] + self.pred_area_px[self.pred_index] - self.intersection_px

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair, (K,), above 0 and up to 1. Equal ratios are equal floats."""
        return self.intersection_px / self.union_px

    @property
    def dice(self) -> NDArray[np.float64]:
        """Dice coefficient of each pair, (K,), above 0 and up to 1."""
        return 2 * self.intersection_px / (self.union_px + self.intersection_px)

    def best_for_true(self, score: NDArray[Any]) -> NDArray[np.int64]:
        """The pair of highest `score` (K,) of each true object that has any; on ties the lowest pred id."""
        return _best(self.true_index, self.pred_index, score)

    def best_for_pred(self, score: NDArray[Any]) -> NDArray[np.int64]:
        """The pair of highest `score` (K,) of each pred object that has any; on ties the lowest true id."""
        return _best(self.pred_index, self.true_index, score)


def overlap(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> Overlap:
    """The overlap table of two label maps.

    `true` and `pred` are (H, W), of any integer dtype each; 0 is background, any other value is the id of one
    object, in however many pieces. With a `region` (H, W), boolean or integer, objects whose centroid lies
    outside (at 0) are removed on both sides, then the pixels outside are dropped (`region.restrict`). Raises
    ValueError for other dtypes, negative ids and shapes that differ.
    """
    return overlap_of(*compared(true, pred, region))


def compared(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> tuple[Labels, Labels, int]:
    """What is compared of two label maps, for all metrics alike: both with only what the region leaves, and
    the number of pixels that are scored. Arguments and errors as in `overlap`."""
    truth, prediction, inside = checked_maps(true, pred, region)
    if inside is None:
        return truth, prediction, truth.size
    return restrict(truth, inside), restrict(prediction, inside), int(np.count_nonzero(inside))


def overlap_of(truth: Labels, prediction: Labels, scored_px: int) -> Overlap:
    """`overlap` of two maps (H, W) that are checked and restricted already, as `compared` gives them."""
    start, length_px = runs(truth, prediction)
    true_ids, true_index = compact(truth.ravel()[start])
    pred_ids, pred_index = compact(prediction.ravel()[start])

    both = (true_index > 0) & (pred_index > 0)
    codes, first, pair = np.unique(
        true_index[both] * len(pred_ids) + pred_index[both], return_index=True, return_inverse=True
    )
    true_of_pair, pred_of_pair = np.divmod(codes, len(pred_ids))
    return Overlap(
        true_ids=true_ids[1:],
        pred_ids=pred_ids[1:],
        true_area_px=_total(length_px, true_index, len(true_ids))[1:],
        pred_area_px=_total(length_px, pred_index, len(pred_ids))[1:],
        true_index=true_of_pair - 1,
        pred_index=pred_of_pair - 1,
        intersection_px=_total(length_px[both], pair, len(codes)),
        first_px=start[both][first],
        scored_px=scored_px,
    )


def _total(length_px: NDArray[np.int64], index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    # bincount sums in float64, which is exact below 2**53 px.
    return np.bincount(index, length_px, count).astype(np.int64)


def _best(group: NDArray[np.int64], other: NDArray[np.int64], score: NDArray[Any]) -> NDArray[np.int64]:
    order = np.lexsort((other, -score, group))
    return order[np.diff(group[order], prepend=-1) > 0]
