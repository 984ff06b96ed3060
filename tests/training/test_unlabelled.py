"""A method that needs images alone trains where there are no labels to choose a checkpoint by."""

from pathlib import Path

import torch
from layouts import write_folder
from toy_stage import Toy

from maskless.data.readers.folder import Folder
from maskless.hardware import Hardware
from maskless.runs import Run
from maskless.signals import Need, Role, Signal
from maskless.training.train_stage import train_stage


class Unsupervised(Toy):
    """Learns from pixels alone."""

    needs = frozenset({Need(Signal.IMAGE)})

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        return self.network(self.normalise(batch[Role.MAIN][Signal.IMAGE])).square().mean()


def test_the_last_checkpoint_stands_in_for_the_best(tmp_path: Path) -> None:
    source = Folder(write_folder(tmp_path / "set", ["a", "b", "c", "d", "e"], labelled=False))
    assert source.items("val")
    assert not source.scorable("val")
    run = Run.create(tmp_path / "runs", "s", "toy", {}, [], {})
    stage = Unsupervised(epochs=2, steps=2, batch=2, crop_px=32)
    hardware = Hardware(precision="32-true")
    train_stage(stage, {Role.MAIN: source}, run, hardware, name="toy", seed=0, progress=False)
    assert run.best == run.checkpoint("last")
    assert len(run.metrics) == 2
