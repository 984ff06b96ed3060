"""translator= and segmenter=: a translated segmenter, put together of what was trained before."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from maskless.atomic import write_atomically
from maskless.build import TARGET, resolve
from maskless.commands.compose import Config
from maskless.commands.objects import name_of
from maskless.commands.words import SHORT, key_of
from maskless.errors import UserError, did_you_mean
from maskless.loading import build_stage, load_stage, model_stage, stored_stage, without_beginnings
from maskless.methods.stage import Stage
from maskless.methods.translation import Translation
from maskless.model_file import model_path, read_header, shipped
from maskless.paths import CONF
from maskless.runs import Run
from maskless.signals import Annotation, Need, Signal

#: What of the choices of a translator's run a translated segmenter is called by.
_NAMED = ("method", "segmenter")
#: What can be set of a translator that is there: the weight of the untranslated image.
_DIRECT = "method.direct"


@dataclass(frozen=True)
class Part:
    """A stage from elsewhere: its name, description and weights, µm/px, what it learnt from and its cost."""

    name: str
    method: dict[str, Any]
    weights: Mapping[str, Tensor]
    mpp: float | None
    trained_on: frozenset[str]
    annotation: str


def wrap_segmenter(config: Config) -> Part | None:
    """Make segmenter= the `then` of the method of `config`. Raises UserError if that cannot be."""
    wanted = config.get("segmenter")
    if not wanted:
        return None
    if not _is_translation(config.get("method"), config):
        raise UserError("segmenter= is what method=translation wraps: leave it out, or take that method")
    part = _segmenter(str(wanted), config)
    if _is_translation(part.method, config):
        raise UserError(f"segmenter={wanted} translates itself: give one of the target stain")
    config["choices"] = {**(config.get("choices") or {}), "segmenter": part.name}
    config["method"] |= {"then": part.method, "then_mpp": part.mpp}
    config["method"]["trained_on"] = sorted({*config["method"].get("trained_on", ()), *part.trained_on})
    return part


def give_weights(stage: Stage, part: Part | None) -> None:
    """Give the stage that `wrap_segmenter` has described the weights of what it wraps."""
    if part and part.weights and isinstance(stage, Translation) and stage.then is not None:
        stage.then.load_state_dict(part.weights)


def put_together(config: Config) -> tuple[Stage, float | None, str]:
    """translator= and segmenter= as one stage with its weights; its µm/px, and what it cost to annotate.

    `config` gets the method that describes it. Raises UserError if the parts are not what they should be.
    """
    run = Run.open(config["translator"])
    method = run.config.get("method")
    if not _is_translation(method, config):
        raise UserError(f"translator={run.path} is no run of method=translation")
    assert isinstance(method, dict)
    today = config.get("method") or {}
    _refuse_changes(config["command"])
    if today and not _is_translation(today, config):
        raise UserError("translator= is for method=translation: leave method= out")
    if today and today["gan"][TARGET] != method["gan"][TARGET]:
        raise UserError(f"translator={run.path} is of another method than method= says: leave method= out")
    translator = load_stage(run, config["trust"])
    said = _DIRECT in map(key_of, config["command"])
    direct = (today if said else method).get("direct", 0.0)
    described = {"trained_on": sorted({*method.get("trained_on", ()), *run.learnt_from})}
    config["method"] = {**method, **described, "direct": direct}
    chosen = {key: word for key, word in (run.config.get("choices") or {}).items() if key in _NAMED}
    config["choices"] = {**config["choices"], "method": "translation", **chosen}
    part = wrap_segmenter(config)
    stage = stored_stage(config["method"], str(run.path), config["trust"])
    inner = "then."
    weights = {k: v for k, v in translator.state_dict().items() if part is None or not k.startswith(inner)}
    weights |= {inner + name: value for name, value in (part.weights if part else {}).items()}
    stage.load_state_dict(weights)
    cost = part.annotation if part else str(run.about.get("annotation") or Annotation.NONE.value)
    return stage, run.config.get("mpp"), cost


def _refuse_changes(words: Sequence[str]) -> None:
    """Raise UserError for settings of a method that is there already, which would change nothing."""
    for word in words:
        key = SHORT.get(key_of(word), key_of(word))
        if key.rpartition("@")[2].startswith("method.") and key != _DIRECT:
            raise UserError(
                f"{word} would change nothing: translator= and segmenter= bring their own settings, and "
                f"{_DIRECT}= alone can be set"
            )


def store(stage: Stage, run: Run) -> None:
    """Keep the weights in `run`, which can then be used like any other."""
    file = io.BytesIO()
    torch.save({"state_dict": stage.state_dict()}, file)
    write_atomically(run.checkpoint("best"), file.getvalue())


def _is_translation(method: Any, config: Config) -> bool:
    if not isinstance(method, Mapping) or TARGET not in method:
        return False
    return issubclass(resolve(method[TARGET], config["trust"]), Translation)


def _segmenter(wanted: str, config: Config) -> Part:
    """A run, a model file or shipped model, or a method that needs no training, by its name."""
    if model := model_path(wanted):
        header = read_header(model)
        weights = model_stage(model, config["trust"]).state_dict()
        cost = _of_other_stain(header.annotation)
        return Part(header.name, dict(header.method), weights, header.mpp, frozenset(header.trained_on), cost)
    if not Path(wanted).is_dir() and (described := _untrained().get(wanted)):
        stage = build_stage(described, config["trust"])
        if stage.needs != frozenset({Need(Signal.IMAGE)}):
            raise UserError(
                f"segmenter={wanted} needs more than an image, and a translation gives no more: maskless "
                f"evaluate method={wanted} is given it by the source"
            )
        learnt = frozenset(stage.trained_on)
        return Part(wanted, described, {}, None, learnt, _of_other_stain(Annotation.MASKS if learnt else ""))
    if not Path(wanted).exists():
        raise UserError(
            f"there is no segmenter {wanted!r}{did_you_mean(wanted, [*_untrained(), *shipped()])}; "
            "or give a run, runs/..., or a .safetensors file"
        )
    run = Run.open(wanted)
    stage = load_stage(run, config["trust"])
    cost = _of_other_stain(str(run.about.get("annotation") or ""))
    learnt = frozenset({*run.config["method"].get("trained_on", ()), *stage.trained_on, *run.learnt_from})
    return Part(
        name_of(run.config, "method"),
        without_beginnings(run.config["method"]),
        stage.state_dict(),
        run.config.get("mpp"),
        learnt,
        cost,
    )


def _untrained() -> dict[str, dict[str, Any]]:
    """The methods that need no training, with what they are made of, by name."""
    found = {}
    for path in sorted((CONF / "method").glob("*.yaml")):
        described = _read(path)
        if TARGET in described and "epochs" not in described:
            for entry in described.pop("defaults", []):
                if isinstance(entry, dict):  # as /postprocess@chain: threshold
                    for place, choice in entry.items():
                        group, _, key = place.strip("/").partition("@")
                        described[key] = _read(CONF / group / f"{choice}.yaml")
            found[path.stem] = described
    return found


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _of_other_stain(annotation: str) -> str:
    """What masks or points that a segmenter of another stain learnt from are here."""
    return (
        Annotation.OTHER_STAIN.value
        if annotation not in ("", Annotation.NONE.value)
        else Annotation.NONE.value
    )
