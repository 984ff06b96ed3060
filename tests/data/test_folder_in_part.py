"""A folder of which some images are annotated and others not, and what its owner wants of the others."""

from pathlib import Path

import numpy as np
import pytest
from layouts import write_folder
from test_datamodule import AUGMENT

from maskless.data.census import census
from maskless.data.datamodule import TrainingSet
from maskless.data.fingerprint import describe
from maskless.data.readers.folder import Folder
from maskless.data.readers.union import Union
from maskless.data.source import PARTS
from maskless.data.transforms import Pipeline
from maskless.errors import UserError
from maskless.signals import Need, Role, Signal

#: Patients a to f with three images each, of which 0 and 1 are annotated; and the patient z, who is not.
NAMES = [f"{patient}_{k}" for patient in "abcdefz" for k in range(3)]
ANNOTATED = [name for name in NAMES if name[0] != "z" and name[-1] != "2"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = write_folder(tmp_path / "set", NAMES)
    for name in set(NAMES) - set(ANNOTATED):
        (path / "labels" / f"{name}.png").unlink()
    return path


def ids(source: Folder, *parts: str) -> list[str]:
    return [item.id for part in parts for item in source.items(part)]


def test_images_without_annotation_are_left_out_and_named(folder: Path) -> None:
    source = Folder(folder, group="(.)", unannotated="leave_out")
    (folder / "images" / "z_0.png").write_bytes(b"")
    assert source.problems() == []
    assert sorted(ids(source, *PARTS)) == ANNOTATED
    assert source.extra() == [
        "9 of 21 images without annotation are left out: a_2.png, b_2.png, c_2.png, d_2.png, e_2.png, "
        "f_2.png, z_0.png, z_1.png, z_2.png"
    ]
    assert all(Signal.INSTANCES in source.offers_of(item) for item in source.items("train"))
    same = write_folder(folder.parent / "annotated", ANNOTATED)
    assert [ids(source, part) for part in PARTS] == [ids(Folder(same, group="(.)"), part) for part in PARTS]


def test_they_are_learnt_from_if_no_part_beside_has_their_patient(folder: Path) -> None:
    source = Folder(folder, group="(.)", unannotated="train")
    assert source.problems() == []
    assert not source.splits()["random"].leaky
    elsewhere = {name[0] for name in ids(source, "val", "test")}
    assert len(elsewhere) >= 2
    expected = [name for name in NAMES if name[0] not in elsewhere]
    assert ids(source, "train") == expected
    assert describe(source)["parts"]["train"] == expected
    assert set(ids(source, "val", "test")) <= set(ANNOTATED)
    kept, left_out = source.extra()
    assert "images without annotation are in the training part: " in kept
    assert kept.endswith("z_0.png, z_1.png, z_2.png")
    assert left_out.startswith(f"{len(elsewhere)} of 21 images without annotation are left out, for they or")
    assert all(f"{patient}_2.png" in left_out for patient in elsewhere)


@pytest.mark.parametrize("unannotated", ["leave_out", "train"])
def test_a_stated_split_holds_for_them(folder: Path, unannotated: str) -> None:
    parts = {"a": "train", "b": "val", "z": "train"}
    named = NAMES if unannotated == "train" else [*ANNOTATED, "c_2"]  # those that are left out need no line
    lines = [f"{name},{parts.get(name[0], 'test')}" for name in named]
    (folder / "splits.csv").write_text("\n".join(["image,split", *lines]))
    source = Folder(folder, unannotated=unannotated)  # type: ignore[arg-type]
    assert source.problems() == []
    learnt = ["a_0", "a_1"] if unannotated == "leave_out" else ["a_0", "a_1", "a_2", "z_0", "z_1", "z_2"]
    assert ids(source, "train") == learnt
    assert ids(source, "val") == ["b_0", "b_1"]
    assert len(ids(source, "test")) == 8
    assert len(source.extra()) == (1 if unannotated == "leave_out" else 2)


def test_methods_learn_from_them_that_need_images_alone(folder: Path) -> None:
    source = Folder(folder, group="(.)", unannotated="train")
    pipelines = {Role.MAIN: Pipeline(AUGMENT, 32)}
    learnt = TrainingSet({Role.MAIN: source}, {Need(Signal.IMAGE)}, pipelines, seed=0, stage="s")
    assert [item.id for item in learnt.items[Role.MAIN][0]] == ids(source, "train")
    assert all(len(learnt[n][Role.MAIN]) == 1 for n in range(20))
    n = sum(name not in ANNOTATED for name in ids(source, "train"))
    with pytest.raises(UserError) as error:
        TrainingSet({Role.MAIN: source}, {Need(Signal.INSTANCES)}, pipelines, seed=0, stage="s")
    said = f"{n} of {len(source.items('train'))} training images of folder have no instances ("
    assert str(error.value).startswith(said)
    assert str(error.value).endswith(": dataset.unannotated=leave_out leaves them out")
    both = Union({"mine": source})
    assert {both.offers_of(item) for item in both.items("train")} == {both.offers, frozenset({Signal.IMAGE})}


def test_they_are_counted_as_not_annotated(folder: Path) -> None:
    source = Folder(folder, group="(.)", unannotated="train")
    found = census(source, source.items("train"))
    annotated = [name for name in ids(source, "train") if name in ANNOTATED]
    assert found.images == len(ids(source, "train"))
    assert found.nuclei == 3 * len(annotated)
    np.testing.assert_allclose(found.annotated_px / found.all_px, len(annotated) / found.images)


def test_an_image_with_one_of_two_files_is_no_image_without_annotation(folder: Path) -> None:
    (folder / "points").mkdir()
    for name in NAMES[:-1]:
        (folder / "points" / f"{name}.csv").write_text("row,col\n1,2\n")
    source = Folder(folder, unannotated="leave_out")
    assert len(source.problems()) == len(NAMES) - 1 - len(ANNOTATED)
    assert all("has no label image in" in problem for problem in source.problems())


def test_labels_that_belong_to_no_image_leave_nothing_out(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a", "b"])
    for file in (path / "labels").iterdir():
        file.rename(file.with_stem(f"x{file.stem}"))
    problems = Folder(path, unannotated="leave_out").problems()
    assert [problem.split(" in ")[0] for problem in problems] == [
        f"{name}.png has no label image" for name in "ab"
    ]


def test_a_training_that_needs_annotation_is_refused_before_it_begins(refusal, folder: Path) -> None:
    words = ["train", "dataset=folder", f"dataset.path={folder}", "preset=tiny", "method=supervised"]
    assert "21 images without annotation in labels/" in refusal(*words)
    said = refusal(*words, "dataset.unannotated=train")
    assert "training images of folder have no instances" in said
    assert "dataset.unannotated=leave_out" in said
    assert "unannotated" in refusal(*words, "dataset.unannotated=drop")
