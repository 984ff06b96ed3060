"""The whole way with small things: train, evaluate, predict, load; with ours and with a user's own."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

import maskless
from maskless.cli import main
from maskless.data.images import read_image, read_labels
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.runs import Run
from maskless.signals import Signal

TILES = Synthetic(size_px=96, tiles={"train": 4, "val": 2, "test": 2})
NAMES = ["a b", "Zellkörner [neu], 1=2", "it's 50% (x)"]


@pytest.fixture(params=["trained", "floor"])
def run(request, tmp_path) -> Path:
    """A copy, somewhere else, of a run that was trained and of one that needs no training."""
    return shutil.copytree(request.getfixturevalue(request.param), tmp_path / "moved, [run]")


def images(part: str = "test") -> dict[str, np.ndarray]:
    return {item.id: TILES.read(item, [Signal.IMAGE])[Signal.IMAGE] for item in TILES.items(part)}


def same_scores(one: list[dict[str, str]], other: list[dict[str, str]]) -> bool:
    def by_name(rows):
        return {(r["source"], r["split"], r["image"], r["metric"], r["definition"]): r["value"] for r in rows}

    return by_name(one) == by_name(other)


def test_a_run_holds_all_there_is_to_know(trained):
    run = Run.open(trained)
    assert run.path.name.startswith("supervised-synthetic-0-")
    assert run.state["state"] == "finished"
    assert [row["epoch"] for row in run.metrics] == ["0", "1"]
    assert {(row["source"], row["split"], row["image"]) for row in run.scores} == {
        ("synthetic", part, f"{part}-000{k}") for part in ("val", "test") for k in range(2)
    }
    assert run.checkpoint("best").is_file()
    assert run.data["main"]["licence"].startswith("Apache-2.0")
    assert run.about["command"][:2] == ["maskless", "train"]
    assert "dataset.tiles={train: 4, val: 2, test: 2}" in run.about["command"]
    assert not list(trained.rglob("*.tmp"))


def test_no_bars_where_there_is_no_terminal(run, cli):
    done = cli("evaluate", f"run={run}")
    assert done.code == 0
    assert done.out.startswith(f"run: {run}\n")
    assert "\n\n" not in done.out
    assert "\x1b" not in done.out


def test_evaluating_again_gives_the_scores_that_the_training_gave(run):
    before = Run.open(run).scores
    (run / "predictions").rename(run / "earlier")
    assert main(["evaluate", f"run={run}"]) == 0
    assert same_scores(Run.open(run).scores, before)
    for file in (run / "earlier").rglob("*.png"):
        again = run / "predictions" / file.relative_to(run / "earlier")
        assert again.read_bytes() == file.read_bytes()
    assert Run.open(run).state["state"] == "finished"


def test_what_python_loads_finds_what_the_figures_were_made_of(run):
    segmenter = maskless.load(run)
    for name, image in images().items():
        found = segmenter.segment(image, mpp=TILES.mpp)
        assert np.array_equal(found, read_labels(run / "predictions" / "synthetic" / "test" / f"{name}.png"))


def test_the_floor_finds_nuclei(floor):
    segmenter = maskless.load(floor)
    assert all(segmenter.segment(image).max() > 1 for image in images().values())


def test_predict_finds_the_same_under_any_name(run, tmp_path, cli):
    folder, out = tmp_path / "my images, (1)", tmp_path / "out = [1]"
    folder.mkdir()
    for name, image in zip(NAMES, [*images().values(), *images("val").values()], strict=False):
        Image.fromarray(image).save(folder / f"{name}.png")
    done = cli("predict", f"run={run}", f"input={folder}", f"output={out}", f"mpp={TILES.mpp}")
    assert done.code == 0
    assert done.out.endswith(f"written to {out}\n")
    assert {file.name for file in out.iterdir() if file.is_file()} == {"summary.csv"} | {
        f"{name}.{ending}" for name in NAMES for ending in ("tif", "geojson", "csv", "png")
    }
    segmenter = maskless.load(run)
    for name in NAMES:
        image = read_image(folder / f"{name}.png")
        found = segmenter.segment(image, mpp=TILES.mpp)
        nuclei = len(np.unique(found[found > 0]))
        assert np.array_equal(tifffile.imread(out / f"{name}.tif"), found)
        assert len(json.loads((out / f"{name}.geojson").read_text())["features"]) == nuclei
        assert read_image(out / f"{name}.png").shape == image.shape
        assert f"{name}.png: {nuclei} nuclei\n" in done.out


def test_predict_takes_one_file_and_overwrites_its_own(run, tmp_path):
    Image.fromarray(images()["test-0000"]).save(tmp_path / "one.png")
    words = ["predict", f"run={run}", f"input={tmp_path / 'one.png'}", f"output={tmp_path / 'a' / 'b'}"]
    assert main(words) == 0
    out = tmp_path / "a" / "b"
    first = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    assert main([*words, "mpp=0.3"]) == 0
    assert main(words) == 0
    assert {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()} == first


def test_a_finished_run_resumes_to_itself(run):
    before = Run.open(run)
    metrics, scores = before.metrics, before.scores
    assert main(["train", f"resume={run}"]) == 0
    after = Run.open(run)
    assert after.state["state"] == "finished"
    assert after.metrics == metrics
    assert same_scores(after.scores, scores)


def test_a_run_of_other_hardware_resumes_on_what_is_named(trained, tmp_path, cli, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    path = shutil.copytree(trained, tmp_path / "run")
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["hardware"]["accelerator"] = "gpu"
    (path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert "take hardware=cpu" in cli("train", f"resume={path}").err
    assert cli("train", f"resume={path}", "hardware=cpu").code == 0


# -- a user's own source and method --------------------------------------------------------------------------

SOURCE = '''
import numpy as np

from maskless.data.derive import complete
from maskless.data.source import Source, Split
from maskless.signals import Item, Sample, Signal


class Stripes(Source):
    """Dark bars on a light ground."""

    name = "stripes"
    may_offer = frozenset({Signal.IMAGE, Signal.INSTANCES})
    licence = "CC0"
    how_to_get = "It is drawn."
    place = None

    def __init__(self, count: int = 2):
        self.count, self.split = count, "official"

    def splits(self):
        names = {part: [f"{part}{k}" for k in range(self.count)] for part in ("train", "val", "test")}
        return {"official": Split({part: tuple(Item(n, n) for n in names[part]) for part in names})}

    def read(self, item, signals):
        ids = np.zeros((64, 64), np.int32)
        for k in range(4):
            ids[4:60, 16 * k + 2 : 16 * k + 10] = k + 1
        image = np.where(ids[..., None] > 0, (80, 40, 120), (230, 225, 235)).astype(np.uint8)
        return complete(Sample(item, {Signal.IMAGE: image, Signal.INSTANCES: ids}), signals)

    def problems(self):
        return []

    def files(self, item):
        return []
'''
METHOD = '''
import torch
from torch import nn

from maskless.methods.stage import Stage
from maskless.signals import Need, Role, Signal


class Darker(Stage):
    """One weight a channel."""

    needs = frozenset({Need(Signal.IMAGE), Need(Signal.MASK)})
    gives = frozenset({"foreground"})

    def __init__(self, lr: float, **stage):
        super().__init__(**stage)
        self.lr = lr
        self.network = nn.Conv2d(3, 1, 1)

    def training_step(self, batch, batch_idx):
        main = batch[Role.MAIN]
        logits = self.network(self.normalise(main[Signal.IMAGE]))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, main[Signal.MASK].float())
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.lr)

    def maps(self, images):
        return {"foreground": self.network(images)[:, 0].sigmoid()}
'''
OWN = {
    "own_stripes.py": SOURCE,
    "own_darker.py": METHOD,
    "dataset/stripes.yaml": "# Dark bars\n_target_: own_stripes.Stripes\ncount: 2\n",
    "method/darker.yaml": """
_target_: own_darker.Darker
lr: 0.3
epochs: 2
steps: 20
batch: 2
crop_px: 32
mean: [0.6, 0.6, 0.6]
std: [0.2, 0.2, 0.2]
chain:
  mask: {step: binarise, of: foreground, above: 0.5}
  instances: {step: label, of: mask}
""",
}


def test_a_users_own_source_and_method(tmp_path, cli, monkeypatch):
    own = tmp_path / "my own"
    for name, text in OWN.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    done = cli("train", "method=darker", "--config-dir", own, "dataset=stripes", "hardware.precision=32-true")
    assert done.code == 0, done.err
    (path,) = (tmp_path / "runs" / "default").iterdir()
    assert path.name.startswith("darker-stripes-0-")
    scores = Run.open(path).scores
    aji = [float(row["value"]) for row in scores if (row["metric"], row["definition"]) == ("aji", "kumar")]
    assert aji == [1.0, 1.0]

    image = read_image(_drawn(tmp_path))
    with pytest.raises(UserError, match=r"outside maskless.*trust=\[own_darker\]"):
        maskless.load(path)
    found = maskless.load(path, trust=["own_darker"]).segment(image)
    assert found.max() == 4

    words = ["predict", f"run={path}", f"input={tmp_path / 'drawn.png'}", "output=out"]
    assert "trust=[own_darker]" in cli(*words).err
    assert not (tmp_path / "out").exists()
    assert cli(*words, "trust=[own_darker]").code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "drawn.tif"), found)
    assert cli("evaluate", f"run={path}", f"--config-dir={own}").code == 0
    assert len(list((path / "predictions" / "stripes" / "test").iterdir())) == 2


def _drawn(folder: Path) -> Path:
    image = np.full((64, 64, 3), (230, 225, 235), np.uint8)
    for k in range(4):
        image[4:60, 16 * k + 2 : 16 * k + 10] = (80, 40, 120)
    Image.fromarray(image).save(folder / "drawn.png")
    return folder / "drawn.png"


def test_load_stays_the_function_whatever_is_imported():
    """A module `maskless.load` would take its place with the first import of anything that needs it."""
    importlib.import_module("maskless.commands.predict")
    assert callable(maskless.load)
    assert maskless.load is maskless.load
