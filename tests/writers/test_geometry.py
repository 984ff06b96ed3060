"""A geometry is one that QuPath 0.6 takes: valid on its grid of 0.01 px, nothing degenerate."""

import json
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from shapely.geometry import shape

from maskless.writers.geometry import geometries, mended

CROSSED = shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])
TOUCHING_ITSELF = shapely.Polygon([(0, 0), (2, 2), (0, 4), (4, 4), (2, 2), (4, 0)])
REPEATING = shapely.Polygon([(0, 0), (4, 0), (4, 0), (4, 4), (0, 4)])
WITH_A_SPIKE = shapely.Polygon([(0, 0), (4, 0), (4, 4), (4, 8), (4, 4), (0, 4)])
CLOCKWISE = shapely.Polygon([(0, 0), (0, 4), (4, 4), (4, 0)])
THREE_DIMENSIONAL = shapely.Polygon([(0, 0, 5), (4, 0, 5), (4, 4, 5), (0, 4, 5)])
# Its points on the grid make a ring that crosses itself.
NARROW = shapely.Polygon([(0, 0.005), (2, 0), (1, 0.004), (2, 0.005), (0.004, 1)])
PIERCED = shapely.Polygon(
    [(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (3, 1), (3, 3)], [(5, 5), (7, 5), (6, 7)]]
)


def written(*polygons):
    return [json.loads(text) for text in geometries(mended(range(len(polygons)), polygons))]


def rings(geometry):
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for part in parts for ring in part]


def check(geometry):
    """What JTS wants, and RFC 7946 besides."""
    polygon = shape(geometry)
    assert polygon.is_valid, shapely.is_valid_reason(polygon)
    assert polygon.area > 0
    for ring in rings(geometry):
        assert len(ring) >= 4
        assert ring[0] == ring[-1]
        assert all(point != following for point, following in pairwise(ring))
        assert {len(point) for point in ring} == {2}
        assert shapely.LinearRing(ring).is_simple
        assert np.allclose(np.array(ring) * 100, np.round(np.array(ring) * 100), rtol=0, atol=1e-6)
    for part in shapely.get_parts(polygon):
        assert part.exterior.is_ccw
        assert not any(hole.is_ccw for hole in part.interiors)


@pytest.mark.parametrize(
    ("polygon", "area"),
    [
        (CROSSED, 8),
        (TOUCHING_ITSELF, 8),
        (REPEATING, 16),
        (WITH_A_SPIKE, 16),
        (CLOCKWISE, 16),
        (THREE_DIMENSIONAL, 16),
        (PIERCED, 77),
        (NARROW, NARROW.area),
    ],
    ids=["crossed", "touching itself", "repeating", "spike", "clockwise", "3-D", "pierced", "narrow"],
)
def test_what_qupath_refuses_is_made_valid(polygon, area):
    (geometry,) = written(polygon)
    check(geometry)
    assert shape(geometry).area == pytest.approx(area, abs=0.01)


decimals = st.integers(-3_000_000, 6_000_000).map(lambda number: number / 1e6)
coordinate = st.one_of(st.integers(-3, 6), decimals, st.sampled_from([0.005, 0.01, 1e-9]))


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=8))
@example([(1, 0), (0.005, 0.005), (0, 0), (0, 1), (0.199173, 0), (0.001036, 0.005)])  # GEOS fails at first
def test_whatever_has_an_area_is_written_valid(points):
    polygon = shapely.Polygon(points)
    enclosed = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    try:
        (geometry,) = written(polygon)
    except ValueError:
        assert enclosed.buffer(-0.02).is_empty
    else:
        check(geometry)
        assert abs(shape(geometry).area - enclosed.area) <= 0.01 * enclosed.length


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.Polygon(),
        shapely.Polygon([(0, 0), (4, 4), (0, 0)]),
        shapely.Polygon([(0, 0), (0.004, 0), (0.004, 0.004)]),
        shapely.Polygon([(0, 0), (0, float("inf")), (4, 4)]),
        shapely.LineString([(0, 0), (4, 4)]),
    ],
    ids=["empty", "flat", "smaller than the grid", "endless", "a line"],
)
def test_an_outline_without_area_is_refused_by_id(polygon):
    with pytest.raises(ValueError, match="the outline of nucleus 12 has no area"):
        mended([11, 12], [CLOCKWISE, polygon])


def test_an_outline_that_is_right_keeps_its_points():
    odd = shapely.Polygon([(7, 3), (9.25, 3), (8, 4.5)])
    points = [[7, 3], [9.25, 3], [8, 4.5], [7, 3]]
    assert written(odd)[0]["coordinates"] == [points]
    assert written(CROSSED, odd)[1]["coordinates"] == [points]


def test_neighbours_do_not_change_how_a_geometry_is_written():
    polygons = [CLOCKWISE, CROSSED, PIERCED, shapely.box(-0.001, 0.125, 100.5, 1e6)]
    polygons += [shapely.box(-0.0, -0.0, 4, 4)]
    together = geometries(mended(range(5), polygons))
    assert together == [geometries(mended([0], [polygon]))[0] for polygon in polygons]
    assert together[0] == b'{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]]]}'


def test_pieces_and_holes_stay_with_their_polygon():
    pieces = shapely.MultiPolygon([shapely.box(20, 0, 21, 1), PIERCED])
    alone, both, last = written(shapely.box(0, 0, 1, 1), pieces, PIERCED)
    assert alone["type"] == last["type"] == "Polygon"
    assert both["type"] == "MultiPolygon"
    assert [len(part) for part in both["coordinates"]] == [1, 3]
    assert shape(both).equals(pieces)
    assert shape(last).equals(PIERCED)
