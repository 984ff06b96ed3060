"""Nuclei found and missed where the truth is a point each."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from maskless.metrics.assignment import most
from maskless.metrics.labels import Inside, checked_region
from maskless.metrics.matching import object_ratios

Points = NDArray[np.float64]  #: (N, 2), row and column of each, px

#: A point at the radius is within it; this much farther (relative) is the rounding of floats.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PointScores:
    """Scores of the points of one image, each 0 to 1 or nan without any point, and what they are made of."""

    precision: float
    recall: float
    f1: float
    true_points: int
    pred_points: int
    matched_points: int


def match_points(
    true: ArrayLike,
    pred: ArrayLike,
    radius: float,
    mpp: float | None = None,
    region: ArrayLike | None = None,
) -> PointScores:
    """Precision, recall and F1 of points that match one-to-one within a radius (BCData, LYON19).

    `true` and `pred` are (N, 2), the row and column of each point in px, N may be 0. `radius` is in px, or in
    µm if `mpp` (µm/px) is given. A true and a predicted point match if they are at most the radius apart; a
    point matches once, and there are as many matches as there can be (the nearest pair first would leave
    others without). Two points at one place are two.

    `region` (H, W), boolean or integer, 0 = outside: points whose pixel is outside, or off it, are removed on
    both sides first. A point lies in the pixel whose centre is nearest; half-way between two, in the later.

    If only one side has points, all three scores are 0; if neither has, they are nan (0 / 0, to be left out
    of a mean). Raises ValueError for other shapes and dtypes, points that are not finite, a radius below 0
    and an mpp that is not above it.
    """
    if not (isfinite(radius) and radius >= 0):
        raise ValueError(f"the radius is 0 or more, not {radius}")
    if mpp is not None and not (isfinite(mpp) and mpp > 0):
        raise ValueError(f"mpp (µm/px) is above 0, not {mpp}")
    there, found = _checked(true, "true"), _checked(pred, "pred")
    if region is not None:
        inside = checked_region(region)
        there, found = _within(there, inside), _within(found, inside)
    radius_px = radius if mpp is None else radius / mpp
    near = cKDTree(there).sparse_distance_matrix(
        cKDTree(found), radius_px * (1 + _ROUNDING), output_type="coo_matrix"
    )
    matched = most(near.row.astype(np.int64), near.col.astype(np.int64))
    ratios = {name: float(v) for name, v in object_ratios(matched, len(there), len(found)).items()}
    return PointScores(
        precision=ratios["precision"],
        recall=ratios["recall"],
        f1=ratios["f1"],
        true_points=len(there),
        pred_points=len(found),
        matched_points=matched,
    )


def _checked(points: ArrayLike, name: str) -> Points:
    array = np.asarray(points, np.float64)
    if not array.size:
        return np.zeros((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} must be points (N, 2), row and column, not an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has a point that is not finite")
    return array


def _within(points: Points, inside: Inside) -> Points:
    pixels = np.floor(points + 0.5)
    on_map = np.flatnonzero(((pixels >= 0) & (pixels < inside.shape)).all(axis=1))
    row, column = pixels[on_map].astype(np.int64).T
    return points[on_map[inside[row, column]]]
