"""Exact outlines: the polygon that a nucleus is, if its pixels are unit squares."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from skimage.measure import label

Ints = npt.NDArray[np.int64]


def outlines(instances: npt.NDArray[Any]) -> Iterator[tuple[int, shapely.Polygon | shapely.MultiPolygon]]:
    """Yield (id, outline) for each nucleus of `instances` (H, W), integers, 0 = background, by rising id.

    Coordinates are (x, y) in px; pixel (row, col) covers [col, col + 1] x [row, row + 1]. The outline is the
    exact union of the pixels, so its area is their number. It is valid: rings are closed and simple, shells
    run counter-clockwise and holes clockwise (as if y pointed up: RFC 7946), and no vertex lies within a
    straight line. Pixels that touch at a corner only are not connected: a nucleus of several 4-connected
    pieces is a MultiPolygon.
    """
    if not instances.any():
        return
    # Within a 4-connected piece no ring meets itself: where a corner is shared, it is shared by two rings.
    pieces = np.pad(label(instances, connectivity=1, background=0), 1)
    owner, direction = _sides(pieces)
    order, ring = _rings(_following(pieces, owner, direction))
    owner, direction = owner[order], direction[order]

    last = np.append(ring[1:] != ring[:-1], True)
    first = np.append(True, last[:-1])
    next_direction = np.append(direction[1:], direction[0])
    next_direction[last] = direction[first]
    corner = direction != next_direction
    row, col = np.divmod(owner, pieces.shape[1])
    x = col - 1 + (direction <= 1)  # where a side ends; 1 px is the padding
    y = row - 1 + ((direction == 1) | (direction == 2))

    rings = shapely.linearrings(np.column_stack([x, y])[corner].astype(np.float64), indices=ring[corner])
    piece = pieces.ravel()[owner[first]] - 1
    shell_first = np.lexsort((~shapely.is_ccw(rings), piece))
    polygons = shapely.polygons(rings[shell_first], indices=piece[shell_first])

    ids = np.empty(len(polygons), dtype=instances.dtype)
    inner = pieces[1:-1, 1:-1]
    ids[inner[inner > 0] - 1] = instances[inner > 0]
    by_id = np.argsort(ids, kind="stable")
    nuclei, start = np.unique(ids[by_id], return_index=True)
    for nucleus, parts in zip(nuclei.tolist(), np.split(polygons[by_id], start[1:]), strict=True):
        yield nucleus, parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _sides(pieces: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """The pixel sides where a piece ends, as (flat index of the pixel, direction of travel), in raster order.

    Direction 0 runs along the top to +x, 1 down the right, 2 along the bottom, 3 up the left.
    """
    inner = pieces[1:-1, 1:-1]
    beyond = (pieces[:-2, 1:-1], pieces[1:-1, 2:], pieces[2:, 1:-1], pieces[1:-1, :-2])
    padded = np.zeros(pieces.shape, dtype=bool)
    sides = []
    for direction, neighbour in enumerate(beyond):
        padded[1:-1, 1:-1] = (inner > 0) & (inner != neighbour)
        sides.append(np.flatnonzero(padded) * 4 + direction)
    owner, direction_of = np.divmod(np.sort(np.concatenate(sides)), 4)
    return owner, direction_of


def _following(pieces: npt.NDArray[Any], owner: Ints, direction: Ints) -> Ints:
    """For each side the index of the one that follows it around its ring.

    Where a piece touches itself at a corner, the ring crosses over to the other pixel. This parts the two
    pieces of background there, which can only be different ones.
    """
    width = pieces.shape[1]
    step = np.array([1, width, -1, -width])
    ahead = owner + step[direction]
    beyond = ahead + step[direction - 1]
    flat = pieces.ravel()
    left = flat[beyond] == flat[owner]
    straight = ~left & (flat[ahead] == flat[owner])
    to_owner = np.where(left, beyond, np.where(straight, ahead, owner))
    to_direction = (direction + np.where(left, -1, np.where(straight, 0, 1))) % 4
    return np.searchsorted(owner * 4 + direction, to_owner * 4 + to_direction)


def _rings(following: Ints) -> tuple[Ints, Ints]:
    """The sides ring by ring, each in order around it, and for each the number of its ring (0, 1, ...)."""
    n = len(following)
    _, ring = connected_components(_links(following))
    _, first = np.unique(ring, return_index=True)
    before = np.empty(n, dtype=np.int64)
    before[following] = np.arange(n)
    # Each ring is cut before its first side and tied to the next one: a single chain, walked at once.
    chain = following.copy()
    chain[before[first]] = np.roll(first, -1)
    order = breadth_first_order(_links(chain), first[0], return_predecessors=False)
    return order.astype(np.int64), ring[order].astype(np.int64)


def _links(following: Ints) -> csr_array:
    n = len(following)
    return csr_array((np.ones(n, dtype=np.int8), following, np.arange(n + 1)), shape=(n, n))
