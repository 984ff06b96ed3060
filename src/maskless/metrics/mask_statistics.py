"""How the nuclei of a mask are spread and shaped: what tells sets of masks apart without pairing them.

A discriminator that is shown masks compares nothing else, so a generator of masks is judged by the distance
of its masks' distributions to those of the prior.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

#: Smaller pieces of a mask are specks, not nuclei.
LEAST_PX = 5
_UM2_OF_MM2 = 1e6
#: Where no spacing is known, nuclei are counted on so many pixels: 50 µm x 50 µm at 0.5 µm/px.
_COUNTED_ON_PX = 10_000


@dataclass(frozen=True)
class MaskStatistics:
    """Of one mask with N nuclei, float64 each.

    `nuclei` is N and `size_px` the pixels of the mask; `nucleus_share` the share of them that is nucleus,
    specks included, 0 to 1. Of each nucleus: `area_px` (N,); `neighbour_distance_px` (N,) from its centroid
    to the nearest other one, empty if N < 2; `eccentricity` (N,) of the ellipse with the same second moments,
    0 (disk) to 1 (line).
    """

    nuclei: int
    size_px: int
    nucleus_share: float
    area_px: NDArray[np.float64]
    neighbour_distance_px: NDArray[np.float64]
    eccentricity: NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """Mean and quartiles of a distribution; nan each where it is empty."""

    mean: float
    q25: float
    median: float
    q75: float


def mask_statistics(mask: NDArray[np.generic], least_px: int = LEAST_PX) -> MaskStatistics:
    """Statistics of a mask, bool or numbers (H, W), where what is not 0 is nucleus.

    Nuclei are its 8-connected pieces of at least `least_px` px, those cut by the border among them. Raises
    ValueError for an array that is empty or not (H, W).
    """
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f"a mask is (H, W) with at least a pixel, not {mask.shape}")
    binary = (mask != 0).astype(np.uint8)
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(binary, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    kept = np.flatnonzero((areas >= least_px) & (np.arange(count) > 0))
    return MaskStatistics(
        nuclei=len(kept),
        size_px=mask.size,
        nucleus_share=float(binary.mean()),
        area_px=areas[kept],
        neighbour_distance_px=_nearest(centroids[kept]),
        eccentricity=_eccentricities(labels, areas, centroids)[kept],
    )


def pooled(masks: Sequence[MaskStatistics], mpp: float | None = None) -> dict[str, NDArray[np.float64]]:
    """The distributions over many masks by name, with its unit: float64 (K,), a value a mask or a nucleus.

    `nuclei_per_mm2` and `nucleus_share` have a value a mask, `area_um2`, `neighbour_distance_um` and
    `eccentricity` a value a nucleus; without `mpp`, the spacing of the masks in µm/px, they are
    `nuclei_per_10000_px`, `area_px` and `neighbour_distance_px`.
    """
    density = np.array([one.nuclei / one.size_px for one in masks], dtype=np.float64)
    area = _joined([one.area_px for one in masks])
    distance = _joined([one.neighbour_distance_px for one in masks])
    if mpp is None:
        sized = {
            "nuclei_per_10000_px": density * _COUNTED_ON_PX,
            "area_px": area,
            "neighbour_distance_px": distance,
        }
    else:
        sized = {
            "nuclei_per_mm2": density * (_UM2_OF_MM2 / mpp**2),
            "area_um2": area * mpp**2,
            "neighbour_distance_um": distance * mpp,
        }
    return {
        **sized,
        "nucleus_share": np.array([one.nucleus_share for one in masks], dtype=np.float64),
        "eccentricity": _joined([one.eccentricity for one in masks]),
    }


def summary(values: NDArray[np.float64]) -> Summary:
    """Mean and quartiles of a distribution, float64 (K,)."""
    if not len(values):
        return Summary(nan, nan, nan, nan)
    return Summary(float(values.mean()), *(float(q) for q in np.quantile(values, [0.25, 0.5, 0.75])))


def distances(
    one: Mapping[str, NDArray[np.float64]], other: Mapping[str, NDArray[np.float64]]
) -> dict[str, float]:
    """The Wasserstein-1 distance of each statistic of two sets of masks, `pooled`, in the statistic's unit.

    It is the mean way that values of one distribution have to be moved to become the other; nan where
    either is empty. Raises KeyError if `other` lacks a statistic of `one`.
    """
    return {
        name: float(wasserstein_distance(values, other[name])) if len(values) and len(other[name]) else nan
        for name, values in one.items()
    }


def _nearest(centroids: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each of the points (N, 2) to the nearest other one, float64 (N,); empty if there is none."""
    if len(centroids) < 2:
        return np.zeros(0)
    reached: NDArray[np.float64] = cKDTree(centroids).query(centroids, k=2)[0][:, 1]
    return reached


def _eccentricities(
    labels: NDArray[np.int32], areas: NDArray[np.float64], centroids: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of the ellipse of each label, background among them, float64 (count,); pixels are unit squares."""
    rows, columns = np.nonzero(labels)
    of = labels[rows, columns]
    right, down = columns - centroids[of, 0], rows - centroids[of, 1]

    def moment(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(of, values, minlength=len(areas)) / areas.clip(1)

    across, along, both = moment(right**2) + 1 / 12, moment(down**2) + 1 / 12, moment(right * down)
    mean, spread = (across + along) / 2, np.hypot((across - along) / 2, both)
    return np.sqrt(np.clip(2 * spread / (mean + spread), 0, 1))


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *parts])
