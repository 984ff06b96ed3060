"""Exact Hausdorff distances between the objects of two label maps, each pair computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import hypot, sqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from maskless.metrics.boxes import boxes
from maskless.metrics.labels import Labels
from maskless.metrics.overlap import Overlap

Box = Sequence[int]  #: row0, row1, column0, column1, px, ends excluded
Mask = NDArray[np.bool_]

#: Two objects in a common box of up to this many pixels are compared in it whole.
_SMALL_BOX_PX = 10_000
#: How far around an object a much larger one is looked for first, px.
_MARGIN_PX = 16
#: Up to here the square of OpenCV's float32 distance, rounded, is the right whole number, px.
_EXACT_PX = 1000.0
#: How many pixels of a rim are looked at together.
_BLOCK = 64
#: Up to this many pairs of pixels of two rims are compared one by one.
_FEW_PAIRS = 50_000


class Distances:
    """Hausdorff distances between the objects of a true and a predicted label map, px.

    All pixels of both objects count, not their outlines alone; a pixel lies where its centre is. Objects go
    by their index in `table`, the overlap table of the same two maps (ascending id). What `between` has given
    once is kept, so that several metrics share it.
    """

    def __init__(self, truth: Labels, prediction: Labels, table: Overlap) -> None:
        """`truth` and `prediction` (H, W) as `overlap.compared` gives them, `table` as `overlap_of` does."""
        self.table = table
        self.true = Objects(truth, table.true_ids.tolist())
        self.pred = Objects(prediction, table.pred_ids.tolist())
        self._known: dict[tuple[int, int], float] = {}

    def between(self, true: int, pred: int) -> float:
        """The Hausdorff distance of a true and a predicted object: the greatest distance from a pixel of
        either to the nearest pixel of the other."""
        pair = true, pred
        if pair not in self._known:
            self._known[pair] = sqrt(_symmetric_squared(self.true, true, self.pred, pred))
        return self._known[pair]

    def to_shared(self, true: int, preds: Sequence[int]) -> float:
        """The greatest distance from a pixel of a true object to the nearest pixel that it shares with a
        predicted one: the largest of all `preds`, each of which must overlap it."""
        box = self.true.boxes[true]
        nucleus = self.true.mask(true, box)
        predicted = self.pred.labels[box[0] : box[1], box[2] : box[3]]
        ids = [self.pred.ids[pred] for pred in preds]
        if _area_px(box) <= _SMALL_BOX_PX:
            return sqrt(max(_greatest_squared(nucleus, nucleus & (predicted == number)) for number in ids))
        whole = Objects(nucleus.view(np.uint8), [1])
        parts = Objects(np.where(nucleus, predicted, 0), sorted(ids))
        return sqrt(max(_directed_squared(whole, 0, parts, part) for part in range(len(ids))))


@dataclass(frozen=True)
class Objects:
    """The objects of one label map (H, W), by ascending id."""

    labels: Labels
    ids: list[int]
    _rims: dict[int, "_Rim"] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def boxes(self) -> list[list[int]]:
        """The bounding boxes as plain numbers, which are quicker to reckon with one by one."""
        return boxes(self.labels).tolist()

    def mask(self, index: int, box: Box) -> Mask:
        """Where an object lies within a box."""
        return self.labels[box[0] : box[1], box[2] : box[3]] == self.ids[index]

    def rim(self, index: int) -> "_Rim":
        """The rim of an object, found once."""
        if index not in self._rims:
            self._rims[index] = _Rim(self.mask(index, self.boxes[index]), self.boxes[index])
        return self._rims[index]


class _Rim:
    """The first and the last pixel of an object in each row and in each column: all of it that counts for
    distances to what lies outside a box (`_from_outside_squared`)."""

    def __init__(self, mask: Mask, box: Box) -> None:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        left, right = _first_and_last(mask[rows])
        top, bottom = _first_and_last(mask[:, columns].T)
        row = np.concatenate([rows, rows, top, bottom]) + float(box[0])
        column = np.concatenate([left, right, columns, columns]) + float(box[2])
        self.points_px = np.stack([row, column], 1)

    @cached_property
    def tree(self) -> Any:
        return cKDTree(self.points_px)

    @cached_property
    def _blocks(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        # Neighbours on the rim in blocks, the last one filled up with its last point; their lowest and
        # highest rows and columns.
        count = -(-len(self.points_px) // _BLOCK)
        index = np.minimum(np.arange(count * _BLOCK), len(self.points_px) - 1)
        blocks = self.points_px[index].reshape(count, _BLOCK, 2)
        return blocks, blocks.min(1), blocks.max(1)

    def far_from(self, place_px: NDArray[np.float64], slack_px: float) -> NDArray[np.float64]:
        """Those pixels (N, 2) whose distance to a place is the greatest, or less by up to `slack_px`."""
        blocks, low, high = self._blocks
        # No pixel of a block is farther than a corner of its box: of a long rim a few blocks are left.
        reach_squared = np.square(np.maximum(place_px - low, high - place_px)).sum(1)
        blocks = blocks[reach_squared >= _less_squared(blocks[:, 0], place_px, slack_px)].reshape(-1, 2)
        squared = np.square(blocks - place_px).sum(1)
        return blocks[squared >= _less_squared(blocks, place_px, slack_px)]


def _symmetric_squared(one: Objects, i: int, other: Objects, j: int) -> float:
    joint = _hull(one.boxes[i], other.boxes[j])
    if _area_px(joint) > _SMALL_BOX_PX:
        if _apart(one.boxes[i], other.boxes[j]):
            # All of each is outside the other's box, so the rims are enough (`_from_outside_squared`).
            first_px, second_px = one.rim(i).points_px, other.rim(j).points_px
            if len(first_px) * len(second_px) <= _FEW_PAIRS:
                squared = cdist(first_px, second_px, "sqeuclidean")
                return float(max(squared.min(0).max(), squared.min(1).max()))
        return max(_directed_squared(one, i, other, j), _directed_squared(other, j, one, i))
    first, second = one.mask(i, joint), other.mask(j, joint)
    return max(_greatest_squared(first, second), _greatest_squared(second, first))


def _directed_squared(source: Objects, s: int, target: Objects, t: int) -> float:
    """The greatest squared distance from a pixel of one object to the nearest pixel of another, at a cost
    that goes with the smaller of the two, and with the rim of the larger."""
    return max(_from_outside_squared(source, s, target, t), _from_inside_squared(source, s, target, t))


def _from_outside_squared(source: Objects, s: int, target: Objects, t: int) -> float:
    # Of the source's pixels outside the target's box. Take one above the box. The source's topmost pixel in
    # its column is above the box as well, and farther from each pixel of the target, for only the difference
    # in rows has grown: the greatest distance is found on the source's rim. And of the target's pixels in one
    # column the topmost is the nearest to it: the distance is one to the target's rim. So on all four sides.
    row0, row1, column0, column1 = box = target.boxes[t]
    if _common(source.boxes[s], box) == source.boxes[s]:
        return 0.0
    rim = target.rim(t)
    # A pixel's distance to the target is at most that to one given pixel of it, and less by no more than the
    # target's diameter: few can be the farthest. (If the farthest is inside the box, that excludes none.)
    far_px = source.rim(s).far_from(rim.points_px[0], hypot(row1 - row0, column1 - column0))
    row, column = far_px.T
    outside = (row < row0) | (row >= row1) | (column < column0) | (column >= column1)
    if not outside.any():
        return 0.0
    _, nearest = rim.tree.query(far_px[outside])
    return float(np.square(far_px[outside] - rim.points_px[nearest]).sum(1).max())


def _from_inside_squared(source: Objects, s: int, target: Objects, t: int) -> float:
    # Of the source's pixels inside the target's box. Near them the target is looked for, ever farther around.
    # What is outside the crop is more than the margin away, so what lies within the margin is the nearest.
    box = target.boxes[t]
    shared = _common(source.boxes[s], box)
    if shared[0] >= shared[1] or shared[2] >= shared[3]:
        return 0.0
    missed = source.mask(s, shared) & ~target.mask(t, shared)
    if not missed.any():
        return 0.0
    margin_px = _MARGIN_PX
    while True:
        crop = _common(_grown(shared, margin_px), box)
        found = target.mask(t, crop)
        if found.any():
            around = np.zeros(found.shape, bool)
            row, column = shared[0] - crop[0], shared[2] - crop[2]
            around[row : row + missed.shape[0], column : column + missed.shape[1]] = missed
            squared = _greatest_squared(around, found)
            if squared <= margin_px**2 or crop == box:
                return squared
        margin_px *= 2


def _greatest_squared(source: Mask, target: Mask) -> float:
    """The greatest squared distance from a pixel of one mask to the nearest of the other (not empty)."""
    away = np.logical_not(target)
    depth_px = cv2.distanceTransform(away.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    deepest_px = cv2.minMaxLoc(depth_px, source.view(np.uint8))[1]
    if deepest_px > _EXACT_PX:
        deepest_px = distance_transform_edt(away)[source].max()
    # Squared distances are whole numbers, and OpenCV's last bit depends on where the array lies in memory.
    return float(round(deepest_px * deepest_px))


def _first_and_last(lines: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each line of a mask (N, L), none empty, the first and the last pixel that is set."""
    return lines.argmax(1), lines.shape[1] - 1 - lines[:, ::-1].argmax(1)


def _less_squared(points_px: NDArray[np.float64], place_px: NDArray[np.float64], slack_px: float) -> float:
    """The square of the greatest distance from the points (N, 2) to a place, less the slack."""
    return max(sqrt(np.square(points_px - place_px).sum(1).max()) - slack_px, 0) ** 2


def _hull(a: Box, b: Box) -> list[int]:
    return [min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])]


def _common(a: Box, b: Box) -> list[int]:
    return [max(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), min(a[3], b[3])]


def _apart(a: Box, b: Box) -> bool:
    return a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]


def _grown(box: Box, margin_px: int) -> list[int]:
    return [box[0] - margin_px, box[1] + margin_px, box[2] - margin_px, box[3] + margin_px]


def _area_px(box: Box) -> int:
    return (box[1] - box[0]) * (box[3] - box[2])
