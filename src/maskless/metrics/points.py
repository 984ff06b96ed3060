"""Nuclei found and missed where the truth is a point each."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from maskless.metrics.assignment import Indices, heaviest, most
from maskless.metrics.labels import checked_region
from maskless.metrics.matching import object_ratios

Points = NDArray[np.float64]  #: (N, 2), row and column of each, px

#: Within this distance a point and a nucleus are taken to be one: about the radius of a nucleus, and what the
#: OCELOT 2023 challenge takes.
HIT_UM = 3.0

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
    radius_px = _in_px(radius, mpp)
    there, found = _checked(true, "true"), _checked(pred, "pred")
    if region is not None:
        there, found = there[lies_in(region, there)], found[lies_in(region, found)]
    row, col, _ = _near(there, found, radius_px)
    matched = most(row, col)
    ratios = {name: float(v) for name, v in object_ratios(matched, len(there), len(found)).items()}
    return PointScores(
        precision=ratios["precision"],
        recall=ratios["recall"],
        f1=ratios["f1"],
        true_points=len(there),
        pred_points=len(found),
        matched_points=matched,
    )


def point_pairs(true: ArrayLike, pred: ArrayLike, radius: float, mpp: float | None = None) -> Indices:
    """Which points match, int64 (K, 2): the row in `true` (N, 2) and that in `pred` (M, 2) of each pair.

    There are as many pairs as `match_points` counts; of all ways to have so many, the one with the least sum
    of distances. Sorted by the first row. Arguments and errors are those of `match_points`.
    """
    radius_px = _in_px(radius, mpp)
    there, found = _checked(true, "true"), _checked(pred, "pred")
    row, col, distance_px = _near(there, found, radius_px)
    # All distances together weigh less than one pair, so no pair is given up for shorter ones.
    share = 1 / (min(len(there), len(found)) + 1)
    weight = 1 - share * np.minimum(distance_px / radius_px if radius_px else 0 * distance_px, 1)
    chosen = heaviest(row, col, weight)
    pairs = np.stack([row[chosen], col[chosen]], axis=1)
    return pairs[np.argsort(pairs[:, 0])]


def lies_in(region: ArrayLike, points: Points) -> NDArray[np.bool_]:
    """Whether each point (N, 2) lies in a pixel that is not 0 of a region (H, W), bool (N,).

    Its pixel is the one whose centre is nearest, half-way between two the later; off the region is outside.
    """
    inside, pixels = checked_region(region), np.floor(points + 0.5)
    on_map = np.flatnonzero(((pixels >= 0) & (pixels < inside.shape)).all(axis=1))
    row, column = pixels[on_map].astype(np.int64).T
    lies = np.zeros(len(points), bool)
    lies[on_map] = inside[row, column]
    return lies


def _in_px(radius: float, mpp: float | None) -> float:
    if not (isfinite(radius) and radius >= 0):
        raise ValueError(f"the radius is 0 or more, not {radius}")
    if mpp is not None and not (isfinite(mpp) and mpp > 0):
        raise ValueError(f"mpp (µm/px) is above 0, not {mpp}")
    return radius if mpp is None else radius / mpp


def _near(there: Points, found: Points, radius_px: float) -> tuple[Indices, Indices, NDArray[np.float64]]:
    """The pairs that are at most the radius apart, (K,) each: rows of both sides, and the distance, px."""
    near = cKDTree(there).sparse_distance_matrix(
        cKDTree(found), radius_px * (1 + _ROUNDING), output_type="coo_matrix"
    )
    return near.row.astype(np.int64), near.col.astype(np.int64), near.data


def _checked(points: ArrayLike, name: str) -> Points:
    array = np.asarray(points, np.float64)
    if not array.size:
        return np.zeros((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} must be points (N, 2), row and column, not an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has a point that is not finite")
    return array
