"""What QuPath needs of a GeoJSON file: a FeatureCollection of detections, valid, with UUIDs."""

import gzip
import json
import tracemalloc
from uuid import UUID, uuid5

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from shapely.geometry import shape

from maskless.errors import UserError
from maskless.writers import geojson
from maskless.writers.geojson import GeoJSONFile, write_geojson
from maskless.writers.outlines import outlines

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
NUCLEI = pd.DataFrame(
    {
        "id": [9, 4, 1],
        "row": [3.0, 0.5, 1.0],
        "col": [5.0, 4.5, 1.0],
        "area_px": [1, 2, 8],
        "area_um2": [0.0625, np.nan, 1 / 3],
        "dab_mean": [-0.0123456789, np.inf, 0.0],
        "chromatin_texture": [1234567.8, 5e-9, 2.0],
        "class": ["positive", "Grün", None],
        "region": ["Tumour", None, "Stroma"],
    }
)

maps = arrays(
    np.int32,
    array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.sampled_from([0, 0, 3, 3, 8, 2**31 - 1]),
)
lasting = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def read(path):
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def written(path, *arguments):
    return read(write_geojson(path, *arguments))


def test_each_nucleus_is_a_detection_named_by_its_id(tmp_path):
    collection = written(tmp_path / "a.geojson", AWKWARD)
    assert collection["type"] == "FeatureCollection"
    features = collection["features"]
    assert {f["type"] for f in features} == {"Feature"}
    assert [f["properties"] for f in features] == [{"objectType": "detection", "name": n} for n in "149"]
    assert [f["geometry"]["type"] for f in features] == ["Polygon", "MultiPolygon", "Polygon"]
    assert features[2]["geometry"]["coordinates"] == [[[6, 3], [6, 4], [5, 4], [5, 3], [6, 3]]]


@lasting
@given(maps, st.sampled_from([0, 700, 10**6]))
def test_the_file_holds_every_nucleus_valid_and_of_its_area(tmp_path, instances, limit_bytes):
    with GeoJSONFile(tmp_path / "a.geojson", limit_bytes) as file:
        file.add(outlines(instances))
    features = read(file.path)["features"]
    assert [int(f["properties"]["name"]) for f in features] == [i for i in np.unique(instances) if i]
    assert len({UUID(f["id"]) for f in features}) == len(features)
    for feature in features:
        outline = shape(feature["geometry"])
        assert outline.is_valid
        assert outline.area == np.count_nonzero(instances == int(feature["properties"]["name"]))
        for polygon in shapely.get_parts(outline):
            for ring in (polygon.exterior, *polygon.interiors):
                assert ring.is_simple
                points = list(ring.coords)
                assert points[0] == points[-1]
                assert len(set(points)) == len(points) - 1


def test_classes_become_classifications_with_qupaths_colours(tmp_path):
    one, four, nine = written(tmp_path / "a.geojson", AWKWARD, NUCLEI)["features"]
    assert nine["properties"]["classification"] == {"name": "Positive", "color": [250, 62, 62]}
    green = four["properties"]["classification"]
    assert green["name"] == "Grün"
    # QuPath throws on a classification without a colour.
    assert len(green["color"]) == 3
    assert all(isinstance(part, int) and 0 <= part <= 255 for part in green["color"])
    assert "classification" not in one["properties"]
    negative = NUCLEI.assign(**{"class": "Negative"})
    feature = written(tmp_path / "b.geojson", AWKWARD, negative)["features"][0]
    assert feature["properties"]["classification"] == {"name": "Negative", "color": [112, 112, 225]}


def test_numbers_become_measurements_named_as_in_qupath(tmp_path):
    one, four, nine = (f["properties"] for f in written(tmp_path / "a.geojson", AWKWARD, NUCLEI)["features"])
    assert one["measurements"] == {
        "Area px^2": 8,
        "Area µm^2": 0.333333,
        "DAB: Mean": 0.0,
        "Chromatin texture": 2.0,
    }
    assert four["measurements"] == {"Area px^2": 2, "Chromatin texture": 5e-9}
    assert nine["measurements"] == {
        "Area px^2": 1,
        "Area µm^2": 0.0625,
        "DAB: Mean": -0.0123457,
        "Chromatin texture": 1234568,
    }
    assert [p.get("metadata") for p in (one, four, nine)] == [
        {"region": "Stroma"},
        None,
        {"region": "Tumour"},
    ]


@given(st.lists(st.floats(width=32) | st.floats(), min_size=1, max_size=5))
def test_measurements_have_six_digits(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("six") / "a.geojson"
    instances = np.arange(1, len(values) + 1)[None]
    features = written(path, instances, pd.DataFrame({"id": instances[0], "x": values}))["features"]
    for feature, value in zip(features, values, strict=True):
        found = feature["properties"].get("measurements", {}).get("X")
        if not np.isfinite(value):
            assert found is None
        elif abs(value) > 1e-15:
            assert found == pytest.approx(value, rel=5.01e-6, abs=0)
            if abs(value) < 1e5:
                assert float(f"{found:.6g}") == found


def test_numbers_of_any_type_are_written(tmp_path):
    frame = pd.DataFrame(
        {
            "id": np.array([1, 4, 9], np.uint32),
            "mitotic": [True, False, True],
            "count": pd.array([3, None, 5], "Int64"),
            "score": np.array([0.1, 0.2, 0.3], np.float32),
            "grade": pd.Categorical(["low", "high", "low"]),
        }
    )
    features = written(tmp_path / "a.geojson", AWKWARD.astype(np.uint32), frame)["features"]
    assert features[0]["properties"]["measurements"] == {"Mitotic": 1, "Count": 3, "Score": 0.1}
    assert features[1]["properties"]["measurements"] == {"Mitotic": 0, "Score": 0.2}
    assert features[2]["properties"]["metadata"] == {"grade": "low"}


def test_rows_are_found_by_id_and_others_are_no_matter(tmp_path):
    more = pd.concat([pd.DataFrame({"id": [77], "area_px": [5]}), NUCLEI[["id", "area_px"]]])
    features = written(tmp_path / "a.geojson", AWKWARD, more)["features"]
    assert [f["properties"]["measurements"] for f in features] == [{"Area px^2": a} for a in (8, 2, 1)]


@pytest.mark.parametrize(
    ("nuclei", "problem"),
    [
        (NUCLEI[:2], "nucleus 1 has an outline but no row"),
        (pd.concat([NUCLEI, NUCLEI[1:2]]), "nucleus 4 has more than one row"),
    ],
    ids=["missing", "double"],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, nuclei, problem):
    with pytest.raises(ValueError, match=problem):
        write_geojson(tmp_path / "a.geojson", AWKWARD, nuclei)
    assert not list(tmp_path.iterdir())


def test_no_nuclei_are_an_empty_collection(tmp_path):
    nothing = np.zeros((4, 4), np.int32)
    empty = {"type": "FeatureCollection", "features": []}
    assert written(tmp_path / "a.geojson", nothing) == empty
    assert written(tmp_path / "a.geojson", nothing, NUCLEI[:0]) == empty
    with GeoJSONFile(tmp_path / "b.geojson") as file:
        pass
    assert read(file.path) == empty


@pytest.mark.parametrize("limit_bytes", [0, 500, 10**6])
def test_pieces_do_not_change_the_bytes(tmp_path, monkeypatch, limit_bytes):
    found = [*outlines(AWKWARD), (12, shapely.box(0.5, 1.25, 7, 9)), (13, shapely.box(1, 1, 3, 3))]
    rows = pd.concat([NUCLEI, NUCLEI[:2].assign(id=[12, 13])], ignore_index=True)
    with GeoJSONFile(tmp_path / "a.geojson", limit_bytes) as whole:
        whole.add(iter(found), rows)
    monkeypatch.setattr(geojson, "_BATCH", 2)
    with GeoJSONFile(tmp_path / "b.geojson", limit_bytes) as pieces:
        pieces.add([], rows)
        pieces.add(found[:1], rows[2:3])
        pieces.add(found[1:], rows.sample(frac=1, random_state=0))
    assert whole.path.suffix == pieces.path.suffix == (".geojson" if limit_bytes == 10**6 else ".gz")
    assert whole.path.read_bytes() == pieces.path.read_bytes()
    assert len(read(pieces.path)["features"]) == 5


def test_the_same_nuclei_give_the_same_bytes(tmp_path):
    first = write_geojson(tmp_path / "a.geojson", AWKWARD, NUCLEI)
    second = write_geojson(tmp_path / "b.geojson", AWKWARD.copy(order="F"), NUCLEI.copy())
    assert first.read_bytes() == second.read_bytes()


def test_ids_follow_the_outline(tmp_path):
    first = written(tmp_path / "a.geojson", AWKWARD)["features"]
    moved = written(tmp_path / "b.geojson", np.roll(AWKWARD, 1, axis=0))["features"]
    again = written(tmp_path / "c.geojson", AWKWARD * 2, NUCLEI.assign(id=NUCLEI["id"] * 2))["features"]
    assert not {f["id"] for f in first} & {f["id"] for f in moved}
    assert [f["id"] for f in first] == [f["id"] for f in again]
    namespace = UUID("5d1f9c4e-0c0b-5a5e-9d53-6f0f4b1c7a10")
    for feature in first:
        text = json.dumps(feature["geometry"], separators=(",", ":"))
        assert UUID(feature["id"]) == uuid5(namespace, text)


def test_a_line_a_feature(tmp_path):
    lines = write_geojson(tmp_path / "a.geojson", AWKWARD).read_text().splitlines()
    assert [json.loads(line.rstrip(","))["properties"]["name"] for line in lines[1:-1]] == ["1", "4", "9"]


def test_a_large_file_is_gzipped_and_replaces_a_plain_one(tmp_path):
    plain = write_geojson(tmp_path / "a.geojson", AWKWARD)
    text = plain.read_bytes()
    with GeoJSONFile(plain, limit_bytes=len(text) - 1) as file:
        file.add(outlines(AWKWARD))
    assert file.path == tmp_path / "a.geojson.gz"
    assert list(tmp_path.iterdir()) == [file.path]
    assert gzip.decompress(file.path.read_bytes()) == text
    write_geojson(plain, AWKWARD)
    assert list(tmp_path.iterdir()) == [plain]


def test_memory_does_not_grow_with_the_nuclei(tmp_path):
    def peak_bytes(times):
        tracemalloc.start()
        with GeoJSONFile(tmp_path / "a.geojson") as file:
            for before in range(0, 400 * times, 400):
                ids = range(before + 1, before + 401)
                file.add(((i, shapely.box(i, 0, i + 1, 1)) for i in ids), pd.DataFrame({"id": ids, "x": 0.5}))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(1)
    assert peak_bytes(30) < 1.2 * peak_bytes(5)


@pytest.mark.parametrize("limit_bytes", [50, 10**6])
def test_a_failure_halfway_leaves_the_old_file(tmp_path, limit_bytes):
    path = write_geojson(tmp_path / "a.geojson", AWKWARD)
    before = path.read_bytes()

    def breaking():
        yield from list(outlines(AWKWARD))[:1]
        raise RuntimeError("halfway")

    def write(target):
        with GeoJSONFile(target, limit_bytes) as file:
            file.add(outlines(AWKWARD))
            file.add(breaking())

    for target in (path, tmp_path / "new.geojson"):
        with pytest.raises(RuntimeError, match="halfway"):
            write(target)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        write_geojson(tmp_path / "no" / "a.geojson", AWKWARD)
