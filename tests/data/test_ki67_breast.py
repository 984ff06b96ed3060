import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ihc_layouts import write_ki67_breast
from layouts import tissue
from PIL import Image

from maskless.build import build
from maskless.data.fingerprint import describe
from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "ki67_breast"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no ki67_breast/"
)
FIELDS = {3: 1, 4: 1, 5: 1, 6: 1, 14: 0.5, 19: 0.5}
ALL = (Signal.IMAGE, Signal.POINTS, Signal.CLASSES, Signal.REGION)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_ki67_breast(tmp_path / "ki67_breast", FIELDS)


def test_read_gives_points_with_classes_and_a_region(folder: Path) -> None:
    source = Ki67Breast(data_root=folder.parent)
    assert source.problems() == []
    assert source.offers == set(ALL)
    for name in ("field_3", "field_4"):  # whose regions are RGB and grey
        sample = source.read(Item(name, name), ALL)
        np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(int(name[-1])))
        assert sample[Signal.POINTS].tolist() == [[k, 5 * k] for k in range(5)]
        assert sample[Signal.POINTS].dtype == np.float32
        assert sample[Signal.CLASSES] == dict(enumerate(["positive"] * 3 + ["negative"] * 2))
        assert (sample[Signal.REGION][:, :30] == 1).all()
        assert (sample[Signal.REGION][:, 30:] == 0).all()
    assert set(source.read(Item("field_3", "field_3"), {Signal.POINTS}).signals) == {Signal.POINTS}


def test_half_the_scale_is_twice_the_spacing(folder: Path) -> None:
    source = Ki67Breast(folder)
    spacing = {n: source.read(Item(f"field_{n}", ""), {Signal.POINTS}).mpp for n in FIELDS}
    assert spacing == {n: 0.25 / scale for n, scale in FIELDS.items()}
    (folder / "fields.csv").unlink()
    assert Ki67Breast(folder).read(Item("field_14", ""), {Signal.IMAGE}).mpp is None
    assert Ki67Breast(folder).problems() == []


def test_points_outside_and_points_alike_are_left_out_and_said(folder: Path) -> None:
    source = Ki67Breast(folder)
    for name in ("field_6", "field_14"):
        sample = source.read(Item(name, name), ALL)
        assert sample[Signal.POINTS].tolist() == [[k, 5 * k] for k in range(5)]
        assert sorted(sample[Signal.CLASSES]) == list(range(5))
    outside, twice, absent = source.extra()
    assert "field_6/markers.csv: 1 of 6 points left out, outside the image" in outside
    assert "field_14/markers.csv: 1 of 6 points left out, there before" in twice
    assert "'fixed' is 16 / 4 / 8 fields with field_7, field_8" in absent
    assert absent.count("field_") == 28 - len(FIELDS)


def test_the_split_goes_by_number_and_all_is_everything(folder: Path) -> None:
    shutil.copytree(folder / "field_4", folder / "1164-03")
    source = Ki67Breast(folder)
    names = {part: [item.id for item in source.items(part)] for part in ("train", "val", "test")}
    assert names == {
        "train": ["field_4", "field_6"],
        "val": ["field_5", "field_19"],
        "test": ["field_3", "field_14"],
    }
    every = [item.id for item in Ki67Breast(folder, split="all").items("test")]
    assert sorted(every) == sorted(["1164-03", *names["train"], *names["val"], *names["test"]])
    assert [item.id for item in Ki67Breast(folder, split="all_train").items("train")] == every
    assert Ki67Breast(folder, split="all_train").items("test") == ()
    assert any("1164-03 is in no part of 'fixed'" in remark for remark in source.extra())


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    (folder / "field_3" / "base.png").unlink()
    (folder / "field_3" / "markers.csv").write_text("type,x,y\n1,3,4\n3,5,6\n")
    (folder / "field_4" / "markers.csv").write_text("type,x,y\n1,3,4\n2,five,6\n")
    (folder / "field_5" / "markers.csv").write_text("x,y\n3,4\n")
    Image.fromarray(tissue()).save(folder / "field_5" / "mask-gt.png")
    Image.fromarray(np.full((9, 48), 255, np.uint8)).save(folder / "field_14" / "mask-gt.png")
    (folder / "field_19" / "mask-gt.png").unlink()
    table = (folder / "fields.csv").read_text().replace("field_6,", "field_7,")
    (folder / "fields.csv").write_text(table)
    expected = [
        "fields.csv has no line for field_6",
        "field_3/base.png does not exist",
        "field_3/markers.csv, line 3: type is '3'",
        "field_4/markers.csv, line 3: x is 'five'",
        "field_5/markers.csv has no column type",
        "field_5/mask-gt.png",
        "field_14/mask-gt.png is 9 x 48 px",
        "field_19/mask-gt.png does not exist",
    ]
    problems = Ki67Breast(folder).problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("field,size\nfield_3,1\n", "must have the columns field and scale"),
        ("field,scale\nfield_3,0\n", "line 2: scale is '0'"),
        ("field,scale\nfield_3,half\n", "line 2: scale is 'half'"),
        ("field,scale\nfield_3\n", "line 2: scale is None"),
        ("field,scale\nfield_3,1000\n", "has the scale 1000 for field_3: mpp=0.00025 is no pixel spacing"),
        ("field,scale\nfield_3,0.001\n", "has the scale 0.001 for field_3: mpp=250.0 is no pixel spacing"),
        ("field,scale\nfield_3,1\nfield_4,1\nfield_3,0.5\n", "line 4: field_3 is there already"),
    ],
)
def test_a_malformed_table_of_scales_is_one_problem(folder: Path, table: str, words: str) -> None:
    (folder / "fields.csv").write_text(table)
    (problem,) = Ki67Breast(folder).problems()
    assert "fields.csv" in problem
    assert words in problem
    with pytest.raises(UserError, match="fields"):
        Ki67Breast(folder).read(Item("field_3", ""), {Signal.IMAGE})


def test_a_table_of_scales_without_a_line_lacks_every_field(folder: Path) -> None:
    (folder / "fields.csv").write_text("field,scale\n")
    problems = Ki67Breast(folder).problems()
    assert len(problems) == len(FIELDS)
    assert all(f"no line for field_{k}," in problem for k, problem in zip(FIELDS, problems, strict=True))
    with pytest.raises(UserError, match="no line for field_3"):
        Ki67Breast(folder).read(Item("field_3", ""), {Signal.IMAGE})


def test_points_that_all_lie_outside_are_a_problem(folder: Path) -> None:
    file = folder / "field_3" / "markers.csv"
    file.write_text("type,x,y\n1,48,7\n2,3,400\n")
    source = Ki67Breast(folder)
    (problem,) = source.problems()
    assert problem.startswith(f"{file} has no point in its image of 40 x 48 px")
    with pytest.raises(UserError, match="has no point in its image"):
        source.read(Item("field_3", ""), {Signal.POINTS})
    file.write_text("type,x,y\n")  # a field of which nobody says that there is a nucleus in it
    assert Ki67Breast(folder).problems() == []


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no folder")):
        with pytest.raises(UserError, match=f"{words}.*AdamDlubak"):
            Ki67Breast(path).items("train")
        assert len(Ki67Breast(path).problems()) == 1


def test_a_fingerprint_changes_with_a_scale(folder: Path) -> None:
    before = describe(Ki67Breast(folder))
    assert before["parts"]["test"] == ["field_3", "field_14"]
    text = (folder / "fields.csv").read_text()
    (folder / "fields.csv").write_text(text.replace("field_4,somewhere,1", "field_4,somewhere,0.5"))
    after = describe(Ki67Breast(folder))
    assert after["sha256"] != before["sha256"]
    assert after["cases"] == before["cases"]


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/ki67_breast.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, Ki67Breast)
    assert (built.path, built.split) == (folder, "fixed")


@with_real_data
def test_the_real_fields_have_the_published_points() -> None:
    """Against the table that came with the fields, and the counts of its description."""
    source = Ki67Breast(REAL)
    sizes = {part: len(items) for part, items in source.splits()["fixed"].parts.items()}
    assert sizes == {"train": 16, "val": 4, "test": 8}
    assert not source.splits()["fixed"].leaky
    table = pd.read_csv(REAL / "fields.csv").set_index("field")
    total: Counter[str] = Counter()
    for item in Ki67Breast(REAL, split="all").items("test"):
        sample = source.read(item, {Signal.POINTS, Signal.CLASSES, Signal.REGION})
        row = table.loc[item.id]
        points, region = sample[Signal.POINTS].astype(int), sample[Signal.REGION]
        assert region.shape == (row.height, row.width)
        assert sample.mpp == {1: 0.25, 0.5: 0.5}[row.scale]
        count = Counter(sample[Signal.CLASSES].values())
        assert count["positive"] == row.positive
        assert count["negative"] == row.negative - row.points_outside_image - (item.id == "field_14")
        inside = region[points[:, 0], points[:, 1]] == 1
        positive = np.array([sample[Signal.CLASSES][k] == "positive" for k in range(len(points))])
        assert (inside & positive).sum() == row.positive_in_region
        assert (inside & ~positive).sum() == row.negative_in_region - (item.id == "field_14")
        assert abs(region.mean() - row.region_fraction) < 6e-4
        total += count
    assert total == {"positive": 4_286, "negative": 27_481}
    remarks = source.extra()
    assert ["field_6" in remarks[0], "field_14" in remarks[1], len(remarks)] == [True, True, 2]


@with_real_data
def test_the_real_fields_are_whole_and_positive_points_are_the_browner_ones() -> None:
    """Brown takes up blue light and blue takes up red: with x and y swapped, neither would show."""
    source = Ki67Breast(REAL)
    for item in source.items("val"):
        sample = source.read(item, ALL)
        rows, columns = sample[Signal.POINTS].astype(int).T
        at_points = sample[Signal.IMAGE][rows, columns].astype(int)
        brownness = at_points[:, 0] - at_points[:, 2]
        positive = np.array([sample[Signal.CLASSES][k] == "positive" for k in range(len(rows))])
        assert np.median(brownness[positive]) > np.median(brownness[~positive]) + 20
