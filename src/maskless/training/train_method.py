"""Train a method: its stages one after the other, each on what the earlier ones have left."""

import io
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from maskless.atomic import write_atomically
from maskless.data.scale import training_spacing
from maskless.data.source import Source
from maskless.hardware import Hardware
from maskless.methods.stage import Stage
from maskless.runs import Run
from maskless.signals import Item, Role, Signal
from maskless.training.loggers.tracking import Tracking
from maskless.training.train_stage import load_best, train_stage

log = logging.getLogger(__name__)
#: Shows progress over items of whatever kind, under a heading.
Tracked = Callable[[Iterable[Item], str], Iterable[Item]]


def train_method(
    method: Stage,
    sources: Mapping[Role, Source],
    run: Run,
    hardware: Hardware,
    *,
    name: str,
    seed: int,
    mpp: float | None = None,
    checkpoint_every: int = 100,
    taken: Collection[str] = (),
    resume: bool = False,
    progress: bool = True,
    tracked: Tracked = lambda items, _: items,
    tracking: Tracking | None = None,
) -> None:
    """Train the stages of `method` in their order; `name` is what the only stage of a method is called.

    `mpp` is the pixel spacing to train at, in µm/px, if not the source's own.

    The stages `taken` are from an earlier run, which has left their checkpoints in `run`. With `resume` it
    goes on in the stage, and at the step, where the run was killed. `tracking` is told of each epoch.
    Afterwards `method` holds the best weights of all its stages, and so does the run's best checkpoint.
    """
    left: dict[Signal, Path] = {}
    for stage in method.stages:
        part = "" if stage is method else stage.called
        if part in taken:
            load_best(stage, run, part)
            stage.trained_mpp = mpp or training_spacing(sources[Role.MAIN])
        else:
            if len(method.stages) > 1:
                log.info("stage %s", stage.called)
            train_stage(
                stage,
                sources,
                run,
                hardware,
                name=stage.called or name,
                seed=seed,
                part=part,
                mpp=mpp,
                left={signal: folder for signal, folder in left.items() if signal in _signals(stage)},
                checkpoint_every=checkpoint_every,
                resume=resume,
                progress=progress,
                tracking=tracking,
            )
        if stage is not method:
            stage.requires_grad_(False)
            folders = {signal: run.left(part, signal) for signal in stage.leaves}
            _leave(stage, folders, sources[Role.MAIN], hardware, tracked)
            left.update(folders)


def _signals(stage: Stage) -> set[Signal]:
    return {need.signal for need in stage.needs if need.role is Role.MAIN}


def _leave(
    stage: Stage, folders: Mapping[Signal, Path], source: Source, hardware: Hardware, tracked: Tracked
) -> None:
    """Write what a trained stage leaves of each image: ITEM.npy, float16 (H, W). What is there stays."""
    items = source.items("train")
    missing = [i for i in items if not all((f / f"{i.id}.npy").is_file() for f in folders.values())]
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    training = stage.training
    stage.eval().to(hardware.device)
    segmenter = stage.segmenter(
        mpp=stage.trained_mpp, autocast=hardware.autocast, channels_last=hardware.channels_last
    )
    for item in tracked(missing, f"maps of {stage.called}"):
        sample = source.read(item, [Signal.IMAGE])
        maps = segmenter.maps(sample[Signal.IMAGE], mpp=sample.mpp)
        for signal, folder in folders.items():
            file = io.BytesIO()
            np.save(file, maps[stage.leaves[signal]].astype(np.float16))
            write_atomically(folder / f"{item.id}.npy", file.getvalue())
    stage.train(training).cpu()
