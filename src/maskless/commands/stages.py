"""One stage of a method alone: stage=spn, or stage=ien with the SPN of an earlier run, spn=runs/...

Stages go by what they are called, wherever in the method they stand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskless.atomic import write_atomically
from maskless.build import TARGET, resolve
from maskless.commands.compose import Config
from maskless.commands.words import STAGES
from maskless.data.source import Source
from maskless.errors import UserError, did_you_mean
from maskless.loading import without_beginnings
from maskless.methods.stage import Stage
from maskless.runs import Run
from maskless.signals import Role
from maskless.spacing import same_spacing


@dataclass(frozen=True)
class Given:
    """The stages that are taken from earlier runs: the checkpoint of each by its name."""

    checkpoints: dict[str, Path] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    def refuse_misfit(self, source: Source, here: float | None) -> None:
        """Raise UserError for a stage that has learnt at another scale, or from images that are to judge it.

        `here` is the scale that is trained at now, in µm/px.
        """
        for name, run in self.runs.items():
            mpp = run.config.get("mpp")
            if mpp and here and not same_spacing(mpp, here):
                raise UserError(
                    f"{name}={run.path} was trained at {mpp:g} µm/px, and this is at {here:g} µm/px: "
                    "train both at one scale"
                )
            seen = run.data.get(Role.MAIN.value, {})
            cases = dict(seen.get("cases") or {})
            learnt = {(seen.get("name"), image) for image in (seen.get("parts") or {}).get("train", ())}
            known = learnt | {cases[image] for _, image in learnt if image in cases}
            for part in ("val", "test"):
                for item in source.items(part):
                    if (source.name, item.id) in known or item.case in known - {None}:
                        raise UserError(
                            f"{name}={run.path} has learnt from {item.id}, which is in the {part} part of "
                            f"this {source.name}: train it on the same split"
                        )

    def hand_over(self, run: Run) -> None:
        """Copy the weights into `run`, where its training finds them."""
        for name, checkpoint in self.checkpoints.items():
            write_atomically(run.checkpoint("best", name), checkpoint.read_bytes())


def choose_stage(config: Config) -> Given:
    """Make the method of `config` what stage= and spn= ask for. Raises UserError if that cannot be.

    A stage alone becomes the method, and its run can be used like any other. A stage that is given as a run
    becomes the description that is stored there.
    """
    method = config["method"]
    if not isinstance(method, dict) or TARGET not in method:
        return Given()  # what is wrong with it is said where it is built
    given = Given()
    for name, place in STAGES.items():
        key = place.removeprefix("method.")
        if isinstance(method.get(key), str):
            given.runs[name] = Run.open(method[key])
            method[key], given.checkpoints[name] = _of_run(name, given.runs[name], config)
    nested = _nested(method, config)
    last = _called(method, config)
    wanted = config["stage"]
    if wanted is None:
        config["stage"] = last if given.checkpoints else None
    elif not nested or wanted not in (*nested, last):
        known = f"{did_you_mean(wanted, [*nested, last])}" if nested else ": it has one, leave stage= out"
        raise UserError(f"method {config['choices'].get('method')} has no stage {wanted!r}{known}")
    elif wanted == last:
        for name in sorted(set(nested) - set(given.checkpoints)):
            raise UserError(f"stage={last} goes on from a trained {name}: give {name}=runs/..., a run of it")
    elif given.checkpoints:
        raise UserError(f"stage={wanted} trains it anew: leave {wanted}= out")
    else:
        config["method"], config["stage"] = nested[wanted], None
        config["choices"] = {**config["choices"], "method": wanted}
    return given


def refuse_missing(config: Config, run: Run, stage: Stage) -> None:
    """Raise UserError if a run that goes on from another run's stage was killed before it had its weights."""
    for part in stage.stages[:-1]:
        if config["stage"] and not run.checkpoint("best", part.called).is_file():
            raise UserError(f"{run.path} was stopped before it had its {part.called}: begin anew")


def _nested(method: Mapping[str, Any], config: Config) -> dict[str, dict[str, Any]]:
    """The stages inside a method by what they are called, or by their key if that is nothing."""
    stages = {key: value for key, value in method.items() if _is_stage(value, config)}
    return {_called(stage, config) or key: stage for key, stage in stages.items()}


def _called(spec: Mapping[str, Any], config: Config) -> str:
    return str(getattr(resolve(spec[TARGET], config["trust"]), "called", ""))


def _is_stage(spec: Any, config: Config) -> bool:
    if not isinstance(spec, Mapping) or TARGET not in spec:
        return False
    return issubclass(resolve(spec[TARGET], config["trust"]), Stage)


def _of_run(name: str, run: Run, config: Config) -> tuple[dict[str, Any], Path]:
    """The description of a stage in a run that trained it, alone or first of several; and its weights."""
    method = run.config.get("method")
    if isinstance(method, dict) and _is_stage(method, config):
        nested = _nested(method, config)
        if name in nested:
            return without_beginnings(nested[name]), run.best_of(name)
        alone = not nested and _called(method, config) in (name, "")
        if alone and run.state.get("state") == "finished":
            return without_beginnings(method), run.best
    raise UserError(f"{name}={run.path} is no finished run of a stage {name}")
