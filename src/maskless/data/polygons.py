"""Polygons drawn around nuclei, as a label image."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

#: An outline, float (N, 2), vertices (x, y) in px; or several of one nucleus, holes wound the other way.
Polygon = NDArray[np.float64] | Sequence[NDArray[np.float64]]
#: Crossings of an outline with rows that are held at a time.
_CHUNK = 2**20


def rasterise(polygons: Sequence[Polygon], size: tuple[int, int]) -> NDArray[np.int32]:
    """Labels int32 (H, W) of polygons; polygon k has id k + 1.

    Whole numbers are corners of pixels, the origin is the corner of the image: a pixel is a nucleus's where
    its centre, (column + 0.5, row + 0.5), lies inside. An outline is closed from its last vertex to its
    first. One that crosses itself encloses all that it winds around (not every second part of it), whichever
    way it was drawn. What lies outside the image is cut off.

    Where polygons overlap, the earlier one keeps the pixel. So an id can be absent: of fewer than three
    vertices, outside the image, between the centres of pixels, or wholly beneath earlier ones. Of two that
    share an edge, no pixel is both's or neither's.
    """
    labels = np.zeros(size, np.int32)
    for identity in range(len(polygons), 0, -1):
        rows, columns, inside = _inside(polygons[identity - 1], size)
        labels[rows, columns][inside] = identity
    return labels


def _inside(polygon: Polygon, size: tuple[int, int]) -> tuple[slice, slice, NDArray[np.bool_]]:
    """The part of the image that a polygon lies in, and whether each pixel of that part is inside."""
    rings = [polygon] if isinstance(polygon, np.ndarray) else polygon
    rings = [ring for ring in rings if len(ring) >= 3]
    if not rings:
        return slice(0), slice(0), np.zeros((0, 0), bool)
    x, y = np.concatenate(rings).T - 0.5  # now whole numbers are the centres of pixels
    (top, left), (bottom, right) = (
        np.clip(np.ceil(corner), 0, size).astype(int) for corner in ((y.min(), x.min()), (y.max(), x.max()))
    )
    next_x, next_y = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).T - 0.5
    # An edge crosses the rows from its upper end, included, to its lower end, excluded.
    first, last = (
        np.clip(np.ceil(end), top, bottom).astype(int)
        for end in (np.minimum(y, next_y), np.maximum(y, next_y))
    )
    crossings = last - first
    # How often the outline winds around a pixel: the crossings to its left, downward minus upward.
    winding = np.zeros((bottom - top, right - left + 1), np.int32)
    for edges in _chunks(crossings):
        edge = np.repeat(np.arange(len(x))[edges], crossings[edges])
        begins = np.cumsum(crossings[edges]) - crossings[edges]
        row = np.arange(len(edge)) - np.repeat(begins, crossings[edges]) + first[edge]
        crossing = x[edge] + (row - y[edge]) * (next_x - x)[edge] / (next_y - y)[edge]
        column = np.clip(np.ceil(crossing), left, right).astype(int)
        np.add.at(winding, (row - top, column - left), np.where((next_y > y)[edge], 1, -1))
    return slice(top, bottom), slice(left, right), np.cumsum(winding, axis=1)[:, :-1] != 0


def _chunks(crossings: NDArray[np.int64]) -> Iterator[slice]:
    """The edges in order, together: as many as cross about `_CHUNK` rows.

    An outline of a million vertices can zigzag over the whole image: it has a few thousand million crossings.
    """
    chunk = np.cumsum(crossings) // _CHUNK
    starts = np.flatnonzero(np.diff(chunk, prepend=-1))
    return (slice(a, b) for a, b in pairwise([*starts.tolist(), len(crossings)]))
