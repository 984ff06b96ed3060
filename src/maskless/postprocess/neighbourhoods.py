"""Means over balls: of every point within a radius of a place, for many places at once.

Points lie in lumps of about the radius. A lump wholly within the ball, or wholly outside, is known from its
centre alone; only of those between are the points asked, a lump at a time, by two matrix products. On the
embeddings of a network, which are clusters no wider than the ball, that is a thirtieth of all pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Pairs of a place and a point that are looked at together: what fits into a processor's cache.
_PAIRS = 1 << 18
#: Up to this many pairs, asking every point takes no longer than asking the lumps first,
_FEW_PAIRS = 500_000
#: and up to this many, no longer than making the lumps.
_FEW_PAIRS_AT_FIRST = 2_000_000
#: Pairs of a place and a lump that are kept at once: bounds the memory.
_BOUNDS = 1 << 21
#: More lumps than these cost more than they spare.
_MOST_LUMPS = 512
#: By what part of the radius a point may lie outside and count as within. A point just at the radius is
#: within; rounding must not put it outside.
_ROUNDING = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-9}


class Neighbourhoods:
    """Points float32 or float64 (N, D), N and D at least 1, and the balls of `radius` among them.

    The products lose the digits by which coordinates exceed the radius: float32 serves within some ten radii
    of the origin, float64 within a million.
    """

    def __init__(self, points: NDArray, radius: float) -> None:
        self.radius = radius
        self._lumps: _Lumps | None = None
        self._points = points
        self._prepare()

    def means(self, places: NDArray) -> tuple[NDArray, NDArray]:
        """Of each place of (S, D) the mean (S, D) of the points within the radius, and their number (S,).

        A place without a point keeps its own coordinates. The type is that of the points.
        """
        pairs = len(places) * len(self._points)
        if self._lumps is None and pairs > _FEW_PAIRS_AT_FIRST:
            self._lumps = _lumps(self._points, self.radius)
            self._points = self._lumps.points
            self._prepare()
        lumps = self._lumps
        if lumps is None or pairs <= _FEW_PAIRS:
            sums = np.concatenate([self._sums(block) for block in self._blocks(places, len(self._points))])
        else:
            size = max(1, _BOUNDS // len(lumps.radii))
            blocks = (places[start : start + size] for start in range(0, len(places), size))
            sums = np.concatenate([self._pruned_sums(block, lumps) for block in blocks])
        number = sums[:, -1]
        means = sums[:, :-1] / np.maximum(number, 1)[:, None]
        return np.where(number[:, None] > 0, means, places), number

    def _prepare(self) -> None:
        self._sought = np.ascontiguousarray(_sought(self._points).T)
        self._summed = _with_ones(self._points)

    def _sums(self, places: NDArray) -> NDArray:
        """Sums of coordinates and number (S, D + 1) of the points within the radius of each place."""
        return _within(_seeking(places, self.radius), self._sought) @ self._summed

    def _pruned_sums(self, places: NDArray, lumps: "_Lumps") -> NDArray:
        """The same, asking only the points of lumps that the radius crosses."""
        nearness = _sought(lumps.centres) @ _seeking(places, 0).T  # minus half of the squared distance
        whole = nearness >= lumps.whole_from
        crossed = (nearness >= lumps.crossed_from) & ~whole
        sums = whole.T.astype(places.dtype) @ lumps.sums
        seeking = _seeking(places, self.radius)
        for lump in np.flatnonzero(crossed.any(axis=1)):
            points = slice(lumps.starts[lump], lumps.starts[lump + 1])
            sought, summed = self._sought[:, points], self._summed[points]
            for asking in self._blocks(np.flatnonzero(crossed[lump]), len(summed)):
                sums[asking] += _within(seeking[asking], sought) @ summed
        return sums

    @staticmethod
    def _blocks(places: NDArray, points: int) -> Iterator[NDArray]:
        size = max(1, _PAIRS // points)
        return (places[start : start + size] for start in range(0, len(places), size))


@dataclass(frozen=True)
class _Lumps:
    """`points` sorted by lump: the k-th has those from starts[k] to starts[k + 1].

    `sums` (K, D + 1) are sums of coordinates and numbers of points. `whole_from` and `crossed_from` (K, 1)
    bound minus half of the squared distance from a place to the centre: from the one on a lump lies wholly
    within the radius of the place, from the other on in part.
    """

    points: NDArray
    starts: NDArray[np.int64]
    centres: NDArray
    radii: NDArray
    sums: NDArray
    whole_from: NDArray
    crossed_from: NDArray


def _lumps(points: NDArray, radius: float) -> _Lumps:
    lump = nearest(points, _leaders(points, radius)).astype(np.int16)  # sorted in one pass
    order = np.argsort(lump, kind="stable")
    number = np.bincount(lump)
    number = number[number > 0]
    points = points[order]
    starts = np.concatenate([[0], np.cumsum(number)])
    sums = np.add.reduceat(_with_ones(points), starts[:-1])
    centres = sums[:, :-1] / sums[:, -1:]
    apart = points - np.repeat(centres, number, axis=0)
    radii = np.sqrt(np.maximum.reduceat(np.einsum("nd,nd->n", apart, apart), starts[:-1]))
    # A thousandth to be safe from rounding: a lump too many is asked, no point is missed.
    inner = radius * 0.999 - radii
    outer = radius * 1.001 + radii
    whole_from = np.where(inner > 0, -(inner**2) / 2, np.inf).astype(points.dtype)
    crossed_from = (-(outer**2) / 2).astype(points.dtype)
    return _Lumps(points, starts, centres, radii, sums, whole_from[:, None], crossed_from[:, None])


def _leaders(points: NDArray, radius: float) -> NDArray:
    """The points (K, D), each further than `radius` from those before it, that all others are near to.

    K is at most _MOST_LUMPS; then some are not.
    """
    leaders = points[:0]
    for start in range(0, len(points), 512):
        left = points[start : start + 512]
        if len(leaders):
            left = left[(_seeking(left, radius) @ _sought(leaders).T).max(axis=1) < 0]
        found: list[NDArray] = []
        while len(left) and len(leaders) + len(found) < _MOST_LUMPS:
            found.append(left[0])
            apart = left - left[0]
            left = left[np.einsum("nd,nd->n", apart, apart) > radius**2]
        leaders = np.concatenate([leaders, np.array(found).reshape(-1, points.shape[1])])
    return leaders


def nearest(points: NDArray, centres: NDArray) -> NDArray[np.int64]:
    """The index (N,) of the nearest of the centres (K, D), K at least 1, to each of the points (N, D).

    Of equally near ones the first. Both have one type.
    """
    index = np.empty(len(points), np.int64)
    half = np.einsum("kd,kd->k", centres, centres) / 2
    size = max(1, _PAIRS // len(centres))
    for start in range(0, len(points), size):
        block = slice(start, start + size)
        index[block] = (points[block] @ centres.T - half).argmax(axis=1)
    return index


def _seeking(places: NDArray, radius: float) -> NDArray:
    """Places (S, D + 2) whose product with `_sought` points is (radius^2 - distance^2) / 2."""
    reach = (radius**2 * (1 + _ROUNDING[places.dtype]) - np.einsum("sd,sd->s", places, places)) / 2
    return np.column_stack([places, np.ones_like(reach), reach]).astype(places.dtype, copy=False)


def _sought(points: NDArray) -> NDArray:
    half = np.einsum("nd,nd->n", points, points) / 2
    return np.column_stack([points, -half, np.ones_like(half)])


def _within(seeking: NDArray, sought: NDArray) -> NDArray:
    """1 where a point (D + 2, N) lies within the radius of a place (S, D + 2), else 0; (S, N), as numbers."""
    product = seeking @ sought
    return np.greater_equal(product, 0, out=product)


def _with_ones(points: NDArray) -> NDArray:
    return np.concatenate([points, np.ones((len(points), 1), points.dtype)], axis=1)
