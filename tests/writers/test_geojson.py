"""What QuPath needs of a GeoJSON file: a FeatureCollection of detections, valid, with UUIDs."""

import json
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from shapely.geometry import shape

from maskless.errors import UserError
from maskless.writers import geojson
from maskless.writers.geojson import write_geojson

# 1 has a hole, 4 is a bow-tie, 9 lies in the corner.
AWKWARD = np.array(
    [
        [1, 1, 1, 0, 4, 0],
        [1, 0, 1, 0, 0, 4],
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 9],
    ],
    dtype=np.int32,
)


def written(path, *arguments):
    write_geojson(path, *arguments)
    return json.loads(path.read_bytes())


def test_each_nucleus_is_a_detection_named_by_its_id(tmp_path):
    collection = written(tmp_path / "a.geojson", AWKWARD)
    assert collection["type"] == "FeatureCollection"
    features = collection["features"]
    assert [f["type"] for f in features] == ["Feature"] * 3
    assert [f["properties"] for f in features] == [{"objectType": "detection", "name": n} for n in "149"]
    assert [f["geometry"]["type"] for f in features] == ["Polygon", "MultiPolygon", "Polygon"]
    assert features[2]["geometry"]["coordinates"] == [[[6, 3], [6, 4], [5, 4], [5, 3], [6, 3]]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays(
        np.int32,
        array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([0, 0, 3, 3, 2**31 - 1]),
    )
)
def test_the_file_holds_valid_geometry_of_the_right_area(tmp_path, instances):
    for feature in written(tmp_path / "a.geojson", instances)["features"]:
        outline = shape(feature["geometry"])
        assert outline.is_valid
        assert outline.area == np.count_nonzero(instances == int(feature["properties"]["name"]))
        for polygon in getattr(outline, "geoms", [outline]):
            assert all(ring.coords[0] == ring.coords[-1] for ring in (polygon.exterior, *polygon.interiors))


def test_classes_become_classifications(tmp_path):
    classes = {1: "Positive", 9: "Grün"}
    features = written(tmp_path / "a.geojson", AWKWARD, classes)["features"]
    found = [f["properties"].get("classification") for f in features]
    assert found == [{"name": "Positive"}, None, {"name": "Grün"}]


def test_a_map_without_nuclei_is_an_empty_collection(tmp_path):
    collection = written(tmp_path / "a.geojson", np.zeros((4, 4), np.int32))
    assert collection == {"type": "FeatureCollection", "features": []}


def test_the_same_nuclei_give_the_same_bytes(tmp_path):
    write_geojson(tmp_path / "a.geojson", AWKWARD, {4: "Negative"})
    write_geojson(tmp_path / "b.geojson", AWKWARD.copy(order="F"), {4: "Negative"})
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()


def test_ids_are_uuids_unique_in_a_file_and_follow_the_outline(tmp_path):
    first = written(tmp_path / "a.geojson", AWKWARD)["features"]
    ids = [UUID(f["id"]) for f in first]
    assert len(set(ids)) == 3
    moved = written(tmp_path / "b.geojson", np.roll(AWKWARD, 1, axis=0))["features"]
    assert not set(ids) & {UUID(f["id"]) for f in moved}


def test_a_line_a_feature(tmp_path):
    write_geojson(tmp_path / "a.geojson", AWKWARD)
    lines = (tmp_path / "a.geojson").read_text().splitlines()
    assert [json.loads(line.rstrip(","))["properties"]["name"] for line in lines[1:-1]] == ["1", "4", "9"]


def test_a_failure_halfway_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.geojson"
    write_geojson(path, AWKWARD)
    before = path.read_bytes()

    def breaking(instances):
        yield from list(geojson_outlines(instances))[:1]
        raise RuntimeError("halfway")

    geojson_outlines = geojson.outlines
    monkeypatch.setattr(geojson, "outlines", breaking)
    for target in (path, tmp_path / "new.geojson"):
        with pytest.raises(RuntimeError, match="halfway"):
            write_geojson(target, AWKWARD)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        write_geojson(tmp_path / "no" / "a.geojson", AWKWARD)
