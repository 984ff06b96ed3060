"""From the words of the command line to a plain configuration, and from that to objects."""

import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from maskless.build import TARGET, build, resolve
from maskless.commands.words import SHORT
from maskless.data.fingerprint import describe
from maskless.data.source import Source
from maskless.errors import PartlyDone, UserError, did_you_mean, first_three
from maskless.paths import CONF
from maskless.runs import Run
from maskless.signals import Need, Role, with_derived

Config = dict[str, Any]

#: Where a job of a sweep leaves its result for the launcher.
JOB_REPORT = "MASKLESS_JOB_REPORT"


def run_command(command: str, overrides: Sequence[str]) -> None:
    """Compose the configuration and hand it to the command's `run`; with -m, once a job.

    Raises UserError for what cannot be composed, in one sentence that suggests the near names.
    """
    own = _config_dir(overrides)
    trust = [path.stem for path in own.glob("*.py")] if own else []
    if own:
        sys.path.insert(0, str(own))

    failed: list[Exception] = []

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=command)
    def job(composed: Any) -> Any:
        try:
            return work(composed)
        except (UserError, PartlyDone, OmegaConfBaseException) as error:
            # Raised below: Hydra would print a heading of its own.
            failed.append(error)

    def work(composed: Any) -> Any:
        config: Config = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)  # type: ignore
        _refuse_unknown_keys(command, config)
        config["trust"] = [*config["trust"], *trust]
        config["choices"] = {k: v for k, v in HydraConfig.get().runtime.choices.items() if "hydra" not in k}
        config["command"] = ["maskless", command, *overrides]
        return import_module(f"maskless.commands.{command}").run(config)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, so that the command line can say it in a sentence
    arguments, sys.argv = sys.argv, ["maskless", *overrides]
    try:
        job()
        if failed:
            raise failed[0]
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_sentence(command, error)) from error
    except SystemExit as error:
        if error.code:  # Hydra's own reading of its flags has said why
            raise UserError(
                "the command line cannot be read; maskless COMMAND --help lists what it takes"
            ) from error
    finally:
        sys.argv = arguments


def _config_dir(overrides: Sequence[str]) -> Path | None:
    for word, following in zip(overrides, [*overrides, ""][1:], strict=True):
        if word.startswith("--config-dir"):
            folder = Path(word.partition("=")[2] or following)
            if not folder.is_dir():
                raise UserError(f"--config-dir {folder} is no folder")
            return folder.resolve()
    return None


def _own_keys(command: str) -> dict[str, Any]:
    """The keys that a command has, from its own file and the groups in it."""
    keys: dict[str, Any] = {}
    for name in ("common", command):
        text = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
        for entry in text.pop("defaults", []):
            if isinstance(entry, dict):
                keys.update({group.rpartition("@")[2]: None for group in entry if "override" not in group})
        keys.update(text)
    return {key: value for key, value in keys.items() if key not in ("hydra", "preset")}


def _refuse_unknown_keys(command: str, config: Config) -> None:
    """A key that Hydra accepted (with a +) but nothing reads is a slip."""
    known = _own_keys(command)
    for key in config:
        if key not in known:
            raise UserError(f"{command} has no option {key!r}{did_you_mean(key, known)}")


def _sentence(command: str, error: Exception) -> str:
    """One sentence for an error of Hydra or OmegaConf."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = [str(option) for option in error.options or ()]
        return f"there is no {group or 'configuration'} {name!r}{did_you_mean(name, options)}"
    if isinstance(error, ConfigCompositionException):
        key = first.partition("Could not override '")[2].partition("'")[0].partition("@")[0]
        if key and (cause := error.__cause__) is not None and "is not in struct" not in str(cause):
            return f"{key} cannot be set: {str(cause).splitlines()[0]}"
        if key:
            known = _known_words(command)
            return f"{command} has no option {key!r}{_suggest(key, known)}"
    if "Missing mandatory value" in first:
        key = first.rpartition(": ")[2]
        return f"{command} needs {key}=...; maskless {command} --help says what it is"
    return f"the configuration cannot be composed: {first}"


def _known_words(command: str) -> set[str]:
    """Every key that the command's default configuration has, dotted, and the short words."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = OmegaConf.to_container(compose(command), resolve=False)
    words = set(_own_keys(command)) | set(SHORT) | {"test", "preset", "experiment"}

    def walk(node: Any, prefix: str) -> None:
        for key, value in node.items():
            words.add(f"{prefix}{key}")
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{key}.")

    assert isinstance(config, dict)
    walk(config, "")
    return words


def _suggest(key: str, known: Collection[str]) -> str:
    """The near names; for a dotted key without any, the keys beside it."""
    hint = did_you_mean(key, known)
    if hint.startswith("; did you mean"):
        return hint
    parent = key.rpartition(".")[0]
    beside = [word for word in known if word.rpartition(".")[0] == parent]
    return did_you_mean(key, beside) if beside else ""


# -- objects -------------------------------------------------------------------------------------------------


def build_method(config: Config, **arguments: Any) -> Any:
    """The method of a configuration, with `schedule` laid over it."""
    spec = config.get("method")
    if not spec:
        raise UserError("name a method (method=threshold) or a run (run=runs/...)")
    return build(_scheduled(spec, config.get("schedule") or {}), config["trust"], **arguments)


def _scheduled(spec: Any, schedule: Mapping[str, Any]) -> Any:
    """`spec` with what the schedule sets, in every stage that has it."""
    if not isinstance(spec, Mapping):
        return spec
    laid = {key: _scheduled(value, schedule) for key, value in spec.items()}
    return {**laid, **{key: value for key, value in schedule.items() if value is not None and key in laid}}


def build_sources(config: Config) -> dict[Role, Source]:
    """The source in each role that is filled."""
    specs = {
        Role.MAIN: config.get("dataset"),
        Role.PRIOR: config.get("prior"),
        Role.TARGET: config.get("target"),
    }
    return {role: build(spec, config["trust"]) for role, spec in specs.items() if spec}


def name_of(config: Config, group: str) -> str:
    """What was chosen in a group, `supervised` for method, say."""
    return str((config.get("choices") or {}).get(group) or group)


def check_fit(method_name: str, needs: Collection[Need], sources: Mapping[Role, Source]) -> None:
    """A method and the sources of its roles fit, or one sentence says why not."""
    for need in sorted(needs):
        key = "dataset" if need.role is Role.MAIN else need.role.value
        having = f"sources that offer {need.signal}: {', '.join(sources_with(need)) or 'none'}"
        if need.role not in sources:
            raise UserError(
                f"method {method_name} needs {need.signal} from a source in the {need.role} role, "
                f"and none is given: add {key}=...; {having}"
            )
        source = sources[need.role]
        if need.signal not in source.offers:
            where = f" at {source.place}" if source.place else ""
            raise UserError(
                f"method {method_name} needs {need.signal} from its {need.role} source, "
                f"and {source.name}{where} has none; {having}"
            )


def sources_with(need: Need) -> list[str]:
    """The names of our sources whose layout can hold a signal."""
    names = []
    for file in sorted((CONF / "dataset").glob("*.yaml")):
        target = yaml.safe_load(file.read_text(encoding="utf-8"))[TARGET]
        if need.signal in with_derived(resolve(target).may_offer):
            names.append(file.stem)
    return names


def refuse_problems(sources: Iterable[Source]) -> None:
    """Raise UserError for the first source whose files are not whole, before any work is done on it."""
    for source in sources:
        if problems := source.problems():
            raise UserError(
                f"{source.name} cannot be used: {first_three(problems)}; maskless prepare lists them all"
            )


# -- runs ----------------------------------------------------------------------------------------------------


def create_run(config: Config, sources: Mapping[Role, Source]) -> Run:
    """A new run directory that says what is about to be done, and on which data."""
    config["mpp"] = sources[Role.MAIN].mpp
    # As it was built, so that `load` builds the same from the stored method alone.
    config["method"] = _scheduled(config["method"], config.get("schedule") or {})
    name = f"{name_of(config, 'method')}-{name_of(config, 'dataset')}-{config['seed']}"
    data = {role.value: describe(source) for role, source in sources.items()}
    return Run.create(config["runs_dir"], config["study"], name, config, config.pop("command"), data)


def report_job(run: Run, value: float | None) -> None:
    """In a sweep, tell the job's parent what it made."""
    if report := os.environ.get(JOB_REPORT):
        Path(report).write_text(json.dumps({"run": str(run.path), "value": value}), encoding="utf-8")
