"""What a stage says of itself stands in the table of epochs, and an inverted one is told in a sentence."""

import logging
import math

import torch
from prior_stage import made
from torch import Tensor
from toy_stage import Toy

from maskless.data.readers.synthetic import Synthetic
from maskless.hardware import Hardware
from maskless.signals import Role, Signal
from maskless.training.probes import SAMPLES, inverted
from maskless.training.train_stage import seed_networks, train_stage


class Asked(Toy):
    """Answers with the given polarities, epoch by epoch, and draws as a careless stage may."""

    def __init__(self, polarities: list[float], **stage) -> None:
        super().__init__(**{"epochs": len(polarities), "steps": 2, "batch": 2, "crop_px": 32, **stage})
        self.polarities = polarities
        self.asked: list[Tensor] = []

    def probes(self, batch: dict) -> dict[str, float]:
        assert not self.training
        assert not torch.is_grad_enabled()
        torch.rand(1)
        self.asked.append(batch[Role.MAIN][Signal.IMAGE])
        return {"accuracy_hidden": 0.25, "polarity": self.polarities[self.current_epoch]}


def train(folder, stage: Toy, devices: int = 1):
    run = made(folder)
    sources = {Role.MAIN: Synthetic(size_px=48, tiles={"train": 4, "val": 1})}
    hardware = Hardware(precision="32-true", devices=devices, channels_last=False)
    train_stage(stage, sources, run, hardware, name="toy", seed=0, progress=False)
    return run


def asked(polarities: list[float]) -> Asked:
    seed_networks(0)
    return Asked(polarities)


def test_answers_stand_in_the_table_and_an_inverted_attention_is_said(tmp_path, caplog) -> None:
    stage = asked([-0.31, 0.5])
    with caplog.at_level(logging.WARNING, logger="maskless.training.probes"):
        run = train(tmp_path, stage)
    rows = run.metrics
    assert [row["polarity"] for row in rows] == ["-0.31", "0.5"]
    assert [row["accuracy_hidden"] for row in rows] == ["0.25", "0.25"]
    said = [record.getMessage() for record in caplog.records if record.name == "maskless.training.probes"]
    assert said == [inverted("toy", 0, -0.31)]
    assert "of toy its map is inverted: it lights the background" in said[0]
    assert "-0.31" in said[0]
    # What else could help does nothing where the rest of the hint is what it starts with, or more.
    assert said[0].endswith("another seed= or a larger hint_rest")


def test_each_epoch_is_asked_about_the_same_samples(tmp_path) -> None:
    stage = asked([0.1, 0.2])
    train(tmp_path, stage)
    assert len(stage.asked[0]) == SAMPLES
    assert torch.equal(*stage.asked)


def test_an_unknown_polarity_says_nothing(tmp_path, caplog) -> None:
    run = train(tmp_path, asked([math.nan]))
    assert not [record for record in caplog.records if record.name == "maskless.training.probes"]
    assert run.metrics[0]["polarity"] == "nan"


def test_asking_leaves_no_trace_in_the_training(tmp_path) -> None:
    (tmp_path / "asked").mkdir()
    (tmp_path / "not").mkdir()
    stage = asked([0.5, 0.5])
    train(tmp_path / "asked", stage)
    seed_networks(0)
    other = Toy(epochs=2, steps=2, batch=2, crop_px=32)
    run = train(tmp_path / "not", other)
    assert "polarity" not in run.metrics[0]
    for name, weights in stage.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name])
