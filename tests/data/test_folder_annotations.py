"""A folder with what people have: drawings, tables with names of their own, annotation in part."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagescope_files import write_annotation
from layouts import nuclei, write_folder
from PIL import Image

from maskless.data.readers.folder import Folder
from maskless.errors import UserError
from maskless.signals import Item, Signal

A, B = Item("a", "a"), Item("b", "b")
REAL = Path(os.environ.get("MASKLESS_DATA", "nowhere"))


def feature(kind: str, coordinates: Any, word: str = "", of: str = "annotation") -> dict[str, Any]:
    properties = {"objectType": of} | ({"classification": {"name": word}} if word else {})
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }


def box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def polygon(*corners: float, word: str = "", of: str = "annotation") -> dict[str, Any]:
    return feature("Polygon", [box(*corners)], word, of)


def drawn(folder: Path, name: str, *features: dict[str, Any]) -> Path:
    """annotations/NAME.geojson; the path of the folder."""
    (folder / "annotations").mkdir(exist_ok=True)
    content = {"type": "FeatureCollection", "features": list(features)}
    (folder / "annotations" / f"{name}.geojson").write_text(json.dumps(content))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of 40 x 48 px, alone."""
    return write_folder(tmp_path / "set", ["a", "b"], labelled=False)


def test_polygons_of_qupath_are_nuclei_with_their_classes(folder: Path) -> None:
    holed = feature("Polygon", [box(10, 10, 20, 20), box(12, 12, 15, 15)], "Tumor")
    parts = feature("MultiPolygon", [[box(30, 0, 34, 4)], [box(36, 0, 40, 4)]], "Stroma", of="detection")
    drawn(folder, "a", polygon(1, 2, 4, 6, word="Tumor"), holed, parts, polygon(0, 30, 5, 35))
    source = Folder(drawn(folder, "b"), classes={"Tumor": "tumour"})
    assert source.problems() == source.extra() == []
    assert source.offers == {Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES}
    sample = source.read(A, {Signal.INSTANCES, Signal.CLASSES})
    expected = np.zeros((40, 48), np.int32)
    expected[2:6, 1:4] = 1
    expected[10:20, 10:20] = 2
    expected[12:15, 12:15] = 0
    expected[0:4, 30:34] = expected[0:4, 36:40] = 3
    expected[30:35, 0:5] = 4
    np.testing.assert_array_equal(sample[Signal.INSTANCES], expected)
    assert sample[Signal.INSTANCES].dtype == np.int32
    assert sample[Signal.CLASSES] == {1: "tumour", 2: "tumour", 3: "Stroma"}
    assert not source.read(B, {Signal.INSTANCES})[Signal.INSTANCES].any(), "an image without nuclei"


def test_points_of_qupath_count_from_the_corner(folder: Path) -> None:
    several = feature("MultiPoint", [[10.5, 20.5], [0.2, 39.9]], "Positive")
    drawn(folder, "a", several, feature("Point", [47.5, 0.5], "Negative"), feature("Point", [3, 3]))
    source = Folder(drawn(folder, "b", feature("Point", [1, 1])))
    assert source.problems() == source.extra() == []
    assert source.offers == {Signal.IMAGE, Signal.POINTS, Signal.CLASSES}
    sample = source.read(A, {Signal.POINTS, Signal.CLASSES})
    np.testing.assert_allclose(sample[Signal.POINTS], [[20, 10], [39.4, 0], [0, 47], [2.5, 2.5]], atol=1e-5)
    assert sample[Signal.CLASSES] == {0: "Positive", 1: "Positive", 2: "Negative"}


def test_areas_say_where_the_annotation_is_complete(folder: Path) -> None:
    nucleus = polygon(1, 2, 4, 6)
    drawn(folder, "a", nucleus, polygon(0, 0, 20, 48, word="Region*"), polygon(2, 2, 9, 9, word="Ignore*"))
    source = Folder(drawn(folder, "b", nucleus))
    region = np.zeros((40, 48), np.uint8)
    region[:, :20] = 1
    region[2:9, 2:9] = 0
    sample = source.read(A, {Signal.REGION, Signal.INSTANCES})
    np.testing.assert_array_equal(sample[Signal.REGION], region)
    assert set(np.unique(sample[Signal.INSTANCES])) == {0, 1}
    assert source.read(B, {Signal.REGION})[Signal.REGION].all()
    other = Folder(folder, areas={"region": "done", "ignore": "x"})
    assert other.offers >= {Signal.CLASSES, Signal.INSTANCES}
    assert other.read(A, {Signal.CLASSES})[Signal.CLASSES] == {2: "Region*"}, "3 lies beneath 2"


def test_regions_of_a_folder_and_of_drawings_hold_together(folder: Path) -> None:
    (folder / "regions").mkdir()
    right = np.zeros((40, 48), np.uint8)
    right[:, 10:] = 255
    for name in "ab":
        Image.fromarray(right).save(folder / "regions" / f"{name}.png")
        drawn(folder, name, polygon(0, 0, 20, 40, word="Region*"))
    region = Folder(folder).read(A, {Signal.REGION})[Signal.REGION]
    assert region[:, 10:20].all()
    assert region.sum() == 40 * 10


def test_outlines_of_imagescope_are_nuclei_and_their_layer_the_class(folder: Path) -> None:
    (folder / "annotations").mkdir()
    for name in "ab":
        file = folder / "annotations" / f"{name}.xml"
        write_annotation(file, [[(1, 2), (4, 2), (4, 6), (1, 6)]], [[(10, 10), (20, 10), (20, 20), (10, 20)]])
        file.write_text(
            file.read_text().replace('<Annotation Id="2"', '<Annotation Id="2" Name="Lymphocyte"')
        )
    source = Folder(folder)
    assert source.problems() == []
    sample = source.read(A, {Signal.INSTANCES, Signal.CLASSES})
    assert (sample[Signal.INSTANCES][2:6, 1:4] == 1).all()
    assert (sample[Signal.INSTANCES][10:20, 10:20] == 2).all()
    assert np.count_nonzero(sample[Signal.INSTANCES]) == 12 + 100
    assert sample[Signal.CLASSES] == {2: "Lymphocyte"}


def test_a_file_of_imagescope_without_regions_is_an_image_without_nuclei(folder: Path) -> None:
    (folder / "annotations").mkdir()
    write_annotation(folder / "annotations" / "a.xml", [[(1, 2), (4, 2), (4, 6), (1, 6)]])
    write_annotation(folder / "annotations" / "b.xml", [])
    source = Folder(folder)
    assert source.problems() == []
    assert source.read(A, {Signal.INSTANCES})[Signal.INSTANCES].any()
    assert not source.read(B, {Signal.INSTANCES})[Signal.INSTANCES].any()


def test_the_spacing_of_imagescope_holds_where_nobody_and_no_image_says_another(folder: Path) -> None:
    (folder / "annotations").mkdir()
    files = [folder / "annotations" / f"{name}.xml" for name in "ab"]
    for file, mpp in zip(files, ("0.2520", None), strict=True):
        write_annotation(file, [[(1, 2), (4, 2), (4, 6), (1, 6)]], mpp=mpp)
    assert [Folder(folder).read(item, {Signal.IMAGE}).mpp for item in (A, B)] == [0.252, None]
    assert Folder(folder, mpp=0.5).read(A, set()).mpp == 0.5
    write_annotation(files[1], [[(1, 2), (4, 2), (4, 6), (1, 6)]], mpp="0")
    (problem,) = Folder(folder).problems()
    assert problem.startswith(f"{files[1]} states MicronsPerPixel='0': mpp=0.0 is no pixel spacing")
    assert Folder(folder, mpp=0.5).problems() == []
    per_m = round(1e6 / 0.5)
    Image.open(folder / "images" / "a.png").save(
        folder / "images" / "a.png", dpi=(per_m * 0.0254, per_m * 0.0254)
    )
    source = Folder(folder)
    assert source.read(A, set()).mpp == pytest.approx(0.5)
    (remark,) = source.extra()
    assert "a.png states 0.5 µm/px, which is taken, and its drawing 0.252: if that is right, say" in remark


def test_what_is_left_out_of_a_drawing_is_named(folder: Path) -> None:
    two = feature("Polygon", [[[3, 3], [9, 9], [3, 3]]])
    line = feature("LineString", [[0, 0], [5, 5]])
    drawn(folder, "a", polygon(1, 2, 4, 6), two, polygon(90, 90, 99, 99), line)
    source = Folder(drawn(folder, "b", polygon(1, 2, 4, 6)))
    assert source.problems() == []
    file = folder / "annotations" / "a.geojson"
    assert source.extra() == [
        f"{file}: passed over feature 4 (a LineString): no points and no areas",
        f"{file}: 2 of 3 outlines without a pixel of their own, left out: feature 2 with 2 vertices, "
        "feature 3",
    ]


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ([polygon(90, 90, 99, 99)], "a.geojson has no outline that lies in its image of 40 x 48 px: is it"),
        ([feature("Point", [90, 9])], "a.geojson, point 1: the point (row 8.5, column 89.5) lies outside"),
        ([feature("Point", ["x", 9])], "a.geojson: feature 1 has coordinates that make no Point"),
        ([feature("Polygon", 5)], "a.geojson: feature 1 has coordinates that make no Polygon"),
        ([feature("Point", [1e9, 9])], "a.geojson: feature 1 has coordinates that make no Point"),
        ([{"type": "Feature", "geometry": None}], "a.geojson: feature 1 is without a geometry"),
    ],
)
def test_what_cannot_be_a_drawing_is_a_problem(folder: Path, features: list[Any], words: str) -> None:
    drawn(folder, "a", *features)
    drawn(folder, "b")
    (problem,) = Folder(folder).problems()
    assert words in problem


def test_drawings_that_do_not_fit_together_are_refused(folder: Path) -> None:
    drawn(folder, "a", polygon(1, 2, 4, 6))
    drawn(folder, "b", feature("Point", [3, 3]))
    with pytest.raises(UserError, match=r"a\.geojson has no points, though others do: draw one kind in all"):
        Folder(folder).splits()
    drawn(folder, "b", polygon(1, 2, 4, 6))
    (folder / "labels").mkdir()
    for name in "ab":
        Image.fromarray(nuclei().astype(np.uint8)).save(folder / "labels" / f"{name}.png")
    with pytest.raises(UserError, match="has instances in labels and in annotations: keep one of them"):
        Folder(folder).splits()


def test_files_that_match_nothing_are_named(folder: Path) -> None:
    drawn(folder, "a", polygon(1, 2, 4, 6))
    drawn(folder, "b", polygon(1, 2, 4, 6))
    (folder / "annotations" / "aa.geojson").write_text("{}")
    (folder / "annotations" / "a.qpdata").write_text("")
    first, second = Folder(folder).extra()
    assert "aa.geojson is extra: no image has its name; did you mean 'a'?" in first
    assert "a.qpdata is not read: annotations are .geojson, .gz, .json, .xml" in second


def test_a_value_of_labels_and_masks_says_that_nothing_is_known(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", ["a", "b"])
    (folder / "masks").mkdir()
    labels, mask = nuclei().astype(np.uint8), 255 * (nuclei() > 0).astype(np.uint8)
    labels[20:30] = 99
    mask[30:35] = 99
    for name in "ab":
        Image.fromarray(labels).save(folder / "labels" / f"{name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    (first, *_) = Folder(folder).problems()
    assert "holds 99 at row 30" in first
    source = Folder(folder, ignore=99)
    assert source.problems() == []
    sample = source.read(A, {Signal.INSTANCES, Signal.MASK, Signal.REGION})
    np.testing.assert_array_equal(sample[Signal.INSTANCES], nuclei())
    np.testing.assert_array_equal(sample[Signal.MASK], nuclei() > 0)
    known = np.ones((40, 48), np.uint8)
    known[20:35] = 0
    np.testing.assert_array_equal(sample[Signal.REGION], known)
    assert Signal.REGION in source.to_score, "so nothing there is scored"
    assert source.reading != Folder(folder).reading == ""


def test_white_may_be_what_is_not_known(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", ["a"], labelled=False)
    (folder / "masks").mkdir()
    mask = (nuclei() > 0).astype(np.uint8)
    mask[20:] = 255
    Image.fromarray(mask).save(folder / "masks" / "a.png")
    sample = Folder(folder, ignore=255).read(A, {Signal.MASK, Signal.REGION})
    np.testing.assert_array_equal(sample[Signal.MASK], nuclei() > 0)
    assert sample[Signal.REGION].sum() == 20 * 48


def test_columns_and_classes_may_have_other_names(folder: Path) -> None:
    (folder / "points").mkdir()
    for name in "ab":
        (folder / "points" / f"{name}.csv").write_text("Type,X_px,Y_px,x\n1,30,20,7\n2,2,5,7\n")
    with pytest.raises(UserError, match="must begin with a header"):
        Folder(folder).read(A, {Signal.POINTS})
    columns = {"x": "X_px", "y": "y_px", "class": "type"}
    source = Folder(folder, points_columns=columns, classes={1: "positive"})  # type: ignore[dict-item]
    sample = source.read(A, {Signal.POINTS, Signal.CLASSES})
    assert sample[Signal.POINTS].tolist() == [[20, 30], [5, 2]]
    assert sample[Signal.CLASSES] == {0: "positive", 1: "2"}
    swapped = Folder(folder, points_columns={"x": "y_px", "y": "x_px"}).read(B, {Signal.POINTS})
    assert swapped[Signal.POINTS].tolist() == [[30, 20], [2, 5]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points_columns": {"klass": "type"}}, "points_columns cannot have klass: 'type'"),
        ({"areas": {"regions": "a"}}, "areas cannot have regions: 'a': .* did you mean 'region'"),
        ({"ignore": 0}, "ignore=0 is a whole number other than 0"),
        ({"ignore": "white"}, "ignore='white' is a whole number"),
    ],
)  # fmt: skip
def test_conventions_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Folder(tmp_path, **options)


def test_a_stated_split_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a", "b", "c", "d"], labelled=False)
    (path / "splits.csv").write_text(
        "image,split,group\na.png,train,p1\nb,Train,p1\nc,val,p2\nd.png,test,p1\n"
    )
    source = Folder(path)
    assert source.problems() == source.extra() == []
    assert source.split == "stated"
    assert [[item.id for item in source.items(part)] for part in ("train", "val", "test")] == [
        ["a", "b"], ["c"], ["d"]
    ]  # fmt: skip
    assert source.splits()["stated"].leaky, "p1 is learnt from and scored on"
    assert {item.group for item in source.items("train")} == {"p1"}


def test_groups_alone_are_divided(tmp_path: Path) -> None:
    names = [f"{k}" for k in range(8)]
    path = write_folder(tmp_path / "set", names, labelled=False)
    lines = [f"{name},patient {int(name) // 2}" for name in names]
    (path / "splits.csv").write_text("\n".join(["image,group", *lines]))
    split = Folder(path, seed=3).splits()["random"]
    assert not split.leaky
    assert split == Folder(path, seed=3).splits()["random"]
    assert {item.group for items in split.parts.values() for item in items} == {
        f"patient {k}" for k in range(4)
    }
    with pytest.raises(UserError, match="both name patients: keep one of them"):
        Folder(path, group="(.)").splits()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,part\na,train\n", "must begin with a header that names image, and split or group"),
        ("image,split\na,tset\nb,train\n", "line 2: split is 'tset', where one of train, val, test"),
        ("image,split\na,test\na.png,train\n", "line 3: a is there already"),
        ("image,split\na,test\n", "does not name b: it names every image"),
        ("image,group\na, \nb,p\n", "line 2: a has no group"),
    ],
)
def test_a_split_that_cannot_be_one_is_a_problem(folder: Path, text: str, words: str) -> None:
    (folder / "splits.csv").write_text(text)
    (problem,) = Folder(folder).problems()
    assert words in problem
    with pytest.raises(UserError, match="splits"):
        Folder(folder).splits()


def test_a_line_of_the_split_without_an_image_is_named(folder: Path) -> None:
    (folder / "splits.csv").write_text("image,split\na,train\nb,val\nbb,test\n")
    (remark,) = Folder(folder).extra()
    assert "splits.csv, line 4: there is no image 'bb'; did you mean 'b'?" in remark


def linked(folder: Path, **files: Path) -> None:
    for sub, file in files.items():
        (folder / sub).mkdir(parents=True, exist_ok=True)
        (folder / sub / f"real{file.suffix}").symlink_to(file)


@pytest.mark.skipif(not (REAL / "ki67_breast").is_dir(), reason="MASKLESS_DATA has no ki67_breast/")
def test_real_markers_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    field = REAL / "ki67_breast" / "field_6"
    files = {"images": "base.png", "points": "markers.csv", "regions": "mask-gt.png"}
    linked(tmp_path, **{sub: field / name for sub, name in files.items()})
    columns, words = {"class": "type"}, {"1": "positive", "2": "negative"}
    source = Folder(tmp_path, points_columns=columns, classes=words)
    assert source.problems() == []
    (remark,) = source.extra()
    assert "4 of " in remark
    assert "points left out, outside the image" in remark
    sample = source.read(Item("real", "real"), {Signal.POINTS, Signal.CLASSES})
    assert set(sample[Signal.CLASSES].values()) == {"positive", "negative"}
    assert len(sample[Signal.CLASSES]) == len(sample[Signal.POINTS]) > 500


@pytest.mark.skipif(not (REAL / "monuseg").is_dir(), reason="MASKLESS_DATA has no monuseg/")
def test_real_outlines_are_those_of_the_set_itself(tmp_path: Path) -> None:
    from maskless.data.readers.monuseg import MoNuSeg

    item = MoNuSeg(REAL / "monuseg", split="all").items("test")[0]
    image, annotation = MoNuSeg(REAL / "monuseg").files(item)[:2]
    linked(tmp_path, images=image, annotations=annotation)
    found = Folder(tmp_path).read(Item("real", "real"), {Signal.INSTANCES})[Signal.INSTANCES]
    expected = MoNuSeg(REAL / "monuseg").read(item, {Signal.INSTANCES})[Signal.INSTANCES]
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 200
