import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from layouts import MULTIORGAN_PARTS, nuclei, tissue, write_multiorgan
from PIL import Image

from maskless.build import build
from maskless.data.readers.multiorgan import MultiOrgan
from maskless.data.source import PARTS, Split
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "multiorgan"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no multiorgan/"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_multiorgan(tmp_path / "multiorgan")


def test_the_official_split_has_the_patients_and_barcodes_of_its_file_names(folder: Path) -> None:
    source = MultiOrgan(data_root=folder.parent)
    assert [item.id for item in source.items("train")] == MULTIORGAN_PARTS["train"]
    assert [item.id for item in source.items("testA")] == MULTIORGAN_PARTS["testA"]
    assert source.items("test") == source.items("testA") + source.items("testB")
    colon = source.items("testB")[0]
    assert colon == Item("Colon_TCGA-AB-A8F7-01A-01-TS1", "TCGA-AB-A8F7", "TCGA-AB-A8F7-01A-01-TS1")
    assert not source.splits()["official"].leaky


def test_a_fold_is_scored_on_the_images_it_chooses_on_and_says_so(folder: Path) -> None:
    source = MultiOrgan(folder, split="fold3")
    assert list(source.splits()) == ["official", *(f"fold{k}" for k in range(10)), "all_train"]
    assert len(source.items("train")) == 5
    assert source.items("test") == source.items("val") != ()
    assert source.splits()["fold3"].leaky
    assert list(MultiOrgan(write_multiorgan(folder.parent / "bare", folds=False)).splits()) == [
        "official",
        "all_train",
    ]
    everything = MultiOrgan(folder, split="all_train").items("train")
    assert {item.id for item in everything} == {
        item.id for part in PARTS for item in source.splits()["official"].parts[part]
    }


def test_a_split_is_leaky_if_a_patient_is_in_two_parts() -> None:
    a1, a2, b = Item("a1", "a"), Item("a2", "a"), Item("b", "b")
    assert not Split({"train": (a1, a2), "val": (b,)}).leaky
    assert Split({"train": (a1,), "test": (b, a2)}).leaky


def test_read_gives_what_is_asked_for_and_nothing_else(folder: Path) -> None:
    source = MultiOrgan(folder)
    item = source.items("val")[0]
    assert source.offers == {Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS}
    sample = source.read(item, {Signal.IMAGE, Signal.INSTANCES, Signal.POINTS, Signal.REGION})
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(3))
    np.testing.assert_array_equal(sample[Signal.INSTANCES], nuclei((4, 303)))
    assert sample[Signal.INSTANCES].dtype == np.int32
    assert sample[Signal.POINTS].tolist() == [[4, 2], [4, 8]]
    assert (sample.mpp, sample.power) == (0.25, 40)
    assert set(source.read(item, {Signal.POINTS}).signals) == {Signal.POINTS}
    source.files(item)[1].unlink()
    assert set(source.read(item, {Signal.IMAGE}).signals) == {Signal.IMAGE}
    with pytest.raises(UserError, match=r"Breast_TCGA-AB-0004-01Z-00-DX1_label\.png does not exist"):
        source.read(item, {Signal.MASK})


def test_labels_of_another_size_are_refused_even_without_the_image(folder: Path) -> None:
    source = MultiOrgan(folder)
    item = source.items("val")[0]
    Image.fromarray(nuclei(size=(40, 50)).astype(np.uint16)).save(source.files(item)[1])
    with pytest.raises(UserError, match=r"40 x 50 px .* 40 x 48 px"):
        source.read(item, {Signal.INSTANCES})


def test_a_whole_set_has_no_problems(folder: Path) -> None:
    (folder / "images" / ".DS_Store").touch()
    (folder / "labels_point").mkdir()
    assert MultiOrgan(folder).problems() == []


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    images, labels = folder / "images", folder / "labels_instance"
    first, second, third = MULTIORGAN_PARTS["train"]
    (images / f"{first}.png").unlink()
    (labels / f"{second}_label.png").unlink()
    (images / f"{third}.png").write_bytes((images / f"{third}.png").read_bytes()[:500])
    Image.fromarray(nuclei((255,)).astype(np.uint8)).save(labels / f"{third}_label.png")
    Image.fromarray(nuclei(size=(9, 30)).astype(np.uint16)).save(
        labels / f"{MULTIORGAN_PARTS['val'][0]}_label.png"
    )
    Image.fromarray(tissue()).save(images / "Brain.png")
    Image.fromarray(nuclei().astype(np.uint16)).save(labels / "Brain_label.png")
    expected = [
        f"{first}.png is missing, though train_val_test.json lists",
        f"{second}_label.png is missing, though",
        f"{third}.png is cut short",
        f"{third}_label.png is a binary mask",
        f"{MULTIORGAN_PARTS['val'][0]}_label.png is 9 x 30 px",
    ]
    image, label = MultiOrgan(folder).extra()
    assert "Brain.png is extra: an image of no split" in image
    assert "Brain_label.png is extra: the labels of no listed image" in label
    problems = MultiOrgan(folder).problems()
    assert len(problems) == len(expected)
    for words in expected:
        assert sum(words in problem for problem in problems) == 1, words


def test_missing_and_malformed_split_files_are_named(folder: Path) -> None:
    (folder / "folds" / "fold2.json").unlink()
    assert "fold2" not in MultiOrgan(folder).splits()
    (problem,) = MultiOrgan(folder).problems()
    assert "fold2.json is missing" in problem
    for text, words in (
        ("{", "no readable JSON"),
        ('["a.png"]', "train, val"),
        ('{"train": 1, "val": []}', "lists"),
    ):
        (folder / "folds" / "fold2.json").write_text(text)
        with pytest.raises(UserError, match=f"fold2.json .*{words}"):
            MultiOrgan(folder).splits()
    (folder / "folds" / "fold2.json").unlink()
    official = folder / "train_val_test.json"
    parts = json.loads(official.read_text())
    official.write_text(json.dumps({part: names for part, names in parts.items() if part != "test"}))
    with pytest.raises(UserError, match=r"train_val_test\.json must map train, val, test"):
        MultiOrgan(folder).splits()
    official.unlink()
    with pytest.raises(UserError, match=r"train_val_test\.json is missing"):
        MultiOrgan(folder).splits()
    assert sum("train_val_test.json is missing" in p for p in MultiOrgan(folder).problems()) == 1


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for source, words in (
        (MultiOrgan(data_root=tmp_path), f"no folder {tmp_path / 'multiorgan'}"),
        (MultiOrgan(tmp_path / "other"), "other holds none of images/"),
    ):
        with pytest.raises(UserError, match=f"{words}.*WeakNucleiSeg.*CC BY-NC-SA"):
            source.items("train")
        (problem,) = source.problems()
        assert words in problem
    with pytest.raises(UserError, match="multiorgan needs data_root=FOLDER"):
        MultiOrgan()


def test_an_unknown_split_is_answered_with_the_near_ones(folder: Path) -> None:
    with pytest.raises(UserError, match="no split 'oficial'; did you mean 'official'"):
        MultiOrgan(folder, split="oficial").items("train")


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/multiorgan.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, MultiOrgan)
    assert (built.path, built.split) == (folder, "official")


@with_real_data
def test_the_real_set_is_split_by_patient() -> None:
    source = MultiOrgan(REAL)
    official = source.splits()["official"]
    sizes = {part: len(items) for part, items in official.parts.items()}
    assert sizes == {"train": 12, "val": 4, "test": 14, "testA": 8, "testB": 6}
    assert not official.leaky
    assert len({item.group for part in ("train", "val", "test") for item in source.items(part)}) == 30
    for k in range(10):
        parts = source.splits()[f"fold{k}"].parts
        assert (len(parts["train"]), len(parts["val"])) == (27, 3)
        assert not Split({part: parts[part] for part in ("train", "val")}).leaky


@with_real_data
def test_the_real_set_is_whole_and_its_points_are_the_published_ones() -> None:
    source = MultiOrgan(REAL)
    assert source.problems() == []
    n_nuclei = n_published = 0
    for part in ("train", "val", "test"):
        for item in source.items(part):
            found = source.read(item, {Signal.POINTS})[Signal.POINTS]
            n_nuclei += len(found)
            published = REAL / "labels_point" / f"{item.id}_label_point.png"
            if published.exists():
                expected = np.argwhere(np.asarray(Image.open(published)) > 0)
                assert sorted(found.tolist()) == sorted(expected.tolist())
                n_published += len(expected)
    assert (n_nuclei, n_published) == (16_958, 6_842)
