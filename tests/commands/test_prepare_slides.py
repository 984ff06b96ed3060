"""maskless prepare of slides, and a training from them, as a user does it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from slide_files import TISSUE, damage_tile, disc_image, write_aperio, write_ome
from torch import Tensor, nn

from maskless import load
from maskless.commands import choose
from maskless.data.images import read_image
from maskless.data.readers.slides import Slides
from maskless.data.readers.warwick_her2 import WarwickHER2
from maskless.reinhard import lab_statistics
from maskless.signals import Signal

TILES = ("dataset=slides", "dataset.size_px=64", "dataset.stride_px=56")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three slides: one by its file, one by the table, one that is damaged."""
    image = disc_image(800, 900, 0.25, [(60, 80), (150, 200)], 12, TISSUE)
    path = tmp_path / "my slides"
    path.mkdir()
    write_aperio(path / "a.svs", image)
    write_ome(path / "b.ome.tif", image, None)
    (path / "c.svs").write_bytes((path / "a.svs").read_bytes()[:2000])
    (path / "slides.csv").write_text("slide,mpp,split\nb.ome.tif,0.25,train\na.svs,,train\n")
    return path


def test_slides_are_indexed_and_learnt_from(cli, folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    index = tmp_path / "the index"
    words = (*TILES, f"dataset.path={folder}", f"dataset.index={index}")
    done = cli("prepare", *words, "processes=1")
    assert done.code == 3, done
    assert "left out: " in done.out
    assert "c.svs" in done.out
    assert done.err.endswith("left out, as said above: 1 of 3 slides\n")
    assert sorted(f.name for f in index.iterdir()) == [
        "a.parquet", "a.png", "b.parquet", "b.png", "index.csv",
    ]  # fmt: skip
    table = pd.read_csv(index / "index.csv").set_index("slide")
    assert table.state.to_dict() == {"a": "done", "b": "done", "c": "failed"}
    assert table.loc["a", "tiles_40x"] == table.loc["b", "tiles_40x"] > 100
    assert "c.svs" in table.loc["c", "why"]

    tiny = ("preset=tiny", "schedule.crop_px=32", "method.selection=loss", f"runs_dir={tmp_path / 'runs'}")
    done = cli("train", "method=scale_attention", *tiny, *words)
    assert done.code == 0, done
    (run,) = (tmp_path / "runs" / "default").iterdir()
    losses = pd.read_csv(run / "metrics.csv").loss
    damage_tile(folder / "a.svs", 5)
    done = cli("prepare", *words, "processes=1", "dataset.verify=true")
    assert re.search(r"left out, as said above: 1 of 3 slides and \d+ damaged places\n$", done.err)
    assert np.isfinite(losses).all()
    assert not [f for f in run.rglob("*") if f.suffix in (".tif", ".npy", ".jpg")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dataset.path=.",), "holds no slides. Put your slides in a folder"),
        (("dataset.path=none",), "there is no folder none"),
        (("dataset.path=.", "dataset.powers=[]"), "powers=[] must be one or more"),
        (("dataset.path=.", "dataset.mpp=250"), "looks like nm"),
    ],
)
def test_what_cannot_be_indexed_is_refused(refusal, words: tuple[str, ...], said: str) -> None:
    assert said in refusal("prepare", "dataset=slides", *words)


def test_training_without_an_index_says_how_to_make_it(refusal, folder: Path) -> None:
    said = refusal("train", "method=scale_attention", "dataset=slides", f"dataset.path={folder}")
    assert "maskless prepare dataset=slides" in said


def test_slides_of_unknown_spacing_are_told_what_to_give(refusal, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    write_aperio(folder / "a.svs", np.zeros((300, 300, 3), np.uint8), None, None)
    said = refusal("prepare", "dataset=slides", f"dataset.path={folder}", "processes=1")
    assert said == f"none of the 1 slides in {folder} can be indexed, as said above"


def test_a_killed_index_goes_on_and_is_the_same(cli, folder: Path, tmp_path: Path) -> None:
    """Killed with its processes as soon as something is there; what was done is not done again."""
    for name in "defg":
        (folder / f"{name}.svs").write_bytes((folder / "a.svs").read_bytes())
    killed, whole = tmp_path / "killed", tmp_path / "whole"

    def words(index: Path, processes: int) -> list[str]:
        where = [f"dataset.path={folder}", f"dataset.index={index}", f"processes={processes}"]
        return ["prepare", *TILES, *where]

    process = subprocess.Popen(
        [sys.executable, "-m", "maskless", *words(killed, 2)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=tmp_path,
    )  # fmt: skip
    while not list(killed.glob("*.parquet")) and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {file: file.stat().st_mtime_ns for file in killed.glob("*.parquet")}
    assert done
    assert [cli(*words(index, 1)).code for index in (killed, whole)] == [3, 3]
    assert {file: file.stat().st_mtime_ns for file in done} == done
    tables = sorted(file.name for file in whole.iterdir() if file.suffix == ".parquet")
    assert tables == [f"{k}.parquet" for k in "abdefg"]
    for file in whole.iterdir():
        assert (killed / file.name).read_bytes() == file.read_bytes()


def test_patches_are_chosen_from_slides(cli, folder: Path, tmp_path: Path, monkeypatch) -> None:
    """Only the chosen ones are written, under names that warwick_her2 reads."""

    def features(_: nn.Module, images: Tensor) -> Tensor:
        return images.mean((2, 3))

    monkeypatch.setattr(choose, "resnet18", lambda weights: nn.Identity())
    monkeypatch.setattr(choose, "resnet18_features", features)
    (folder / "c.svs").unlink()
    words = (*TILES, "dataset.powers=[40]", f"dataset.path={folder}")
    assert cli("prepare", *words, "processes=1").code == 0
    output = tmp_path / "warwick_her2" / "train"
    done = cli("choose", *words, f"output={output}", "number=3")
    assert done.code == 0, done
    table = pd.read_csv(output / "choice.csv")
    chosen = table[table.chosen]
    assert chosen.groupby("slide").size().to_dict() == {"a": 3, "b": 3}
    assert {f.name for f in output.glob("*.png")} == set(chosen.patch)
    slides = Slides(folder, size_px=64, stride_px=56, powers=[40])
    tiles = slides.items("train")
    for name in chosen.patch:
        slide, number = name.removesuffix(".png").split("-roi_")
        item = [tile for tile in tiles if tile.id.startswith(f"{slide}-40x")][int(number)]
        np.testing.assert_array_equal(
            read_image(output / name), slides.read(item, [Signal.IMAGE])[Signal.IMAGE]
        )
    assert WarwickHER2(output.parent).items("train")[0].group == "a"


def test_colours_are_taken_from_an_image_and_stored(cli, folder: Path, tmp_path: Path) -> None:
    like = tmp_path / "like this.png"
    Image.fromarray(disc_image(200, 200, 0.25, [(20, 20)], 12, (200, 150, 210))).save(like)
    (folder / "c.svs").unlink()
    words = (*TILES, f"dataset.path={folder}")
    assert cli("prepare", *words, "processes=1").code == 0
    done = cli(
        "train", "method=scale_attention", "preset=tiny", "method.selection=loss", "schedule.crop_px=32",
        "colour=reinhard", f"method.colour.like={like}", *words, f"runs_dir={tmp_path / 'runs'}",
    )  # fmt: skip
    assert done.code == 0, done
    (run,) = (tmp_path / "runs" / "default").iterdir()
    stored = yaml.safe_load((run / "config.yaml").read_text())["method"]["colour"]
    statistics = lab_statistics(read_image(like))
    assert stored["mean"] == pytest.approx(statistics.mean)
    assert stored["std"] == pytest.approx(statistics.std)
    assert "like" not in stored
    like.unlink()  # which the run does not need any more
    assert load(run) is not None
