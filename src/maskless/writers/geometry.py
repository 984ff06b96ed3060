"""Polygons as GeoJSON geometries that QuPath takes, many at once."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import shapely

Outline: TypeAlias = shapely.Polygon | shapely.MultiPolygon
Outlines = npt.NDArray[np.object_]

# QuPath 0.6 rounds coordinates to 0.01 px, and refuses a file if a polygon in it is invalid.
_GRID_PX = 0.01
_DECIMALS = 2
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def mended(ids: Sequence[int], outlines: Sequence[Outline]) -> Outlines:
    """The outlines, an array (N,), as QuPath takes them; `ids` are their names in an error.

    Coordinates are multiples of 0.01 px, no ring crosses or touches itself or repeats a point, shells run
    counter-clockwise and holes clockwise (as if y pointed up: RFC 7946). An outline that is so already
    keeps its points. What one that crosses itself encloses is kept, and of a degenerate one what has an area.
    Raises ValueError for an outline that has no area.
    """
    polygons = np.array(outlines, dtype=object)
    mend = ~shapely.is_valid(polygons) | _off_grid(polygons)
    if mend.any():
        polygons[mend] = _on_grid(polygons[mend])
    good = np.isin(shapely.get_type_id(polygons), _POLYGONAL) & ~shapely.is_empty(polygons)
    if not good.all():
        raise ValueError(f"the outline of nucleus {ids[int(np.argmin(good))]} has no area")
    return shapely.orient_polygons(polygons)


def geometries(polygons: Outlines) -> list[bytes]:
    """Each of `polygons`, (N,), neither empty nor with more than two decimals, as a GeoJSON geometry."""
    parts, owner = shapely.get_parts(polygons, return_index=True)
    _, points, (of_ring, of_part) = shapely.to_ragged_array(parts, include_z=False)
    # All coordinates are written at once, and the text is cut where a ring begins.
    text = _coordinates(points)
    brackets = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("["))[1:]
    starts = np.append(brackets, len(text))[of_ring].tolist()
    rings = [text[start : end - 1] for start, end in pairwise(starts)]
    shapes = [b"],[".join(rings[first:last]) for first, last in pairwise(of_part.tolist())]
    of_polygon = np.searchsorted(owner, np.arange(len(polygons) + 1)).tolist()
    return [_geometry(shapes[first:last]) for first, last in pairwise(of_polygon)]


def _off_grid(polygons: Outlines) -> npt.NDArray[np.bool_]:
    """Which polygons, (N,), have more decimals than the grid, or the same point twice in a row."""
    points, owner = shapely.get_coordinates(polygons, return_index=True)
    x, y = points.T
    off = (np.round(x, _DECIMALS) != x) | (np.round(y, _DECIMALS) != y)
    # Where a ring ends and the next begins it may be so by chance, and mending costs time alone.
    off[1:] |= (x[1:] == x[:-1]) & (y[1:] == y[:-1]) & (owner[1:] == owner[:-1])
    return np.bincount(owner[off], minlength=len(polygons)) > 0


def _on_grid(polygons: Outlines) -> Outlines:
    """What the polygons enclose, valid with coordinates on the grid; empty where that has no area."""
    with np.errstate(divide="ignore", invalid="ignore"):  # GEOS does, on its way to a right result
        valid = shapely.make_valid(polygons, method="structure", keep_collapsed=False)
        try:
            return shapely.set_precision(valid, _GRID_PX)
        except shapely.GEOSException:
            return np.array([_one_on_grid(polygon) for polygon in valid], dtype=object)


def _one_on_grid(polygon: Outline) -> Outline | None:
    """GEOS fails on one in 20,000 of those that cross themselves at random within a pixel of the grid.

    A hundredth of the grid wider, all that were tried pass.
    """
    for wider_px in (0, _GRID_PX / 100):
        with suppress(shapely.GEOSException):
            wider = shapely.buffer(polygon, wider_px, join_style="mitre") if wider_px else polygon
            return shapely.set_precision(wider, _GRID_PX)
    return None


def _coordinates(points: npt.NDArray[np.float64]) -> bytes:
    """`[[x,y],...]`; a whole number has no point, whatever others are written with it."""
    whole = points.astype(np.int64)
    if (whole == points).all():
        return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
    rounded = np.round(points, _DECIMALS) + 0.0  # -0.0 becomes 0.0
    text = orjson.dumps(rounded, option=orjson.OPT_SERIALIZE_NUMPY)
    return text.replace(b".0,", b",").replace(b".0]", b"]")


def _geometry(shapes: list[bytes]) -> bytes:
    if len(shapes) == 1:
        return b'{"type":"Polygon","coordinates":[[%b]]}' % shapes[0]
    return b'{"type":"MultiPolygon","coordinates":[[[%b]]]}' % b"]],[[".join(shapes)
