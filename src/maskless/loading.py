"""A run, or a model file, as a Segmenter.

Not called `load`: a module of that name would take the place of the function `maskless.load`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskless.build import TARGET, build, resolve
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.stage import Stage
from maskless.model_file import model_path, read_header, read_weights
from maskless.postprocess.chain import Chain
from maskless.runs import CHAIN, Run
from maskless.segmenter import Segmenter


def load(run: str | Path, trust: Sequence[str] = (), hardware: Hardware | None = None) -> Segmenter:
    """The Segmenter of a finished run, of a model file, or of a model that ships with maskless.

    `load("runs/...")`, `load("model.safetensors")` or `load("rendered-he")`, then
    `.segment(image, mpp=0.25)`. What is stored is rebuilt from plain values: classes of maskless, and of the
    modules in `trust`, nothing else; weights are loaded as tensors only. A run's post-processing is that of
    chain.yaml, if a search has left one. Raises UserError if there is no such run or model, if it has no
    weights that fit, or needs a module that is not trusted.
    """
    hardware = hardware or Hardware()
    if model := model_path(run):
        return as_segmenter(model_stage(model, trust), hardware, read_header(model).mpp)
    opened = Run.open(run)
    return as_segmenter(load_stage(opened, trust), hardware, opened.config.get("mpp"))


def load_stage(run: Run, trust: Sequence[str] = ()) -> Stage:
    """The method of a run with its best weights. Raises UserError as `load` does."""
    _refuse_broken_chain(run)
    if model := run.config.get("model"):  # a model that was scored
        return model_stage(model, trust)
    stage = build_stage(run.config.get("method"), trust)
    if stage.trains:
        _give(
            stage,
            read_checkpoint(run.best)["state_dict"],
            f"the checkpoint {run.best}",
            f"{run.path}/config.yaml",
        )
    return stage


def model_stage(model: str | Path, trust: Sequence[str] = ()) -> Stage:
    """The stage of a model file or shipped model with its weights. Raises UserError as `load` does."""
    stage = build_stage(read_header(model).method, trust)
    _give(stage, read_weights(model), f"the model {model}", "its header")
    return stage


def _give(stage: Stage, weights: Mapping[str, Tensor], whose: str, where: str) -> None:
    try:
        stage.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{whose} does not fit the method in {where}") from error


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
    kind = resolve(spec[TARGET], trust) if isinstance(spec, Mapping) and TARGET in spec else None
    if kind is None or not issubclass(kind, Stage):  # nothing else is built, whatever a file may say
        raise UserError(f"the configuration's method is no method: {spec!r:.80}")
    try:
        stage: Stage = build(spec, trust)
    except (RuntimeError, MemoryError) as error:
        raise UserError(
            f"the method {kind.__name__} cannot be built: {str(error).splitlines()[0]}"
        ) from error
    return stage


def as_segmenter(stage: Stage, hardware: Hardware, mpp: float | None) -> Segmenter:
    """A stage, ready for inference on the hardware. Raises UserError if something it needs is missing."""
    stage.refuse_unready()
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
