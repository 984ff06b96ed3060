"""A run as a Segmenter.

Not called `load`: a module of that name would take the place of the function `maskless.load`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from maskless.build import build
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.stage import Stage
from maskless.postprocess.chain import Chain
from maskless.runs import CHAIN, Run
from maskless.segmenter import Segmenter


def load(run: str | Path, trust: Sequence[str] = (), hardware: Hardware | None = None) -> Segmenter:
    """The Segmenter of a finished run: `load("runs/...").segment(image, mpp=0.25)`.

    The run's configuration is rebuilt from plain values: classes of maskless, and of the modules in
    `trust`, nothing else; weights are loaded as tensors only. Its post-processing is that of chain.yaml, if
    a search has left one. Raises UserError if `run` is no run, has no checkpoint, or needs a module that is
    not trusted.
    """
    opened = Run.open(run)
    config = opened.config
    _refuse_broken_chain(opened)
    stage = build_stage(config.get("method"), trust)
    if stage.trains:
        weights = read_checkpoint(opened.best)["state_dict"]
        try:
            stage.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(
                f"the checkpoint {opened.best} does not fit the method in {opened.path}/config.yaml"
            ) from error
    return as_segmenter(stage, hardware or Hardware(), config.get("mpp"))


def _refuse_broken_chain(run: Run) -> None:
    """Raise UserError, naming the file, if the chain that a search has left was changed and is none."""
    if run.chain:
        try:
            Chain(run.chain)
        except UserError as error:
            raise UserError(
                f"{run.path / CHAIN} cannot be used: mend it, or delete it to have config.yaml's; {error}"
            ) from error


def build_stage(spec: Any, trust: Sequence[str] = ()) -> Stage:
    """The method that a configuration describes. Raises UserError if it describes none."""
    stage = build(spec, trust)
    if not isinstance(stage, Stage):
        raise UserError(f"the configuration's method is no method: {spec!r:.80}")
    return stage


def as_segmenter(stage: Stage, hardware: Hardware, mpp: float | None) -> Segmenter:
    """A stage, ready for inference on the hardware."""
    hardware.prepare(stage)
    stage.eval().to(hardware.device)
    autocast = hardware.autocast if stage.trains else None
    return stage.segmenter(mpp=mpp, autocast=autocast, channels_last=hardware.channels_last)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, tensors and plain values. Raises UserError for any other or damaged file."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler meets in a broken or hostile file
        raise UserError(
            f"the checkpoint {path} is damaged, or holds more than weights, and is not loaded: "
            "get it again, or train again"
        ) from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise UserError(f"the checkpoint {path} is none of maskless: it holds no weights")
    return checkpoint
