"""Two real processes (gloo) train as one does with twice the batch."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_stage import Toy

from maskless.data.readers.synthetic import Synthetic
from maskless.hardware import Hardware
from maskless.runs import Run
from maskless.signals import Role
from maskless.training.train_stage import seed_networks, train_stage


def train(folder: Path, devices: int, batch: int) -> tuple[Toy, Run]:
    run = Run.create(folder, "s", "toy", {}, [], {})
    # Three validation images: uneven for two processes.
    sources = {Role.MAIN: Synthetic(size_px=64, tiles={"train": 6, "val": 3})}
    seed_networks(0)
    augment = {"dihedral": {"step": "D4", "p": 1.0}}
    stage = Toy(augment=augment, epochs=2, steps=3, batch=batch, crop_px=48)
    hardware = Hardware(devices=devices, precision="32-true", channels_last=False)
    train_stage(stage, sources, run, hardware, name="toy", seed=0, checkpoint_every=100, progress=False)
    return stage, run


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Toy, Run]:
    return train(tmp_path_factory.mktemp("one"), devices=1, batch=4)


def key_of(row: Mapping[str, object]) -> tuple[object, object]:
    return row["metric"], row["definition"]


def test_two_processes_equal_one_with_the_doubled_batch(one: tuple[Toy, Run], tmp_path: Path) -> None:
    stage, run = one
    other_stage, other = train(tmp_path, devices=2, batch=2)
    for name, weights in stage.state_dict().items():
        torch.testing.assert_close(other_stage.state_dict()[name], weights, rtol=1e-5, atol=1e-6)
    assert len(run.metrics) == len(other.metrics) == 2
    for row, same in zip(run.metrics, other.metrics, strict=True):
        assert row.keys() == same.keys()
        assert row["step"] == same["step"]
        for name in (n for n in row if n == "loss" or n.startswith("val_")):
            # nan where no image defines a score
            assert np.isclose(float(row[name]), float(same[name]), rtol=1e-5, equal_nan=True), name


def test_validation_scores_are_means_over_the_three_images(one: tuple[Toy, Run]) -> None:
    from maskless.inference.scoring import score_source

    stage, run = one
    source = Synthetic(size_px=64, tiles={"val": 3})
    scored = list(score_source(stage.eval().segmenter(), source, "val"))
    dice = [row["value"] for one in scored for row in one.rows if key_of(row) == ("dice", "foreground")]
    best = max(float(row["val_aji"]) for row in run.metrics)
    (row,) = [row for row in run.metrics if float(row["val_aji"]) == best][:1]
    assert len(dice) == 3
    assert math.isclose(sum(dice) / 3, float(row["val_dice"]), rel_tol=1e-6)
