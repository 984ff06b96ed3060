import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from layouts import nuclei, tissue, write_folder
from PIL import Image

from maskless.build import build
from maskless.data.fingerprint import describe
from maskless.data.readers.folder import Folder
from maskless.errors import UserError
from maskless.signals import Item, Signal

NAMES = [f"p{patient}_{field}" for patient in range(5) for field in range(2)]


def all_items(source: Folder) -> list[Item]:
    return [item for part in source.splits()["random"].parts.values() for item in part]


def test_images_and_labels_are_found_by_name(tmp_path: Path) -> None:
    source = Folder(write_folder(tmp_path / "set", NAMES), power=20, mpp=0.5)
    (tmp_path / "set" / "labels" / "p0_0.png").rename(tmp_path / "set" / "labels" / "p0_0_label.png")
    (tmp_path / "set" / "images" / "notes.txt").touch()
    (tmp_path / "set" / "images" / ".hidden.png").touch()
    (tmp_path / "set" / "images" / "deeper.png").mkdir()
    assert source.problems() == []
    assert source.offers == {Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS}
    assert sorted(item.id for item in all_items(source)) == NAMES
    for item in all_items(source):
        sample = source.read(item, {Signal.IMAGE, Signal.INSTANCES, Signal.REGION})
        np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(NAMES.index(item.id)))
        np.testing.assert_array_equal(sample[Signal.INSTANCES], nuclei())
        assert (sample.mpp, sample.power) == (0.5, 20)


@pytest.mark.parametrize("straight", [True, False])
def test_images_alone_are_enough(tmp_path: Path, straight: bool) -> None:
    path = write_folder(tmp_path / "set", ["a", "b"], labelled=False, ending=".TIF")
    if straight:
        for file in (path / "images").iterdir():
            shutil.move(file, path)
        (path / "images").rmdir()
    source = Folder(path)
    assert source.problems() == []
    assert source.offers == {Signal.IMAGE}
    item = all_items(source)[0]
    assert source.files(item) == [path / ("" if straight else "images") / f"{item.id}.TIF"]
    assert source.read(item, {Signal.IMAGE}).mpp is None
    with pytest.raises(UserError, match=f"{item.id} has no points"):
        source.read(item, {Signal.POINTS})


def test_no_patient_is_in_two_parts_and_the_seed_decides(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", NAMES, labelled=False)
    split = Folder(path, group="(.*)_").splits()["random"]
    assert not split.leaky
    assert {part: len(items) for part, items in split.parts.items()} == {"train": 6, "val": 2, "test": 2}
    assert {item.group for items in split.parts.values() for item in items} == {f"p{k}" for k in range(5)}
    assert Folder(path, group="(.*)_").splits() == {"random": split}
    assert any(Folder(path, group="(.*)_", seed=seed).splits()["random"] != split for seed in (1, 2, 3))
    ungrouped = Folder(path).splits()["random"]
    assert {part: len(items) for part, items in ungrouped.parts.items()} == {"train": 6, "val": 2, "test": 2}


def test_missing_labels_are_counted_and_the_first_three_named(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", NAMES)
    for name in NAMES[:5]:
        (path / "labels" / f"{name}.png").unlink()
    source = Folder(path)
    for ask in (
        source.splits,
        lambda: source.offers,
        lambda: source.read(Item("p4_1", "p4"), {Signal.IMAGE}),
    ):
        with pytest.raises(UserError, match="5 of 10 images without annotation in labels/ "):
            ask()
    assert source.problems() == [
        f"{path} has 5 of 10 images without annotation in labels/ (p0_0.png, p0_1.png, p1_0.png and 2 more): "
        "annotate them, or say dataset.unannotated=leave_out, or =train to keep them for methods that learn "
        "from images alone"
    ]


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a", "b", "c", "d", "e"])
    (path / "labels" / "a.png").rename(path / "labels" / "x.png")
    (path / "images" / "b.png").write_bytes((path / "images" / "b.png").read_bytes()[:100])
    Image.fromarray(nuclei(size=(5, 30)).astype(np.uint8)).save(path / "labels" / "c.png")
    Image.fromarray(nuclei((255,)).astype(np.uint8)).save(path / "labels" / "d.png")
    Image.fromarray(tissue()).save(path / "images" / "e.tif")
    expected = [
        "e.png and e.tif are named alike",
        "1 of 5 images without annotation in labels/ (a.png)",
        "b.png is cut short",
        "c.png is 5 x 30 px (rows x columns), but its image is 40 x 48 px",
        "d.png is a binary mask",
    ]
    assert ["x.png is extra" in remark for remark in Folder(path).extra()] == [True]
    problems = Folder(path).problems()
    assert len(problems) == len(expected)
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem


def test_a_path_without_images_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"folder needs dataset\.path=FOLDER"):
        Folder()
    (tmp_path / "empty").mkdir()
    for path, words in ((tmp_path / "absent", "there is no folder"), (tmp_path / "empty", "holds no images")):
        with pytest.raises(UserError, match=words):
            Folder(path).items("train")
        (problem,) = Folder(path).problems()
        assert str(path) in problem


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group": "("}, "no regular expression"),
        ({"group": ".*_"}, "parentheses"),
        ({"fractions": {"train": 0.6, "test": 0.6}}, "add up to 1"),
        ({"fractions": {"train": 1.5, "test": -0.5}}, "add up to 1"),
        ({"fractions": {"train": 0.5, "tset": 0.5}}, "add up to 1"),
        ({"fractions": {"train": "all"}}, "add up to 1"),
        ({"mpp": 0}, "mpp=0 is no pixel spacing"),
        ({"power": -40}, "power=-40 is no objective"),
    ],
)
def test_unusable_options_are_refused_before_any_work(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        Folder(tmp_path, **options)


def test_a_name_without_a_patient_is_a_problem(tmp_path: Path) -> None:
    source = Folder(write_folder(tmp_path / "set", ["p1_0", "nobody"], labelled=False), group="(.*)_")
    with pytest.raises(UserError, match=r"nobody\.png has no patient"):
        source.splits()
    assert len(source.problems()) == 1


def test_the_configuration_builds_the_reader(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", NAMES)
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/folder.yaml").read_text())
    built = build(spec | {"path": str(path)})
    assert built.splits() == Folder(path).splits()
    with pytest.raises(UserError, match=r"dataset\.path=FOLDER"):
        build(spec)


def test_a_share_of_one_scores_every_image(tmp_path: Path) -> None:
    source = Folder(write_folder(tmp_path / "set", ["a", "b"]), fractions={"train": 0, "val": 0, "test": 1})
    assert [item.id for item in source.items("test")] == ["a", "b"]
    assert source.items("train") == ()


def test_a_barcode_in_a_name_is_the_case_and_leaves_the_patients_as_they_were(tmp_path: Path) -> None:
    names = ["p1_TCGA-18-5592-01Z-00-DX1", "p1_other"]
    path = write_folder(tmp_path / "set", names, labelled=False)
    barred, other = sorted(all_items(Folder(path, group="(.*?)_")), key=lambda item: item.id)
    assert barred == Item(names[0], "p1", "TCGA-18-5592-01Z-00-DX1")
    assert other == Item(names[1], "p1", None)
    assert {item.group for item in all_items(Folder(path))} == set(names)


def test_a_licence_is_recorded(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a"], labelled=False)
    assert describe(Folder(path))["licence"] == "that of your images"
    assert describe(Folder(path, licence="CC BY 4.0"))["licence"] == "CC BY 4.0"


def test_a_share_of_one_learns_from_every_image(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", NAMES, labelled=False)
    source = Folder(path, group="(.*)_", fractions={"train": 1, "val": 0, "test": 0})
    assert [item.id for item in source.items("train")] == NAMES
    assert source.items("val") == source.items("test") == ()
