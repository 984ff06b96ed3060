"""Metrics as the papers' public code computes them: a loop over nuclei, each a mask over the whole image.

Slow, and each line is its definition: what the fast functions are timed against and must agree with.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import directed_hausdorff


def naive_aji(true: NDArray, pred: NDArray) -> float:
    """AJI by Kumar et al.: the partner has the highest IoU, and may serve twice."""
    intersection, union, used = 0, 0, set()
    for number in _ids(true):
        nucleus = true == number
        best_iou, best = 0.0, None
        for candidate in _ids(pred[nucleus]):
            other = pred == candidate
            inside, around = np.sum(nucleus & other), np.sum(nucleus | other)
            if inside / around > best_iou:
                best_iou, best = inside / around, (candidate, inside, around)
        if best is None:
            union += np.sum(nucleus)
        else:
            used.add(best[0])
            intersection, union = intersection + best[1], union + best[2]
    for number in _ids(pred):
        if number not in used:
            union += np.sum(pred == number)
    return float(intersection / union)


def naive_object_dice(true: NDArray, pred: NDArray) -> float:
    """Object Dice; an object without a partner counts 0."""

    def dice(nucleus: NDArray, partner: NDArray) -> float:
        return 2 * np.sum(nucleus & partner) / (np.sum(nucleus) + np.sum(partner))

    return (_side(true, pred, dice) + _side(pred, true, dice)) / 2


def naive_object_hausdorff(true: NDArray, pred: NDArray) -> float:
    """Object Hausdorff distance, px; an object without a partner counts 0."""

    def distance(nucleus: NDArray, partner: NDArray) -> float:
        a, b = np.argwhere(nucleus), np.argwhere(partner)
        return max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])

    return (_side(true, pred, distance) + _side(pred, true, distance)) / 2


def _side(side: NDArray, other: NDArray, score) -> float:
    total = 0.0
    for number in _ids(side):
        nucleus = side == number
        covering, area_px = np.unique(other[nucleus & (other != 0)], return_counts=True)
        if len(covering):
            partner = other == covering[np.argmax(area_px)]
            total += np.sum(nucleus) / np.sum(side != 0) * score(nucleus, partner)
    return total


def _ids(labels: NDArray) -> NDArray:
    ids = np.unique(labels)
    return ids[ids != 0]
