"""Flat-kernel mean shift: points that climb to the same mode of their density belong together."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskless.errors import UserError
from maskless.postprocess.neighbourhoods import Neighbourhoods, nearest

#: A path ends when a step is shorter than this part of the bandwidth, or after so many steps.
_STOP: Final = 1e-3
_MOST_STEPS: Final = 300
#: Paths this near to each other, as a part of the bandwidth, go on as one.
_SAME: Final = 5e-3
#: How far apart, as a part of the bandwidth, the modes of some points start to climb among all.
_APART: Final = 0.25
#: Up to so many points, single precision gains nothing.
_FEW_POINTS: Final = 2048
#: How many bandwidths from the middle single and double precision can tell points apart.
_SINGLE_REACH: Final = 16
_DOUBLE_REACH: Final = 1e6


class _Balls(Protocol):
    """What `Neighbourhoods` does."""

    def means(self, places: NDArray) -> tuple[NDArray, NDArray]: ...


def mean_shift(
    embeddings: ArrayLike, bandwidth: float, *, every: int = 1, device: str = "cpu"
) -> NDArray[np.int64]:
    """The cluster of every point: int (N,), 0 to K - 1, of `embeddings`, real (N, D).

    From every point a path goes to the mean of all points within `bandwidth`, and so on, until it rests.
    Where paths end, the place with most points around it is a mode (of equally many, that with the larger
    coordinates), and drops all others within the bandwidth; then the next. Every point joins the nearest
    mode; cluster 0 has the mode with most points. (Comaniciu and Meer, IEEE PAMI 24, 2002; this is
    scikit-learn's MeanShift, every point a seed.) It is exact but for one thing: paths that meet within half
    a per cent of the bandwidth go on as one.

    With `every` above 1, a path goes from every so many-th point only, and climbs among these before it
    climbs among all: of many points in dense clusters nearly the same modes, in a fraction of the time.

    On `device` other than 'cpu' torch computes the means. The same points give the same clusters. Raises
    UserError for a bandwidth that is not above 0, and for embeddings that are not finite or more than a
    million bandwidths apart; ValueError for embeddings that are not (N, D).
    """
    if every < 1:
        raise UserError(f"mean shift can take every point or every so many-th, not every={every}")
    points = _centred(np.asarray(embeddings), bandwidth)
    if not len(points):
        return np.zeros(0, np.int64)
    some = np.ascontiguousarray(points[::every])
    ends = _converged(some, some, bandwidth, device)
    if every > 1:
        starts = _best(*ends, bandwidth * _APART).astype(points.dtype)
        ends = _converged(starts, points, bandwidth, device)
    modes = _best(*ends, bandwidth)
    return nearest(points, modes.astype(points.dtype))


def _centred(embeddings: NDArray, bandwidth: float) -> NDArray:
    """The points about their middle, float32 where that is exact enough, else float64."""
    if embeddings.ndim != 2 or not embeddings.shape[1]:
        raise ValueError(f"embeddings have the shape {embeddings.shape} instead of (N, D)")
    if not 0 < bandwidth < np.inf:
        raise UserError(f"the bandwidth of mean shift is {bandwidth:g}, and must be above 0")
    points = embeddings.astype(np.float64)
    if not np.isfinite(points).all():
        raise UserError(
            "embeddings are not all finite, so nothing can be grouped by them: the network that made them "
            "may have diverged, which a lower learning rate mends"
        )
    if not len(points):
        return points
    # The middle is rounded to a power of two near the bandwidth, so that whole numbers stay whole.
    unit = 2.0 ** np.floor(np.log2(bandwidth))
    points -= unit * np.rint(points.mean(axis=0) / unit)
    reach = np.abs(points).max() / bandwidth
    if reach > _DOUBLE_REACH:
        raise UserError(
            f"embeddings lie {reach:.1g} times the bandwidth of {bandwidth:g} apart, too far to tell near "
            "ones from each other: check the bandwidth"
        )
    single = len(points) > _FEW_POINTS and reach <= _SINGLE_REACH
    return points.astype(np.float32) if single else points


def _converged(starts: NDArray, points: NDArray, bandwidth: float, device: str) -> tuple[NDArray, NDArray]:
    """Where paths from `starts` (S, D) end (M, D), and how many points lie around (M,)."""
    balls = _balls(points, bandwidth, device)
    places = _distinct(starts, _SAME * bandwidth)
    ends, numbers = [], []
    for steps_left in range(_MOST_STEPS, -1, -1):
        means, number = balls.means(places)
        moved = np.linalg.norm(means - places, axis=1)
        rest = (moved <= _STOP * bandwidth) | (steps_left == 0)
        ends.append(means[rest])
        numbers.append(number[rest])
        places = _distinct(means[~rest], _SAME * bandwidth)
        if not len(places):
            break
    return np.concatenate(ends), np.concatenate(numbers)


def _balls(points: NDArray, bandwidth: float, device: str) -> _Balls:
    if device == "cpu":
        return Neighbourhoods(points, bandwidth)
    from maskless.postprocess.neighbourhoods_on_device import NeighbourhoodsOnDevice

    return NeighbourhoodsOnDevice(points, bandwidth, device)


def _distinct(places: NDArray, spacing: float) -> NDArray:
    """The places (S, D), the first of each cell of a grid."""
    cells = np.rint(places / spacing).astype(np.int64)
    # A cell's name is the sum of its coordinates times fixed odd numbers, modulo 2^64.
    factors = np.random.default_rng(0).integers(-(2**62), 2**62, places.shape[1]) | 1
    first = np.unique(cells @ factors, return_index=True)[1]
    return places[np.sort(first)]


def _best(ends: NDArray, numbers: NDArray, bandwidth: float) -> NDArray[np.float64]:
    """The modes (K, D) among the ends of paths: from the best on, those with no better one near."""
    ends = ends.astype(np.float64)[np.lexsort((*ends.T[::-1], numbers))[::-1]]
    modes = ends[:0]
    for start in range(0, len(ends), 256):
        block = ends[start : start + 256]
        if len(modes):
            block = block[~_near(block, modes, bandwidth).any(axis=1)]
        near = _near(block, block, bandwidth)
        alone = np.ones(len(block), bool)
        for k in range(len(block)):
            if alone[k]:
                alone[k + 1 :] &= ~near[k, k + 1 :]
        modes = np.concatenate([modes, block[alone]])
    return modes


def _near(first: NDArray, second: NDArray, bandwidth: float) -> NDArray[np.bool_]:
    squares = np.einsum("ad,ad->a", first, first)[:, None] + np.einsum("bd,bd->b", second, second)
    return squares - 2 * first @ second.T <= bandwidth**2 * (1 + 1e-9)
