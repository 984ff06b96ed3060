"""What a training does beside the method: addresses, scores, the table of epochs, the last checkpoint."""

import logging
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from maskless.address import seed_of
from maskless.data.datamodule import DataModule
from maskless.errors import UserError
from maskless.metrics import HIGHER_IS_BETTER
from maskless.metrics.instance_scores import InstanceScores
from maskless.runs import Run
from maskless.signals import Sample, Signal
from maskless.training.probes import Probes

log = logging.getLogger(__name__)


def quieten() -> None:
    """Silence remarks of Lightning that our design answers."""
    for name in ("utilities.rank_zero", "accelerators.cuda", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"lightning.pytorch.{name}").setLevel(logging.WARNING)
    for remark in (
        "LeafSpec",  # a deprecation inside Lightning
        "does not have many workers",
        "dataloader is not resumable",  # ours is: DataModule.step
        "sync_dist=True",  # InstanceScores has gathered already
        "number of training batches .* smaller than the logging interval",
        "Checkpoint directory .* exists and is not empty",
    ):
        warnings.filterwarnings("ignore", message=f".*{remark}")


class Quiet(Callback):
    """`quieten`, on each process."""

    def setup(self, *_: Any, **__: Any) -> None:
        quieten()


class Address(Callback):
    """Seed each step's own draws by their address, and count the steps done."""

    def __init__(self, data: DataModule, seed: int, stage: str) -> None:
        self.data, self.seed, self.stage = data, seed, stage

    def on_train_batch_start(self, trainer: Trainer, module: Any, *_: Any) -> None:
        torch.manual_seed(seed_of(self.seed, self.stage, "step", self.data.step, trainer.global_rank))
        module.step_seed = seed_of(self.seed, self.stage, "step", self.data.step)

    def on_train_batch_end(self, *_: Any) -> None:
        self.data.step += 1


class Scores(Callback):
    """Score each validation image; log `val_<metric>`, the mean over the images of all processes."""

    def __init__(self) -> None:
        self.scores = InstanceScores()

    def on_validation_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.scores.to(module.device).reset()

    def on_validation_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        sample: Sample = outputs["sample"]
        region = sample.signals.get(Signal.REGION)
        self.scores.update(sample[Signal.INSTANCES], outputs["instances"], sample.item.id, region)

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        for name, value in self.scores.compute().items():
            module.log(f"val_{name}", value, rank_zero_only=False)


class Epochs(Callback):
    """A row an epoch in metrics.csv: mean of each training value, learning rate, probes, validation, seconds.

    Its sums are stored with the checkpoint: an interrupted epoch's row is that of a whole one.
    """

    def __init__(self, run: Run, data: DataModule, stage: str, probes: Probes) -> None:
        self.run, self.data, self.stage, self.probes = run, data, stage, probes
        self.sums: dict[str, float] = {}
        self.batches = 0
        self.seconds = 0.0
        #: The training values of the epoch that has just ended, the same on all processes.
        self.means: dict[str, float] = {}
        self._since = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"sums": self.sums, "batches": self.batches, "seconds": self._clock()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.sums = dict(state_dict["sums"])
        self.batches, self.seconds = state_dict["batches"], state_dict["seconds"]

    def on_train_start(self, *_: Any) -> None:
        self._since = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        for name, value in trainer.callback_metrics.items():
            if not name.startswith("val_"):
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
        self.batches += 1

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        means = {name: total / self.batches for name, total in self.sums.items()}
        if trainer.world_size > 1:
            means = {
                n: float(trainer.strategy.reduce(torch.tensor(v), reduce_op="mean")) for n, v in means.items()
            }
        self.means = means
        scores = {n: float(v) for n, v in trainer.callback_metrics.items() if n.startswith("val_")}
        rates = {f"lr_{k}" if k else "lr": o.param_groups[0]["lr"] for k, o in enumerate(trainer.optimizers)}
        row = {
            "stage": self.stage,
            "epoch": trainer.current_epoch,
            "step": self.data.step,
            **means,
            **rates,
            **self.probes.answers,
            **scores,
        }
        if trainer.is_global_zero:
            row["seconds"] = round(self._clock(), 1)
            self.run.add_metrics(row)
            log.info("%s", ", ".join(f"{name} {value}" for name, value in row.items()))
        self.sums, self.batches = {}, 0

    def _clock(self) -> float:
        return self.seconds + time.monotonic() - self._since


class LeastLoss(Callback):
    """The weights of the epoch with the least mean `loss`, of those from `first` on, counted from 0."""

    def __init__(self, path: Path, epochs: Epochs, first: int) -> None:
        self.path, self.epochs, self.first = path, epochs, first
        self.least = float("inf")

    def state_dict(self) -> dict[str, Any]:
        return {"least": self.least}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.least = state_dict["least"]

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        loss = self.epochs.means["loss"]
        if trainer.current_epoch >= self.first and loss < self.least:
            self.least = loss
            trainer.save_checkpoint(self.path, weights_only=True)


class LastCheckpoint(Callback):
    """Everything that a killed run needs, every `every` steps and at the end of each epoch.

    Not at an epoch's last step: validation and the epoch's row are still to come there.
    """

    def __init__(self, path: Path, data: DataModule, every: int) -> None:
        self.path, self.data, self.every = path, data, every

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        step = self.data.step
        if step % self.every == 0 and step % self.data.steps != 0:
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        trainer.save_checkpoint(self.path)


class Begun(Callback):
    """Knows whether training has begun, that is whether a checkpoint to go on from was taken in."""

    def __init__(self) -> None:
        self.begun = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.begun = True


class Best(ModelCheckpoint):
    """The weights with the best mean of one validation score."""

    def __init__(self, path: Path, metric: str) -> None:
        super().__init__(
            dirpath=path.parent,
            filename=path.stem,
            monitor=f"val_{metric}",
            mode="max" if HIGHER_IS_BETTER[metric] else "min",
            save_weights_only=True,
            # On validation, that is before LastCheckpoint stores what has been best so far.
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Lightning forgets the best score if the run's folder has moved since.
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})


def step_of(checkpoint: Path) -> int:
    """The training steps that were done when a checkpoint was written. Raises UserError if it says none."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    try:
        return int(state[DataModule.__qualname__]["step"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"the checkpoint {checkpoint} does not say how far it came: train again") from error
