"""What prepare draws: the first images with their truth, and with labels for training."""

from pathlib import Path

import numpy as np
import pytest
from ihc_layouts import write_ki67_breast
from layouts import write_folder
from PIL import Image

#: The height of a line of text below a picture.
LINE_PX = 18
TISSUE = ("dataset=synthetic", "dataset.size_px=96", "dataset.tiles={train: 2, val: 1, test: 1}")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("MASKLESS_CACHE", str(tmp_path / "cache"))


def pictures(folder: Path) -> dict[str, np.ndarray]:
    return {file.stem: np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))}


def test_a_preview_lies_in_a_folder_of_the_sources_name(cli) -> None:
    done = cli("prepare", *TISSUE, "preview=true")
    assert done.code == 0, done
    drawn = pictures(Path("prepared/synthetic"))
    names = ["test_test-0000", "train_train-0000", "train_train-0001", "val_val-0000"]
    assert sorted(drawn) == sorted(names + [f"{name}_labels" for name in names])
    assert f"drawn: 4 images with their truth in {Path('prepared/synthetic')}" in done.out
    assert "what PointLabels makes of them (nucleus green, background red, ignored black)" in done.out
    for name in names:
        assert drawn[name].shape[:2] >= (96 + 2 * LINE_PX, 96), "and a line for all nuclei and each class"
        assert drawn[f"{name}_labels"].shape == (96, 3 * 96 + 2 * 4, 3)
        voronoi = drawn[f"{name}_labels"][:, 100:196].astype(int)
        assert (voronoi[..., 1] > voronoi[..., 0] + 60).any()
        assert (voronoi[..., 0] > voronoi[..., 1] + 60).any()


def test_labels_are_drawn_where_they_are_chosen(cli, tmp_path: Path) -> None:
    assert cli("prepare", *TISSUE, f"output={tmp_path / 'out'}", "labels=masks").code == 0
    drawn = pictures(tmp_path / "out")
    assert drawn["val_val-0000_labels"].shape == (96, 2 * 96 + 4, 3)
    assert not Path("prepared").exists()


def test_options_of_the_labels_are_taken(cli, tmp_path: Path) -> None:
    for out, keep in (("all", 1.0), ("half", 0.5)):
        words = (*TISSUE, f"output={tmp_path / out}", "labels=points_global", f"labels.keep={keep}")
        assert cli("prepare", *words).code == 0
    whole, half = (pictures(tmp_path / out)["val_val-0000_labels"] for out in ("all", "half"))
    np.testing.assert_array_equal(whole[:, :96], half[:, :96])
    assert not np.array_equal(whole, half)


def test_output_alone_draws_the_truth_alone(cli, tmp_path: Path) -> None:
    done = cli("prepare", *TISSUE, f"output={tmp_path / 'out'}")
    assert sorted(pictures(tmp_path / "out")) == [
        "test_test-0000", "train_train-0000", "train_train-0001", "val_val-0000"
    ]  # fmt: skip
    assert "_labels" not in done.out


def test_outside_its_region_nothing_is_labelled(cli, tmp_path: Path) -> None:
    write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 6: 1, 14: 0.5})
    done = cli(
        "prepare", "dataset=ki67_breast", f"data_root={tmp_path}", f"output={tmp_path}/out", "preview=true"
    )
    assert done.code == 0, done
    drawn = [picture for name, picture in pictures(tmp_path / "out").items() if name.endswith("_labels")]
    assert len(drawn) == 3
    for picture in drawn:
        image, voronoi, clusters = (picture[:, k : k + 48] for k in (0, 52, 104))
        for label in (voronoi, clusters):
            np.testing.assert_array_equal(label[:, 30:], (0.4 * image[:, 30:]).astype(np.uint8))
        assert (voronoi[:, :30] > 0.4 * image[:, :30] + 100).any()


def test_labels_that_do_not_fit_are_refused(refusal, tmp_path: Path) -> None:
    write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 4: 1, 5: 1})
    where = ("dataset=ki67_breast", f"data_root={tmp_path}")
    said = refusal("prepare", *where, "labels=masks")
    assert said.startswith("labels=masks needs instances, which ki67_breast does not have")
    said = refusal("prepare", *TISSUE, "labels=instances")
    assert said.startswith("labels=instances needs probability, which synthetic does not have")
    assert "not keep=2" in refusal("prepare", *TISSUE, "labels=points", "labels.keep=2")
    other = "labels._target_=maskless.hardware.Hardware"
    assert "labels=masks makes no labels" in refusal("prepare", *TISSUE, "labels=masks", other)


def test_a_preview_of_images_alone_has_no_labels(cli, tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a", "b", "c"], labelled=False)
    assert cli("prepare", "dataset=folder", f"dataset.path={path}", "preview=true").code == 0
    drawn = pictures(Path("prepared/folder"))
    assert drawn
    assert not any(name.endswith("_labels") for name in drawn)
