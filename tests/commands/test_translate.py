"""maskless translate: a source in another stain, as a folder to learn from."""

import csv
from pathlib import Path

import numpy as np
import pytest

from maskless import load
from maskless.cli import main
from maskless.data.readers.folder import Folder
from maskless.data.readers.synthetic import Synthetic
from maskless.data.source import Split
from maskless.signals import Signal
from maskless.translated import translate
from maskless.writers.fields import write_field

TISSUE = ("dataset.size_px=96", "dataset.tiles={train:2,val:1,test:1}", "dataset.stain=ki67")
TARGET = ("target.size_px=96", "target.tiles={train:2}")


@pytest.fixture(scope="module")
def translator(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("translator")
    words = ("method=translation", "dataset=synthetic", "target=synthetic", "preset=tiny", "mpp=0.25")
    assert main(["train", *words, *TISSUE, *TARGET, f"runs_dir={root}"]) == 0
    (run,) = (root / "default").iterdir()
    return run


def fields() -> Synthetic:
    return Synthetic(size_px=96, tiles={"train": 2, "val": 1, "test": 1}, stain="ki67")


def test_images_are_translated_and_what_is_drawn_stays(cli, tmp_path, translator) -> None:
    out = tmp_path / "as he"
    done = cli("translate", f"translator={translator}", "dataset=synthetic", *TISSUE, f"output={out}")
    assert done.code == 0, done.err
    source, made, segmenter = fields(), Folder(out), load(translator)
    assert made.problems() == []
    items = [item for part in source.splits()[source.split].parts.values() for item in part]
    assert {path.stem for path in (out / "images").iterdir()} == {item.id for item in items}
    for item in items:
        before = source.read(item, [Signal.IMAGE, Signal.INSTANCES])
        after = made.read(item, [Signal.IMAGE, Signal.INSTANCES])
        assert after.mpp == pytest.approx(before.mpp, rel=1e-3)
        np.testing.assert_array_equal(after[Signal.INSTANCES], before[Signal.INSTANCES])
        np.testing.assert_array_equal(
            after[Signal.IMAGE], translate(segmenter, before[Signal.IMAGE], before.mpp)
        )
    with (out / "splits.csv").open() as file:
        rows = {row["image"]: (row["split"], row["group"]) for row in csv.DictReader(file)}
    parts = source.splits()[source.split].parts
    assert rows == {item.id: (part, item.group) for part, of in parts.items() for item in of}
    assert not [path for path in tmp_path.iterdir() if path != out]


def test_the_other_generator_goes_back(cli, tmp_path, translator) -> None:
    outs = [tmp_path / "there", tmp_path / "back"]
    for out, back in zip(outs, ("false", "true"), strict=True):
        words = ("dataset=synthetic", *TISSUE, f"output={out}", f"back={back}")
        assert cli("translate", f"translator={translator}", *words).code == 0
    there, back = (Folder(out) for out in outs)
    (item, *_) = fields().items("test")
    assert (
        there.read(item, [Signal.IMAGE])[Signal.IMAGE] != back.read(item, [Signal.IMAGE])[Signal.IMAGE]
    ).any()


def test_an_image_of_two_parts_is_written_once(cli, tmp_path, translator, monkeypatch) -> None:
    parts = fields().splits()["official"].parts
    leaky = Split({**parts, "test": (*parts["val"], *parts["test"])})
    monkeypatch.setattr(Synthetic, "splits", lambda self: {"official": leaky})
    out = tmp_path / "as he"
    done = cli("translate", f"translator={translator}", "dataset=synthetic", *TISSUE, f"output={out}")
    assert done.code == 0, done.err
    written = Folder(out)
    assert written.problems() == []
    assert [len(written.items(part)) for part in ("train", "val", "test")] == [2, 1, 1]


def test_an_image_without_points_has_the_columns_of_the_others(tmp_path) -> None:
    image, none = np.full((20, 30, 3), 200, np.uint8), np.zeros((0, 2), np.float32)
    one = np.array([[3.5, 7]], np.float32)
    for name, points, classes in (("a", one, {0: "positive"}), ("b", none, {})):
        drawn = {Signal.POINTS: points, Signal.CLASSES: classes}
        write_field(tmp_path, name, None, {Signal.IMAGE: image, **drawn})
    source = Folder(tmp_path, fractions={"train": 1, "val": 0, "test": 0})
    assert source.problems() == []
    _, b = source.items("train")
    assert source.read(b, [Signal.POINTS, Signal.CLASSES])[Signal.CLASSES] == {}


def test_points_keep_their_classes_and_regions(tmp_path) -> None:
    image = np.full((20, 30, 3), 200, np.uint8)
    region = np.zeros((20, 30), np.uint8)
    region[:, :25] = 1
    points = np.array([[3.5, 7], [12, 20.25]], np.float32)
    signals = {
        Signal.IMAGE: image,
        Signal.POINTS: points,
        Signal.CLASSES: {0: "positive", 1: "negative"},
        Signal.REGION: region,
    }
    write_field(tmp_path, "a", None, signals)
    source = Folder(tmp_path, fractions={"train": 1, "val": 0, "test": 0})
    (item,) = source.items("train")
    read = source.read(item, signals)
    assert read.mpp is None
    np.testing.assert_array_equal(read[Signal.POINTS], points)
    np.testing.assert_array_equal(read[Signal.REGION], region)
    assert read[Signal.CLASSES] == signals[Signal.CLASSES]


def test_what_cannot_be_translated(refusal, tmp_path, translator) -> None:
    there = ("translate", f"translator={translator}", f"output={tmp_path}")
    assert refusal(*there) == f"output={tmp_path} is there already: choose a new folder"
    out = f"output={tmp_path / 'new'}"
    assert refusal("translate", f"translator={translator}", out) == "name what to translate: dataset=..."
    said = refusal("translate", f"translator={tmp_path}", "dataset=synthetic", out)
    assert str(tmp_path) in said
    assert not (tmp_path / "new").exists()
