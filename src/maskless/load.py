"""A run as a Segmenter."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from maskless.build import build
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.stage import Stage
from maskless.runs import Run
from maskless.segmenter import Segmenter


def load(run: str | Path, trust: Sequence[str] = (), hardware: Hardware | None = None) -> Segmenter:
    """The Segmenter of a finished run: `load("runs/...").segment(image, mpp=0.25)`.

    The run's configuration is rebuilt from plain values: classes of maskless, and of the modules in
    `trust`, nothing else; weights are loaded as tensors only. Raises UserError if `run` is no run, has no
    checkpoint, or needs a module that is not trusted.
    """
    opened = Run.open(run)
    config = opened.config
    stage = build(config["method"], trust)
    if stage.trains:
        _load_weights(stage, opened)
    return as_segmenter(stage, hardware or Hardware(), config.get("mpp"))


def as_segmenter(stage: Stage, hardware: Hardware, mpp: float | None) -> Segmenter:
    """A stage, ready for inference on the hardware."""
    hardware.prepare(stage)
    stage.eval().to(hardware.device)
    return stage.segmenter(mpp=mpp, autocast=hardware.autocast if stage.trains else None)


def _load_weights(stage: Stage, run: Run) -> None:
    path = run.best
    try:
        weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        stage.load_state_dict(weights)
    except Exception as error:  # torch raises whatever its unpickler meets in a broken or hostile file
        raise UserError(f"the checkpoint {path} cannot be loaded: {str(error).splitlines()[0]}") from error
