"""A trained stage as one file: its tensors, and a JSON header that says how to build it and what it is.

The format is safetensors, which holds numbers and text and nothing that could run. `maskless export` writes
such files; `load` and `predict model=` take them in place of a run. Those in `maskless/models/` ship with the
package and are known by name.

Format 1 had weights of 16 bits, and at first no `learnt_from`. Format 2 has the weights as they were trained,
unless they were halved, and says what they learnt from.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from maskless.atomic import write_atomically
from maskless.errors import UserError, did_you_mean
from maskless.spacing import is_plausible

SUFFIX = ".safetensors"
#: The version of the header. A reader takes its own version and those before it.
FORMAT = 2
#: Where the models of the package are.
SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Header:
    """What a model file says of itself.

    `method` is the description of its stage, as in a run's configuration; `mpp` the pixel spacing it was
    trained at, in µm/px. `trained_on` names the sources or cases that it has learnt from, so that tables can
    mark what was seen; `learnt_from` says the same to a person, 'multiorgan (12 images)'. A case is a public
    barcode or the hash of an image's file, which tells nothing to whom the file is not known: no header has a
    file's name or place. `annotation` is what a person had to draw for it, `about` a sentence each on what it
    is, and what it is not.
    """

    name: str
    method: Mapping[str, Any]
    mpp: float | None
    trained_on: tuple[str, ...]
    annotation: str
    licence: str
    about: tuple[str, ...] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
    learnt_from: tuple[str, ...] = ()
    format: int = FORMAT


def write_model(path: str | Path, header: Header, weights: Mapping[str, Tensor]) -> None:
    """Write a model file. Raises UserError if it cannot be written."""
    text = json.dumps(asdict(header))  # tuples become lists
    stored = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_atomically(path, save(stored, metadata={"maskless": text}))


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with float16 in place of floats, half the size: equal to about three digits.

    Raises UserError if one is too large for float16.
    """
    return {name: _halved(name, value) for name, value in weights.items()}


def read_header(path: str | Path) -> Header:
    """The header of a model, by its file or name, without its tensors. Raises UserError if it is none."""
    path = known_model(path)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("maskless")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or no safetensors file: get it again") from error
    if text is None:
        raise UserError(f"{path} is no model of maskless: its header does not say how to build it")
    try:
        stored = json.loads(text)
        version = stored["format"]
        if not 1 <= version <= FORMAT:
            raise UserError(
                f"{path} has format {version}, and this maskless reads 1 to {FORMAT}: "
                + ("install a newer maskless" if version > FORMAT else "export it again from its run")
            )
        return Header(**_checked(_of_today(stored) if version < FORMAT else stored))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is no model of maskless: its header cannot be read ({error})") from error


def _of_today(stored: dict[str, Any]) -> dict[str, Any]:
    """The header of format 1 as one of today's format."""
    return {"learnt_from": [], **stored, "format": FORMAT}


def _checked(stored: dict[str, Any]) -> dict[str, Any]:
    """The fields of a header. Raises ValueError or the like for any that is of another kind."""
    lists = {key: tuple(stored[key]) for key in ("trained_on", "about", "learnt_from")}
    texts = [stored[key] for key in ("name", "annotation", "licence")] + [
        t for ts in lists.values() for t in ts
    ]
    if not all(isinstance(text, str) for text in texts) or any(isinstance(stored[key], str) for key in lists):
        raise ValueError("a text, or a list of texts, is something else")
    if not isinstance(stored["method"], dict) or not isinstance(stored["made_with"], dict):
        raise ValueError("method and made_with are mappings")
    if stored["mpp"] is not None and not (_is_number(stored["mpp"]) and is_plausible(stored["mpp"])):
        raise ValueError(f"mpp {stored['mpp']!r} is no pixel spacing in µm")
    return {**stored, **lists}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a model file, floats as float32. Raises UserError as `read_header` does."""
    read_header(path)
    with safe_open(known_model(path), framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, values in tensors.items():
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise UserError(f"{path} is damaged: its weights {name} hold numbers that are none; get it again")
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def read_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's tensors by name, none of them read. Raises UserError as `read_header` does."""
    read_header(path)
    with safe_open(known_model(path), framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def shipped() -> dict[str, Path]:
    """The models that come with maskless: name to file."""
    return {path.stem: path for path in sorted(SHIPPED.glob(f"*{SUFFIX}"))}


def model_path(model: str | Path) -> Path | None:
    """The file of a model, by its name among those that ship or by its path; None if it is neither."""
    known = shipped().get(str(model))
    return known or (Path(model) if Path(model).suffix == SUFFIX else None)


def known_model(model: str | Path) -> Path:
    """The file of a model, as `model_path`. Raises UserError if there is no such model."""
    path = model_path(model)
    if path is None:
        raise UserError(
            f"there is no model {str(model)!r}{did_you_mean(str(model), shipped())}; or give a {SUFFIX} file"
        )
    if not path.is_file():
        raise UserError(f"there is no model file {path}{did_you_mean(path.stem, shipped())}")
    return path


def _halved(name: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.detach().to("cpu", torch.float16)
    if not torch.isfinite(half).all():
        raise UserError(f"the weights {name} do not fit into 16 bits: has the training diverged?")
    return half
