"""What may lie beside a folder's images: masks, points and regions."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from ihc_layouts import write_drawings
from layouts import nuclei, tissue, write_folder
from PIL import Image

from maskless.data.fingerprint import describe
from maskless.data.readers.folder import Folder
from maskless.errors import UserError
from maskless.signals import Item, Signal

A = Item("a", "a")
DRAWN = {Signal.IMAGE, Signal.MASK, Signal.POINTS, Signal.CLASSES, Signal.REGION}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_drawings(write_folder(tmp_path / "set", ["a", "b", "c"], labelled=False))


def test_masks_points_and_regions_are_offered_as_such(folder: Path) -> None:
    source = Folder(folder)
    assert source.problems() == source.extra() == []
    assert source.offers == DRAWN
    sample = source.read(A, DRAWN)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(0))
    np.testing.assert_array_equal(sample[Signal.MASK], nuclei((1,)) > 0)
    np.testing.assert_array_equal(sample[Signal.REGION], nuclei((1,)) == 0)
    assert {sample[signal].dtype for signal in (Signal.MASK, Signal.REGION)} == {np.dtype(np.uint8)}
    assert sample[Signal.POINTS].tolist() == [[5, 2], [30.5, 40]]
    assert sample[Signal.CLASSES] == {0: "tumour", 1: "stroma"}


@pytest.mark.parametrize("kept", ["masks", "points", "regions"])
def test_each_of_them_can_be_there_alone(folder: Path, kept: str) -> None:
    for other in {"masks", "points", "regions"} - {kept}:
        (folder / other).rename(folder.parent / other)
    offered = {
        "masks": {Signal.MASK},
        "points": {Signal.POINTS, Signal.CLASSES},
        "regions": {Signal.REGION},
    }[kept]
    source = Folder(folder)
    assert source.offers == {Signal.IMAGE, *offered}
    assert source.problems() == []
    assert set(source.read(A, offered).signals) == offered
    assert len(source.files(A)) == 2


def test_signals_are_read_lazily(folder: Path) -> None:
    source = Folder(folder)
    for file in folder.glob("points/*"):
        file.write_text("class,row,col\nbroken\n")
    assert source.read(A, {Signal.MASK, Signal.REGION})[Signal.MASK].any()
    for signal in (Signal.POINTS, Signal.CLASSES):
        with pytest.raises(UserError, match=r"a\.csv, line 2"):
            source.read(A, {signal})


def test_points_without_classes_offer_none(tmp_path: Path) -> None:
    path = write_drawings(write_folder(tmp_path / "set", ["a"], labelled=False), classes=False)
    source = Folder(path)
    assert source.offers == DRAWN - {Signal.CLASSES}
    assert source.read(A, {Signal.POINTS})[Signal.POINTS].tolist() == [[5, 2], [30.5, 40]]


def test_drawn_masks_and_points_go_before_those_of_labels_and_classes_go_by_ids(tmp_path: Path) -> None:
    source = Folder(write_drawings(write_folder(tmp_path / "set", ["a"])))
    assert source.offers == {*DRAWN - {Signal.CLASSES}, Signal.INSTANCES}
    sample = source.read(A, source.offers)
    np.testing.assert_array_equal(sample[Signal.INSTANCES], nuclei())
    np.testing.assert_array_equal(sample[Signal.MASK], nuclei((1,)) > 0)
    assert len(sample[Signal.POINTS]) == 2
    with pytest.raises(UserError, match="a has no classes"):
        source.read(A, {Signal.CLASSES})


def test_what_is_missing_is_named_with_the_rule(folder: Path) -> None:
    (folder / "masks" / "a.png").unlink()
    (folder / "points" / "b.csv").rename(folder / "points" / "d.csv")
    (folder / "regions" / "c_region.png").unlink()
    (folder / "points" / "c.csv").write_text("row,col\n1,2\n")
    problems = Folder(folder).problems()
    for words, problem in zip(
        [
            "a.png has no mask in",
            "b.png has no points in",
            "c.png has no region in",
            "c.csv has no column class, though",
        ],
        problems,
        strict=True,
    ):
        assert words in problem
    assert "regions are for all images, or for none: then without the folder" in problems[2]
    (remark,) = Folder(folder).extra()
    assert "d.csv is extra: no image has its name" in remark
    with pytest.raises(UserError, match=r"4 problems: a\.png has no mask"):
        Folder(folder).splits()


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    image = folder / "images" / "a.png"
    image.write_bytes(image.read_bytes()[:300])
    soft = np.full((40, 48), 255, np.uint8)
    soft[7, 9] = 100
    Image.fromarray(soft).save(folder / "masks" / "a.png")
    (folder / "points" / "a.csv").write_text("x,y,class\n400,400,tumour\n1,two,tumour\n")
    (folder / "points" / "b.csv").write_text("x,y,class\n3,4,tumour\n48,39,tumour\n")
    Image.fromarray(np.full((10, 12), 255, np.uint8)).save(folder / "regions" / "b_region.png")
    expected = [
        "images/a.png is cut short",
        "masks/a.png holds 100 at row 7, column 9",
        "points/a.csv, line 3: y is 'two'",
        "points/b.csv, line 3: the point (row 39, column 48) lies outside its image of 40 x 48 px",
        "regions/b_region.png is 10 x 12 px",
    ]
    problems = Folder(folder).problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem
    with pytest.raises(UserError, match="outside its image"):
        Folder(folder).read(Item("b", "b"), {Signal.POINTS})


def test_two_files_of_one_image_are_named(folder: Path) -> None:
    (folder / "masks" / "a_mask.png").write_bytes((folder / "masks" / "a.png").read_bytes())
    (problem,) = Folder(folder).problems()
    assert "a.png and a_mask.png are named alike" in problem


def test_the_spacing_is_said_or_follows_from_the_power_or_is_the_files_own(folder: Path) -> None:
    assert Folder(folder, power=20).read(A, {Signal.MASK}).mpp == 0.5
    assert Folder(folder).read(A, {Signal.MASK}).mpp is None
    tifffile.imwrite(
        folder / "images" / "b.tif", tissue(), resolution=(20_000, 20_000), resolutionunit="CENTIMETER"
    )
    (folder / "images" / "b.png").unlink()
    spacing = {name: Folder(folder).read(Item(name, name), {Signal.IMAGE}).mpp for name in ("a", "b")}
    assert spacing == {"a": None, "b": 0.5}
    assert Folder(folder, mpp=0.3).read(Item("b", "b"), {Signal.MASK}).mpp == 0.3
    with pytest.raises(UserError, match="250 is no pixel spacing"):
        Folder(folder, mpp=250)


def test_a_fingerprint_is_over_all_that_lies_beside(folder: Path) -> None:
    hashes = {describe(Folder(folder))["sha256"]}
    (folder / "points" / "a.csv").write_text("x,y,class\n3,4,tumour\n")
    hashes.add(describe(Folder(folder))["sha256"])
    Image.fromarray(np.full((40, 48), 255, np.uint8)).save(folder / "regions" / "b_region.png")
    hashes.add(describe(Folder(folder))["sha256"])
    assert len(hashes) == 3
