"""BCData as it is published: points of two files, and what is wrong with them."""

import os
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from bcdata_files import write_bcdata, write_points
from layouts import tissue
from PIL import Image

from maskless.build import build
from maskless.data.fingerprint import describe
from maskless.data.readers.bcdata import BCData, centres
from maskless.errors import UserError
from maskless.signals import Item, Signal

PARTS = {"train": ["0", "1"], "validation": ["0"], "test": ["0"]}
REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "bcdata"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no bcdata/"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bcdata(tmp_path / "bcdata", PARTS)


def test_points_are_rows_and_columns_of_both_classes(folder: Path) -> None:
    source = BCData(data_root=folder.parent)
    assert source.problems() == source.extra() == []
    assert source.offers == {Signal.IMAGE, Signal.POINTS, Signal.CLASSES}
    (item,) = source.items("test")
    sample = source.read(item, source.offers)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(0))
    assert sample[Signal.POINTS].tolist() == [[4, 5], [6, 9], [30, 40]]
    assert sample[Signal.POINTS].dtype == np.float32
    assert sample[Signal.CLASSES] == {0: "positive", 1: "positive", 2: "negative"}
    assert (sample.mpp, sample.power) == (0.25, 40)
    assert set(source.read(item, {Signal.POINTS}).signals) == {Signal.POINTS}


def test_the_centre_is_the_middle_512_px_with_the_points_in_it(tmp_path: Path) -> None:
    folder = write_bcdata(tmp_path / "bcdata", {"test": ["0"]})
    pixels = np.random.default_rng(0).integers(0, 256, (640, 600, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "images" / "test" / "0.png")
    # x, y: at the first pixel of the middle and before it, at the last and behind it
    write_points(folder / "annotations" / "test" / "positive" / "0.h5", [(44, 64), (43, 64), (300, 600)])
    write_points(folder / "annotations" / "test" / "negative" / "0.h5", [(555, 575), (556, 575), (0, 0)])
    for split in ("official_centre", "all_centre"):
        source = BCData(folder, split=split)
        (item,) = source.items("test")
        sample = source.read(item, [Signal.IMAGE, Signal.POINTS, Signal.CLASSES])
        np.testing.assert_array_equal(sample[Signal.IMAGE], pixels[64:576, 44:556])
        assert sample[Signal.POINTS].tolist() == [[0, 0], [511, 511]]
        assert sample[Signal.CLASSES] == {0: "positive", 1: "negative"}
    whole = BCData(folder)
    assert len(whole.read(item, [Signal.POINTS])[Signal.POINTS]) == 6
    assert describe(whole)["sha256"] != describe(BCData(folder, split="official_centre"))["sha256"]


def test_of_a_smaller_field_the_centre_is_all(folder: Path) -> None:
    (item,) = BCData(folder).items("test")
    whole, centre = (BCData(folder, split=split).read(item, [Signal.IMAGE, Signal.POINTS]) for split in
                     ("official", "official_centre"))  # fmt: skip
    np.testing.assert_array_equal(whole[Signal.IMAGE], centre[Signal.IMAGE])
    np.testing.assert_array_equal(whole[Signal.POINTS], centre[Signal.POINTS])


@pytest.mark.parametrize("inner", ["", "BCData"])
@pytest.mark.parametrize("validation", ["validation", "val"])
def test_the_folders_are_the_split_and_names_begin_anew_in_each(
    tmp_path: Path, inner: str, validation: str
) -> None:
    write_bcdata(tmp_path / "set" / inner, {**PARTS, "validation": []} | {validation: ["0"]})
    if validation == "val":
        (tmp_path / "set" / inner / "images" / "validation").rmdir()
    source = BCData(tmp_path / "set")
    official = {part: [item.id for item in source.items(part)] for part in ("train", "val", "test")}
    assert official == {"train": ["train_0", "train_1"], "val": ["val_0"], "test": ["test_0"]}
    assert BCData(tmp_path / "set", split="all").items("test") == tuple(
        Item(name, name) for name in ("train_0", "train_1", "val_0", "test_0")
    )
    assert not source.splits()["official"].leaky
    assert source.problems() == []


@pytest.mark.parametrize("empty", [np.zeros((0, 2), int), np.zeros(0), np.zeros((2, 0))])
def test_a_field_may_have_no_points_of_a_class(folder: Path, empty: np.ndarray) -> None:
    for word, count in (("negative", 2), ("positive", 0)):
        write_points(folder / f"annotations/test/{word}/0.h5", empty)
        source = BCData(folder)
        sample = source.read(source.items("test")[0], {Signal.POINTS, Signal.CLASSES})
        assert sample[Signal.POINTS].shape == (count, 2)
        assert len(sample[Signal.CLASSES]) == count
        assert source.problems() == source.extra() == []


def test_points_outside_and_points_alike_are_left_out_and_said(folder: Path) -> None:
    write_points(folder / "annotations/test/negative/0.h5", [(48, 3), (5, 4), (-1, 0), (47, 39)])
    source = BCData(folder)
    assert source.problems() == []
    sample = source.read(source.items("test")[0], {Signal.POINTS, Signal.CLASSES})
    assert sample[Signal.POINTS].tolist() == [[4, 5], [6, 9], [39, 47]]
    assert list(sample[Signal.CLASSES].values()) == ["positive", "positive", "negative"]
    outside, twice = source.extra()
    assert "images/test/0.png: 2 of 6 points left out, outside the image" in outside
    assert "images/test/0.png: 1 of 6 points left out, at the place of another" in twice


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    image, annotations = folder / "images/train/0.png", folder / "annotations"
    image.write_bytes(image.read_bytes()[:300])
    (annotations / "train/positive/0.h5").unlink()
    (annotations / "train/negative/0.h5").write_bytes(b"no HDF5")
    write_points(annotations / "train/positive/1.h5", [(1, 2)], key="points")
    write_points(annotations / "train/negative/1.h5", [(1, 2, 3)])
    write_points(annotations / "validation/positive/0.h5", [(900, 900)])
    write_points(annotations / "validation/negative/0.h5", [(900, 901)])
    write_points(annotations / "test/positive/0.h5", [(np.nan, 2.0)])
    expected = [
        "0.png is cut short",
        "train/positive/0.h5 does not exist",
        "train/negative/0.h5 is damaged, or no HDF5 file",
        "train/positive/1.h5 holds no dataset named coordinates: ['points']",
        "train/negative/1.h5 has coordinates of the shape (1, 3)",
        "validation/negative/0.h5 have no point in their image of 40 x 48 px",
        "test/positive/0.h5 has a point that lies nowhere",
    ]
    problems = BCData(folder).problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem


def test_points_of_no_image_are_extra(folder: Path) -> None:
    write_points(folder / "annotations/test/negative/7.h5", [(1, 2)])
    (remark,) = BCData(folder).extra()
    assert "test/negative/7.h5 is extra: no image has its name" in remark


def test_a_group_in_place_of_the_points_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("coordinates")
    with pytest.raises(UserError, match="holds no dataset named coordinates"):
        centres(tmp_path / "a.h5")


def test_two_folders_of_one_part_are_refused(folder: Path) -> None:
    write_bcdata(folder, {"val": ["0"]})
    with pytest.raises(UserError, match="holds both validation and val: keep one"):
        BCData(folder).items("train")
    assert any("keep one" in problem for problem in BCData(folder).problems())


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no PNG")):
        with pytest.raises(UserError, match=f"{words}.*bcdataset"):
            BCData(path).items("train")
        assert len(BCData(path).problems()) == 1


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/bcdata.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, BCData)
    assert (built.path, built.split) == (folder, "official")


def test_images_of_other_endings_and_hidden_ones_are_left_alone(folder: Path) -> None:
    for name in (".0.png", "0.txt", "Thumbs.db"):
        (folder / "images/test" / name).touch()
    Image.fromarray(tissue()).save(folder / "images/test/0.jpg")
    assert Counter(item.id for item in BCData(folder).items("test")) == {"test_0": 1}


@with_real_data
def test_the_real_set_has_the_published_fields() -> None:
    source = BCData(REAL)
    assert source.problems() == []
    assert [len(source.items(part)) for part in ("train", "val", "test")] == [803, 133, 402]
