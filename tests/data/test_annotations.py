import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.data.annotations import read_regions, refuse_outside, regions_file
from maskless.errors import UserError

SQUARE = [[[2, 2], [8, 2], [8, 8], [2, 8], [2, 2]]]
HOLE = [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]
FAR = [[[20, 20], [24, 20], [24, 24], [20, 24], [20, 20]]]


def feature(coordinates: Any = SQUARE, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": "3a0a1b0e-5b0e-4a55-8f5c-1f6a3c1d2e3f",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"objectType": "annotation", **properties},
    }


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def written(folder: Path, content: Any, name: str = "a.geojson") -> Path:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder / name


def inside(region, size: int = 30) -> set[tuple[int, int]]:
    """The pixels whose centres the region holds."""
    rows, cols = np.indices((size, size))
    return set(zip(*(where.tolist() for where in np.nonzero(region.holds(rows, cols))), strict=True))


def box(top: int, left: int, bottom: int, right: int) -> set[tuple[int, int]]:
    return {(r, c) for r in range(top, bottom) for c in range(left, right)}


@pytest.mark.parametrize("name", ["a.geojson", "a.geojson.gz", "b c, [d].json"])
@pytest.mark.parametrize("wrap", [collection, lambda f: f, lambda f: [f]], ids=["collection", "one", "list"])
def test_the_forms_that_qupath_writes(tmp_path, name, wrap):
    (region,) = read_regions(written(tmp_path, wrap(feature(name="Tumour")), name))
    assert region.name == "Tumour"
    assert inside(region) == box(2, 2, 8, 8)


def test_holes_and_several_pieces(tmp_path):
    holed = feature([*SQUARE, HOLE])
    pieces = feature([[*SQUARE, HOLE], FAR], "MultiPolygon")
    regions = read_regions(written(tmp_path, collection(holed, pieces)))
    assert inside(regions[0]) == box(2, 2, 8, 8) - box(4, 4, 6, 6)
    assert inside(regions[1]) == inside(regions[0]) | box(20, 20, 24, 24)


def test_x_is_the_column(tmp_path):
    wide = [[[1, 2], [11, 2], [11, 4], [1, 4], [1, 2]]]
    (region,) = read_regions(written(tmp_path, feature(wide)))
    assert inside(region) == box(2, 1, 4, 11)
    assert region.within(3, 5).bounds == (1, 2, 5, 3)


def test_names(tmp_path):
    content = collection(
        feature(name="Tumour"),
        feature(classification={"name": "Stroma", "color": [1, 2, 3]}),
        feature(),
        feature(name="Tumour", classification={"name": "Stroma"}),
        feature(classification={"names": ["Tumour", "Positive"]}),
        feature(name=" Tumour (2) "),
        feature(classification={"name": "Stroma"}),
    )
    assert [region.name for region in read_regions(written(tmp_path, content))] == [
        "Tumour", "Stroma", "region 3", "Tumour (2)", "Tumour: Positive", "Tumour (2) (2)", "Stroma (2)"
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["detection", "cell", "tile"])
def test_other_objects_of_the_export_are_no_regions(tmp_path, kind):
    content = collection(feature([[0, 0]], "MultiPoint", objectType=kind), feature(name="drawn"))
    assert [region.name for region in read_regions(written(tmp_path, content))] == ["drawn"]


def test_points_and_lines_beside_areas_are_passed_over_with_a_note(tmp_path):
    beside = [
        feature([1, 1], "Point"),
        feature([[1, 1], [2, 2]], "MultiPoint"),
        feature([[0, 0], [1, 1]], "LineString", name="arrow"),
    ]
    notes: list[str] = []
    path = written(tmp_path, collection(*beside, feature(), feature(FAR)))
    assert [region.name for region in read_regions(path, notes)] == ["region 1", "region 2"]
    assert notes == [
        f"{path}: 3 of 5 annotations passed over (LineString, MultiPoint, Point), which are no areas"
    ]
    notes.clear()
    read_regions(written(tmp_path, collection(feature(), feature(objectType="detection"))), notes)
    assert notes == []


@pytest.mark.parametrize("bare", ["NaN", "Infinity", "-Infinity"])
def test_measurements_that_are_missing_in_qupath(tmp_path, bare):
    """QuPath 0.4 writes them bare, which is no JSON."""
    text = json.dumps(collection(feature(name="Tumour", measurements={"Solidity": 0.5})))
    (region,) = read_regions(written(tmp_path, text.replace("0.5", bare).encode()))
    assert (region.name, region.outline.area) == ("Tumour", 36)
    with pytest.raises(UserError, match="has coordinates that make no Polygon"):
        read_regions(written(tmp_path, text.replace("[2, 2]", f"[2, {bare}]").encode()))


@pytest.mark.parametrize("name", ["a.geojson", "a.geojson.gz"])
def test_a_byte_order_mark_is_no_matter(tmp_path, name):
    text = json.dumps(feature(name="Tümör"), ensure_ascii=False)
    (region,) = read_regions(written(tmp_path, text.encode("utf-8-sig"), name))
    assert region.name == "Tümör"


def test_a_centre_on_the_outline_is_within_on_either_side_of_a_border(tmp_path):
    left, right = ([[[x, 0], [x + 4.5, 0], [x + 4.5, 9], [x, 9], [x, 0]]] for x in (0, 4.5))
    regions = read_regions(written(tmp_path, collection(feature(left), feature(right))))
    held = [region.holds(np.full(3, 5), np.array([3, 4, 5])).tolist() for region in regions]
    assert held == [[True, True, False], [False, True, True]]


def test_the_exports_of_older_versions(tmp_path):
    old = feature()
    old["properties"] = {"object_type": "annotation", "name": "0.3"}
    oldest = {**feature(), "id": "PathAnnotationObject", "properties": {"name": "0.2"}}
    cell = {**feature(), "id": "PathCellObject", "properties": {}}
    content = [old, oldest, cell, {**feature(), "properties": None}]
    names = [region.name for region in read_regions(written(tmp_path, content))]
    assert names == ["0.3", "0.2", "region 3"]


def test_an_outline_that_crosses_itself_is_what_it_encloses(tmp_path):
    bow_tie = [[[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]]
    (region,) = read_regions(written(tmp_path, feature(bow_tie)))
    assert region.outline.is_valid
    assert region.outline.area == 50
    open_ring = [SQUARE[0][:-1]]
    (region,) = read_regions(written(tmp_path, feature(open_ring)))
    assert region.outline.area == 36


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"type": "FeatureCollection",\n "features": [}', r"is no valid JSON \(line 2, column \d+\)"),
        (b"", "is no valid JSON"),
        (b"\x1f\x8b\x08broken", "is cut short or damaged"),
        (gzip.compress(b"[]" * 500, mtime=0)[:-9], "is cut short or damaged"),
        ({"type": "Polygon", "coordinates": SQUARE}, "is no GeoJSON of features"),
        (3, "is no GeoJSON of features"),
        ([], "has no annotations"),
        (collection(feature(objectType="detection")), "has no annotations"),
        (collection(feature(), 7), "number 2 of 2 is no GeoJSON feature"),
        (
            collection(feature([[0, 0], [1, 1]], "LineString", name="arrow"), feature([1, 1], "Point")),
            "feature 1, arrow, is a LineString: a region is an area",
        ),
        (collection(feature(), {**feature(), "geometry": None}), "feature 2 is without a geometry"),
        (b'\xef\xbb\xbf[\n{]', r"is no valid JSON \(line 2, column \d+\)"),
        (b'{"a": NaN, "b": "\\ud800"}', "is no valid JSON"),
        (b"[" * 100_000, "is no valid JSON"),
        (feature([1, 1], "Point"), "feature 1 is a Point"),
        ({**feature(), "geometry": None}, "feature 1 is without a geometry"),
        (feature([[[0, 0], [1, 1]]]), "feature 1 has coordinates that make no Polygon"),
        (feature([[["a", 0], [1, 1], [2, 0]]]), "feature 1 has coordinates that make no Polygon"),
        (feature([[[0, 0], [5, 0], [9, 0], [0, 0]]], name="flat"), "feature 1, flat, encloses nothing"),
        (feature([]), "feature 1 encloses nothing"),
    ],
)  # fmt: skip
def test_what_is_no_region_is_named(tmp_path, content, sentence):
    path = written(tmp_path, content)
    with pytest.raises(UserError, match=sentence) as error:
        read_regions(path)
    assert str(error.value).startswith(str(path))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(geometry=ANY_JSON, kind=st.sampled_from(["Polygon", "MultiPolygon"]), properties=ANY_JSON)
def test_nonsense_is_refused_and_never_breaks(tmp_path_factory, geometry, kind, properties):
    content = [{**feature(geometry, kind), "properties": properties}]
    path = written(tmp_path_factory.mktemp("any"), content)
    try:
        areas = [region.outline.area for region in read_regions(path)]
    except UserError as error:
        areas = [str(error).startswith(str(path))]
    assert all(areas)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_regions(tmp_path / "a.geojson")
    with pytest.raises(UserError, match="is a folder, where a GeoJSON file is expected"):
        read_regions(tmp_path)


def test_the_file_of_an_image_in_a_folder(tmp_path):
    plain, packed = (written(tmp_path, [feature()], name) for name in ("a.geojson", "b 1.geojson.gz"))
    assert regions_file(tmp_path, "a") == plain
    assert regions_file(tmp_path, "b 1") == packed
    with pytest.raises(UserError, match=r"has no b1\.geojson for this image; did .* 'b 1\.geojson\.gz'"):
        regions_file(tmp_path, "b1")


def test_a_region_of_another_image(tmp_path):
    path = written(tmp_path, collection(feature(), feature(FAR, name="far")))
    regions = read_regions(path)
    refuse_outside(path, regions, 21, 30)
    with pytest.raises(
        UserError, match=r"far lies outside the image, which is 30 x 20 px: it is at x 20 to 24"
    ):
        refuse_outside(path, regions, 20, 30)
