"""An outline is the exact union of its pixel squares, and valid whatever the nucleus looks like."""

import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from maskless.writers.outlines import outlines


@st.composite
def label_maps(draw):
    """Few ids on few pixels: pieces, holes, islands in holes and corner contacts come up all the time."""
    shape = array_shapes(min_dims=2, max_dims=2, max_side=8)
    ids = st.sampled_from([0, 3, 3, 3, 7, 2**31 - 1])
    width = draw(st.integers(1, 3))  # of the smallest hole: straight lines longer than a pixel
    return draw(arrays(np.int32, shape, elements=ids)).repeat(width, axis=0).repeat(width, axis=1)


maps = label_maps()


def drawn(text):
    return np.array([[int(c) for c in line.replace(".", "0")] for line in text.split()], dtype=np.int32)


def only(text):
    ((_, outline),) = outlines(drawn(text))
    return outline


def rings(outline):
    for part in shapely.get_parts(outline):
        yield from (part.exterior, *part.interiors)


@given(maps)
def test_the_outline_is_the_union_of_the_pixel_squares(instances):
    found = dict(outlines(instances))
    assert list(found) == [i for i in np.unique(instances).tolist() if i]
    for nucleus, outline in found.items():
        row, col = np.nonzero(instances == nucleus)
        assert outline.area == len(row)
        assert outline.equals(shapely.union_all(shapely.box(col, row, col + 1, row + 1)))


@given(maps)
def test_drawing_the_outline_gives_the_pixels_back(instances):
    row, col = np.indices(instances.shape)
    again = np.zeros_like(instances)
    for nucleus, outline in outlines(instances):
        again[shapely.contains_xy(outline, col + 0.5, row + 0.5)] = nucleus
    assert np.array_equal(again, instances)


@given(maps)
@example(np.array([[5, 5, 5, 5], [5, 0, 0, 5], [5, 5, 5, 5], [0, 0, 0, 8]], np.int32))
def test_every_ring_is_closed_simple_and_without_needless_vertices(instances):
    for nucleus, outline in outlines(instances):
        assert outline.is_valid, shapely.is_valid_reason(outline)
        pieces, _ = ndimage.label(instances == nucleus)
        assert len(shapely.get_parts(outline)) == pieces.max()
        for ring in rings(outline):
            assert ring.is_closed
            assert ring.is_simple
            step = np.diff(shapely.get_coordinates(ring), axis=0)
            before = np.roll(step, 1, axis=0)
            assert np.all(step[:, 0] * before[:, 1] != step[:, 1] * before[:, 0])


@given(maps)
def test_shells_and_holes_run_as_rfc_7946_has_it(instances):
    for _, outline in outlines(instances):
        for part in shapely.get_parts(outline):
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)


def test_one_pixel():
    assert only("... ..1").normalize() == shapely.box(2, 1, 3, 2).normalize()


def test_a_nucleus_on_edge_and_corner_ends_at_the_image():
    assert only("11. 11.").bounds == (0, 0, 2, 2)
    assert only("..4 ..4").bounds == (2, 0, 3, 2)


def test_a_bow_tie_is_two_polygons():
    outline = only("11.. 11.. ..11 ..11")
    assert outline.geom_type == "MultiPolygon"
    assert sorted(part.bounds for part in outline.geoms) == [(0, 0, 2, 2), (2, 2, 4, 4)]


def test_a_hole_is_an_interior_ring():
    outline = only("111 1.1 111")
    assert outline.geom_type == "Polygon"
    assert [hole.bounds for hole in map(shapely.Polygon, outline.interiors)] == [(1, 1, 2, 2)]


def test_holes_that_meet_at_a_corner_stay_two():
    assert len(only("1111 1.11 11.1 1111").interiors) == 2


def test_a_hole_that_meets_the_outside_at_a_corner_is_still_a_hole():
    outline = only("111. 11.1 1111")
    assert outline.is_valid
    assert outline.area == 10
    assert len(outline.interiors) == 1


def test_a_nucleus_within_a_nucleus():
    found = dict(outlines(drawn("5555 5225 5225 5555")))
    assert found[2].equals(shapely.box(1, 1, 3, 3))
    assert len(found[5].interiors) == 1
    assert found[5].area == 12


def test_a_map_without_nuclei_has_no_outlines():
    assert list(outlines(np.zeros((5, 7), np.int32))) == []
    assert list(outlines(np.zeros((0, 7), np.int32))) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_ids_of_any_integer_type_pass_unchanged(dtype):
    largest = min(np.iinfo(dtype).max, 2**32 - 1)
    instances = np.array([[largest, 0, 1]], dtype=dtype)
    assert [nucleus for nucleus, _ in outlines(instances)] == [1, largest]


def test_real_nuclei():
    data = os.environ.get("MASKLESS_DATA")
    if not data or not (folder := Path(data) / "multiorgan" / "labels_instance").is_dir():
        pytest.skip("needs MASKLESS_DATA with multiorgan")
    from PIL import Image

    instances = np.array(Image.open(sorted(folder.glob("Kidney_TCGA-HE-7129*"))[0])).astype(np.int32)
    area = np.bincount(instances.ravel())
    found = dict(outlines(instances))
    assert len(found) == 1584
    assert all(outline.is_valid and outline.area == area[nucleus] for nucleus, outline in found.items())
