"""scale_attention as it is trained: on two real processes (gloo), killed and resumed, by the command."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import maskless
from maskless.data.readers.synthetic import Synthetic
from maskless.hardware import Hardware
from maskless.methods.scale_attention import ScaleAttention
from maskless.reinhard import Reinhard
from maskless.runs import Run
from maskless.signals import Role
from maskless.training.train_stage import seed_networks, train_stage

CHAIN = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}
SETTINGS = {
    "epochs": 2, "steps": 2, "batch": 6, "crop_px": 32, "lr": 1e-3, "width": 4, "g_width": 4,
    "g_layers": [1, 1, 1, 1], "selection": "loss", "tau": "power", "scale_equiv": 1.0,
    "steady": True,
}  # fmt: skip


class Normless(ScaleAttention):
    """Without batch norm, whose statistics are each process' own; every process draws the same symmetry."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        for module in list(self.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.Identity())
        for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
            nn.init.orthogonal_(conv.weight, 0.5)  # no value grows without bound

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.02)  # what is learnt shows the gradient itself


class Killed(Exception):
    pass


class Mortal(ScaleAttention):
    """Dies at the beginning of a step, counted from 0 in this life."""

    def __init__(self, dies_at: float = math.inf, **settings) -> None:
        super().__init__(**settings)
        self.dies_at, self.lived = dies_at, 0

    def training_step(self, batch: dict, batch_idx: int) -> Tensor:
        if self.lived == self.dies_at:
            raise Killed
        self.lived += 1
        return super().training_step(batch, batch_idx)


def train(
    folder: Path, kind: type[ScaleAttention], devices: int = 1, run: Run | None = None, **settings
) -> tuple[ScaleAttention, Run]:
    seed_networks(0)
    stage = kind(chain=CHAIN, **{**SETTINGS, **settings})
    sources = {Role.MAIN: Synthetic(size_px=160, tiles={"train": 3, "val": 2})}
    hardware = Hardware(devices=devices, precision="32-true", channels_last=False)
    arguments = {"name": "f", "seed": 0, "checkpoint_every": 1, "progress": False}
    resume = run is not None
    run = run or Run.create(folder, "s", "attention", {}, [], {})
    train_stage(stage, sources, run, hardware, resume=resume, **arguments)
    return stage, run


def table(run: Run) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.metrics]


def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    # Of the four images of a process, two are of one power: another one on each.
    one, run = train(tmp_path / "one", Normless, batch=8)
    two, other = train(tmp_path / "two", Normless, devices=2, batch=4)
    seed_networks(0)
    untrained = Normless(chain=CHAIN, **SETTINGS).state_dict()
    for name, value in one.state_dict().items():
        if value.is_floating_point():
            moved, apart = (value - untrained[name]).norm(), (value - two.state_dict()[name]).norm()
            assert apart <= 1e-3 * moved + 1e-6, name
        else:
            assert torch.equal(value, two.state_dict()[name]), name
    for row, same in zip(run.metrics, other.metrics, strict=True):
        assert set(row) == set(same)
        for name in (n for n in row if n.startswith(("loss", "lit", "accuracy", "polarity"))):
            # An accuracy is a share of crops, and of two that are told by a hair rounding turns one.
            few = 0.045 if name.startswith("accuracy") else 1e-5
            assert float(same[name]) == pytest.approx(float(row[name]), rel=1e-3, abs=few, nan_ok=True), name


@pytest.mark.parametrize("dies_at", [1, 3])
def test_a_killed_training_ends_with_the_weights_and_tau_of_a_whole_one(tmp_path: Path, dies_at: int) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    drawn = {"eta": [60, 90], "hint_steps": 3}
    whole, run = train(tmp_path / "whole", Mortal, **drawn)
    with pytest.raises(Killed):
        train(tmp_path / "killed", Mortal, dies_at=dies_at, **drawn)
    (folder,) = (tmp_path / "killed" / "s").iterdir()
    resumed, other = train(tmp_path / "killed", Mortal, run=Run.open(folder), **drawn)
    assert resumed.lived == 4 - dies_at
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert table(other) == table(run)


WORDS = [
    "method=scale_attention", "dataset=synthetic", "dataset.size_px=128",
    "dataset.tiles={train: 2, val: 1, test: 1}", "method.epochs=1", "method.steps=2", "method.batch=4",
    "method.crop_px=32", "method.width=4", "method.g_width=4", "method.g_layers=[1,1,1,1]", "progress=false",
]  # fmt: skip


def trained(cli, folder: Path, *words: str) -> Run:
    done = cli("train", *WORDS, *words, f"runs_dir={folder}")
    assert done.code == 0, done.err
    (run,) = (folder / "default").iterdir()
    return Run.open(run)


def test_it_is_trained_at_the_highest_of_its_powers_whatever_the_source_has(cli, tmp_path: Path) -> None:
    run = trained(cli, tmp_path, "method.powers=[10,20]")
    assert run.config["mpp"] == 0.5
    assert json.loads((run.path / "run.json").read_text())["annotation"] == "none"
    (row,) = run.metrics
    assert {"loss", "accuracy", "lit_10x", "lit_20x", "polarity", "accuracy_no_nuclei"} <= set(row)
    assert "lit_40x" not in row
    assert list((run.path / "figures" / "sheets").iterdir())


def test_a_run_and_its_model_file_see_the_colours_of_the_training(cli, tmp_path: Path) -> None:
    reinhard = "{_target_: maskless.reinhard.Reinhard, mean: [70, 15, -12], std: [8, 4, 3]}"
    run = trained(cli, tmp_path, f"+method.colour={reinhard}", "method.average=none")
    assert cli("export", f"run={run.path}", f"output={tmp_path / 'one.safetensors'}").code == 0
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    expected = Reinhard([70, 15, -12], [8, 4, 3])(image)
    of_run = maskless.load(run.path)
    found = of_run.maps(image)["foreground"]
    np.testing.assert_allclose(
        maskless.load(tmp_path / "one.safetensors").maps(image)["foreground"], found, atol=0.05
    )
    of_run.colour = None
    np.testing.assert_array_equal(of_run.maps(expected)["foreground"], found)
    assert np.abs(of_run.maps(image)["foreground"] - found).max() > 0.01


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["method.powers=[5,10]"], "train-0000 has no image at 5x, only at 10x, 20x, 40x"),
        (["mpp=1"], "mpp=1 does not go with the powers [10, 20, 40]"),
        (["method.eta=eosin"], "eta must be a number or a list, as in [a, b] or 'haematoxylin'"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(refusal, words: list[str], said: str) -> None:
    assert said in refusal("train", *WORDS, *words)
