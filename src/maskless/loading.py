"""A run, or a model file, as a Segmenter.

Not called `load`: a module of that name would take the place of the function `maskless.load`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, is_zipfile

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy

from maskless.build import TARGET, build, resolve
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.pretrained import Pretrained
from maskless.methods.stage import Stage
from maskless.model_file import model_path, read_header, read_shapes, read_weights
from maskless.postprocess.chain import Chain
from maskless.runs import CHAIN, Run
from maskless.segmenter import Segmenter

#: Arguments of stages that say where their first weights come from: a download, or a file of one machine.
_BEGINNINGS = ("encoder_weights",)
#: How many times the numbers and tensors of its weights a network may make while it is built: one that fits
#: makes some of them twice, as where it puts a layer of its own in place of another.
_MADE_TO_STORED = 4


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
    spec, where = run.config.get("method"), f"{run.path}/config.yaml"
    if not _kind(spec, trust).learns():
        with nullcontext() if trust else _no_larger_than([], f"{run.path}, without a checkpoint,", where):
            return stored_stage(spec, str(run.path), trust)
    weights, whose = read_checkpoint(run.best)["state_dict"], f"the checkpoint {run.best}"
    with _no_larger_than([_stored_numbers(value) for value in weights.values()], whose, where):
        stage = stored_stage(spec, str(run.path), trust)
    _give(stage, weights, whose, where)
    return stage


def model_stage(model: str | Path, trust: Sequence[str] = ()) -> Stage:
    """The stage of a model file or shipped model with its weights. Raises UserError as `load` does."""
    header, whose, where = read_header(model), f"the model {model}", "its header"
    with _no_larger_than([prod(shape) for shape in read_shapes(model).values()], whose, where):
        stage = stored_stage(header.method, str(model), trust)
    _give(stage, read_weights(model), whose, where)
    return stage


def stored_stage(spec: Any, where: str, trust: Sequence[str] = ()) -> Stage:
    """The method that a run or a model file `where` describes, without what its training began from.

    So nothing is downloaded, and no file of the machine that trained it is looked for. Raises UserError as
    `refuse_foreign_weights` and `build_stage` do.
    """
    refuse_foreign_weights(spec, where, trust)
    return build_stage(without_beginnings(spec), trust)


def refuse_foreign_weights(spec: Any, where: str, trust: Sequence[str]) -> None:
    """Raise UserError if a stored description names weights that another package would read.

    What such a package makes of a file is not known, and may be to run it. 'pretrained' in `trust` allows it.
    """
    if "pretrained" not in trust:
        for weights in _foreign_weights(spec):
            raise UserError(
                f"{where} names the weights {weights!r}, which another package would read, and weights can "
                "hold code: if you know who made them, allow it with trust=[pretrained]"
            )


def without_beginnings(method: Any) -> Any:
    """The description of a method that needs no file beside its weights, whatever it began from."""
    if not isinstance(method, Mapping):
        return method
    return {k: None if k in _BEGINNINGS else without_beginnings(value) for k, value in method.items()}


def _foreign_weights(spec: Any) -> Iterator[str]:
    """The weights that a description names of other people's models, wherever in it they stand."""
    if isinstance(spec, Mapping):
        if str(spec.get(TARGET)).rpartition(".")[2] == Pretrained.__name__ and spec.get("weights"):
            yield str(spec["weights"])
        for value in spec.values():
            yield from _foreign_weights(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from _foreign_weights(value)


@contextmanager
def _no_larger_than(stored: Collection[int], whose: str, where: str) -> Iterator[None]:
    """While a network is built: raise UserError as soon as it is far larger than the weights that it gets.

    `stored` has how many numbers each tensor of them holds. PyTorch tells of each parameter when its memory
    is asked for and not yet written, which is when it begins to be taken; so whatever width or depth a
    description asks for, no more is taken than a small multiple of the weights.
    """
    numbers = tensors = 0

    def count(module: torch.nn.Module, name: str, value: torch.nn.Parameter | None) -> None:
        nonlocal numbers, tensors
        if value is not None:
            numbers += 0 if is_lazy(value) else value.numel()
            tensors += 1
        if numbers > _MADE_TO_STORED * sum(stored) or tensors > _MADE_TO_STORED * len(stored):
            raise UserError(
                f"{whose} does not fit the method in {where}, which describes a far larger network: "
                "is it of another run, or was it changed?"
            )

    watch = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        watch.remove()


def _stored_numbers(value: Any) -> int:
    """How many numbers a checkpoint really holds of a tensor, whose shape can promise any number of them."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta:
        return 0
    return min(value.numel(), value.untyped_storage().nbytes() // value.element_size())


def _give(stage: Stage, weights: Mapping[str, Tensor], whose: str, where: str) -> None:
    try:
        stage.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:  # of what are no names or no tensors
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
    kind = _kind(spec, trust)
    try:
        stage: Stage = build(spec, trust)
    except (RuntimeError, MemoryError) as error:
        raise UserError(
            f"the method {kind.__name__} cannot be built: {str(error).splitlines()[0]}"
        ) from error
    return stage


def _kind(spec: Any, trust: Sequence[str]) -> type[Stage]:
    """The class of a method. Raises UserError for any other, which is never built, whatever a file says."""
    kind = resolve(spec[TARGET], trust) if isinstance(spec, Mapping) and TARGET in spec else None
    if kind is None or not issubclass(kind, Stage):
        raise UserError(f"the configuration's method is no method: {spec!r:.80}")
    return kind


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
        _refuse_packed(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler meets in a broken or hostile file
        raise UserError(
            f"the checkpoint {path} is damaged, or holds more than weights, and is not loaded: "
            "get it again, or train again"
        ) from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise UserError(f"the checkpoint {path} is none of maskless: it holds no weights")
    return checkpoint


def _refuse_packed(path: Path) -> None:
    """Raise ValueError for an archive with a compressed file, which can hold any amount: PyTorch has none."""
    if is_zipfile(path):
        with ZipFile(path) as archive:
            if any(file.compress_type != ZIP_STORED for file in archive.infolist()):
                raise ValueError("a checkpoint is not compressed")
