"""Train one stage with Lightning, or go on where a killed run stopped."""

from collections.abc import Mapping
from pathlib import Path

import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from torch.multiprocessing.spawn import ProcessRaisedException

from maskless.address import seed_of
from maskless.data.datamodule import DataModule
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.stage import LAST, LOSS, Stage
from maskless.runs import Run
from maskless.signals import Role, Signal
from maskless.training.atomic_checkpoints import AtomicCheckpoints
from maskless.training.callbacks import (
    Address,
    Begun,
    Best,
    Epochs,
    LastCheckpoint,
    LeastLoss,
    Quiet,
    Scores,
    quieten,
    step_of,
)
from maskless.training.collapse import Collapse
from maskless.training.health import Healthy
from maskless.training.loggers.listener import Listener
from maskless.training.loggers.tracking import Tracking
from maskless.training.prior_statistics import PriorStatistics
from maskless.training.probes import Probes
from maskless.training.process_errors import user_error_of
from maskless.training.sheets import Sheets


def seed_networks(seed: int) -> None:
    """Seed what is drawn before training: the initial weights."""
    seed_everything(seed_of(seed, "networks") % 2**32, verbose=False)


def train_stage(
    stage: Stage,
    sources: Mapping[Role, Source],
    run: Run,
    hardware: Hardware,
    *,
    name: str,
    seed: int,
    part: str = "",
    left: Mapping[Signal, Path] | None = None,
    mpp: float | None = None,
    checkpoint_every: int = 100,
    resume: bool = False,
    progress: bool = True,
    tracking: Tracking | None = None,
) -> None:
    """Fit `stage` on the training part, choose on the validation part, leave checkpoints in `run`.

    `part` is what it is called in `run` if a later stage follows; `left` has the folders of the maps that an
    earlier one left; `mpp` is the pixel spacing to train at, if not the source's own. With `resume` it goes
    on from its last checkpoint, exactly. `tracking` is told of each epoch. Afterwards `stage` holds the best
    weights.
    """
    data = DataModule(
        sources,
        stage.needs,
        stage=name,
        seed=seed,
        augment={role: stage.augments(role) for role in sources},
        crop_px=stage.crop_px,
        batch=stage.batch,
        steps=stage.steps,
        workers=hardware.workers,
        labeller=stage.labels,
        left=left,
        mpp=mpp,
        powers=stage.powers,
        colour=stage.colour,
    )
    stage.trained_mpp = data.training.mpp
    hardware.prepare(stage)
    probes = Probes(data, name)
    epochs, best = Epochs(run, data, name, probes), run.checkpoint("best", part)
    statistics, every = PriorStatistics(run, data, name), min(5, max(1, stage.epochs // 10))
    callbacks: list[Callback] = [
        Quiet(),
        Address(data, seed, name),
        Healthy(run, data, name, part),
        Scores(),
        probes,
        epochs,
        statistics,
        Sheets(run, data, name, every),
        Collapse(run, name, part, statistics, probes),
    ]
    if stage.selection == LOSS:
        callbacks.append(LeastLoss(best, epochs, stage.selection_from))
    elif stage.selection != LAST and sources[Role.MAIN].scorable("val"):
        callbacks.append(Best(best, stage.selection))
    begun = Begun()
    callbacks.append(begun)
    if tracking is not None:
        callbacks.append(Listener(tracking, run, name, every))
    # The last, so that it stores what the others have just learnt.
    callbacks.append(LastCheckpoint(run.checkpoint("last", part), data, checkpoint_every))
    if progress:
        callbacks.append(RichProgressBar(leave=False))
    last = run.checkpoint("last", part)
    resume = resume and last.is_file()
    run.trim_metrics(name, step_of(last) if resume else -1)
    quieten()
    trainer = Trainer(
        **hardware.trainer_arguments(adversaries=not stage.automatic_optimization),
        max_epochs=stage.epochs,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        default_root_dir=run.path,
        plugins=[AtomicCheckpoints()],
    )
    try:
        trainer.fit(stage, data, ckpt_path=last if resume else None, weights_only=True)
    except ProcessRaisedException as error:
        raise (user_error_of(error) or error) from error
    except Exception as error:
        if not resume or begun.begun or isinstance(error, UserError):
            raise
        why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise UserError(
            f"the checkpoint {last} is of another training, or damaged ({why}): get it again, or train anew"
        ) from error
    except SystemExit as error:  # what Lightning makes of Ctrl-C, and of the SIGTERM of a scheduler
        raise KeyboardInterrupt(f"interrupted: maskless train resume={run.path} goes on with it") from error
    load_best(stage, run, part)


def load_best(stage: Stage, run: Run, part: str = "") -> None:
    """Give `stage` its best weights in `run`."""
    stage.load_state_dict(torch.load(run.best_of(part), map_location="cpu", weights_only=True)["state_dict"])
