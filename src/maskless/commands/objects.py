"""What a command works with, built from its configuration and checked before any work is done."""

import json
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from maskless.build import TARGET, build, resolve
from maskless.commands.compose import Config
from maskless.commands.words import config_dir
from maskless.data.fingerprint import describe
from maskless.data.scale import training_spacing
from maskless.data.source import Source
from maskless.errors import UserError, first_three
from maskless.paths import CONF
from maskless.runs import Run
from maskless.signals import Need, Role, annotation_of, fills, with_derived

if TYPE_CHECKING:  # torch, which prepare does without
    from maskless.hardware import Hardware
    from maskless.methods.stage import Stage
    from maskless.training.loggers.logger import Logger

#: Where a job of a sweep leaves its result for the launcher.
JOB_REPORT = "MASKLESS_JOB_REPORT"


def build_hardware(config: Config) -> "Hardware":
    """The hardware of a configuration."""
    return build({TARGET: "maskless.hardware.Hardware", **config["hardware"]})


def build_method(config: Config) -> "Stage":
    """The method of a configuration."""
    from maskless.loading import build_stage

    spec = config.get("method")
    if not spec:
        raise UserError("name a method (method=threshold), a run (run=runs/...) or a model (model=NAME)")
    if like := (spec.get("colour") or {}).pop("like", None):
        spec["colour"].update(_colours_of(Path(like)))
    return build_stage(spec, config["trust"])


def _colours_of(image: Path) -> dict[str, list[float]]:
    """The statistics of an image that Reinhard's transfer takes, for the run to keep."""
    from maskless.data.images import read_image
    from maskless.reinhard import lab_statistics

    return {name: list(values) for name, values in lab_statistics(read_image(image))._asdict().items()}


def build_logger(config: Config) -> "Logger | None":
    """The logger that a configuration names, if any. Raises UserError if it is none or lacks its package."""
    from maskless.training.loggers.logger import Logger

    if not config.get("logger"):
        return None
    logger = build(config["logger"], config["trust"])
    if not isinstance(logger, Logger):
        raise UserError(f"logger={name_of(config, 'logger')} is no logger: it has no begin(run, job)")
    return logger


def build_sources(config: Config) -> dict[Role, Source]:
    """The source in each role that is filled."""
    specs = {
        Role.MAIN: config.get("dataset"),
        Role.PRIOR: config.get("prior"),
        Role.TARGET: config.get("target"),
    }
    return {role: build_source(spec, config) for role, spec in specs.items() if spec}


def build_source(spec: Any, config: Config) -> Source:
    """One source. Raises UserError if `spec` describes none."""
    source = build(spec, config["trust"])
    if not isinstance(source, Source):
        raise UserError(f"the configuration's source is no source: {spec!r:.80}")
    return source


def name_of(config: Config, group: str) -> str:
    """What was chosen in a group, `supervised` for method, say."""
    return str((config.get("choices") or {}).get(group) or group)


def refuse_two_of(command: str, config: Config) -> None:
    """Raise UserError if more than one word says what is used, or segmenter= has no translator= with it."""
    if config.get("translator") and (config.get("run") or config.get("model")):
        raise UserError(f"{command} takes translator= in place of run= and model=")
    if config.get("segmenter") and not config.get("translator"):
        raise UserError("segmenter= segments what translator= makes of an image: give that, too")
    given = [f"{key}=" for key in ("run", "model", "method") if config.get(key)]
    if len(given) > 1:
        raise UserError(f"{command} takes one of run=, model= and method=, not {' and '.join(given)}")


# -- checks --------------------------------------------------------------------------------------------------


def check_fit(config: Config, needs: Collection[Need], sources: Mapping[Role, Source]) -> None:
    """The method and the sources of its roles fit, or one sentence says why not."""
    method = name_of(config, "method")
    for role in sorted(set(sources) - {Role.MAIN} - {need.role for need in needs}):
        raise UserError(f"method {method} has no {role} role: leave {role}= out")
    for need in sorted(needs):
        key = "dataset" if need.role is Role.MAIN else need.role.value
        having = f"sources that can offer {need.signal}: {', '.join(_sources_with(need, config)) or 'none'}"
        if need.role not in sources:
            raise UserError(
                f"method {method} needs {need.signal} from a source in the {need.role} role, "
                f"and none is given: add {key}=...; {having}"
            )
        source = sources[need.role]
        if not fills(source.offers, need.signal):
            where = f" at {source.place}" if source.place else ""
            raise UserError(
                f"method {method} needs {need.signal} from its {need.role} source, "
                f"and {source.name}{where} has none: choose another {key}=...; {having}"
            )


def _sources_with(need: Need, config: Config) -> list[str]:
    """The names of the sources, ours and the user's own, whose layout can hold a signal."""
    folders = [CONF, *filter(None, [config_dir(config.get("command", ()))])]
    names = set()
    for file in (file for folder in folders for file in (folder / "dataset").glob("*.yaml")):
        # A file of the user's that describes no source is not what this is about.
        with suppress(UserError, KeyError, TypeError):
            kind = resolve(yaml.safe_load(file.read_text(encoding="utf-8"))[TARGET], config["trust"])
            if issubclass(kind, Source) and fills(with_derived(kind.may_offer), need.signal):
                names.add(file.stem)
    return sorted(names)


def refuse_problems(sources: Iterable[Source]) -> None:
    """Raise UserError for the first source whose files are not whole, before any work is done on it."""
    for source in sources:
        if problems := source.problems():
            raise UserError(
                f"{source.name} cannot be used: {first_three(problems).rstrip('.')}; "
                "maskless prepare shows all that is wrong"
            )


# -- runs ----------------------------------------------------------------------------------------------------


def create_run(
    config: Config, sources: Mapping[Role, Source], needs: Collection[Need], annotation: str | None = None
) -> Run:
    """A new run directory that says what is about to be done, and on which data.

    `annotation` is what a person had to draw for it, if that does not follow from needs and sources.
    """
    if config.get("mpp") is None:
        config["mpp"] = training_spacing(sources[Role.MAIN])
    for group in ("dataset", "prior", "target"):
        config.update({group: _found_from_anywhere(config[group])} if config.get(group) else {})
    config["hardware"] = {**config["hardware"], "precision": build_hardware(config).resolved_precision}
    name = f"{name_of(config, 'method')}-{name_of(config, 'dataset')}-{config['seed']}".replace("/", "-")
    data = {role.value: described for role, described in descriptions(sources, needs).items()}
    drawn = {need for need in needs if not sources[need.role].rendered}  # a renderer's masks cost nobody
    main = sources[Role.MAIN]
    # Masks of the very source that is learnt from are no other stain's, whatever their role.
    drawn |= {
        Need(n.signal)
        for n in drawn
        if (sources[n.role].name, sources[n.role].place) == (main.name, main.place)
    }
    command, cost = config.pop("command"), annotation or annotation_of(drawn).value
    return Run.create(config["runs_dir"], config["study"], name, config, command, data, cost)


def descriptions(sources: Mapping[Role, Source], needs: Collection[Need]) -> dict[Role, dict[str, Any]]:
    """What is recorded of each source: of the main one all, for it is scored; of others what is needed."""
    return {
        role: describe(source, None if role is Role.MAIN else {n.signal for n in needs if n.role is role})
        for role, source in sources.items()
    }


def _found_from_anywhere(spec: Config) -> Config:
    """The description of a source with its paths absolute, so that the run can be used from any folder."""
    nested = {key: _found_from_anywhere(value) for key, value in spec.items() if isinstance(value, dict)}
    paths = {
        key: str(Path(spec[key]).resolve())
        for key in ("path", "data_root", "index", "table")
        if spec.get(key)
    }
    return {**spec, **nested, **paths}


def report_job(made: Path, value: float | None = None) -> None:
    """In a sweep, tell the job's parent which folder it made."""
    if report := os.environ.get(JOB_REPORT):
        Path(report).write_text(json.dumps({"run": str(made), "value": value}), encoding="utf-8")
