"""From the words of the command line to a plain configuration, handed to the command's `run`."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from maskless.arguments import misfit
from maskless.commands.schedule import scheduled
from maskless.commands.sentences import sentence
from maskless.commands.words import config_dir, translate
from maskless.errors import UserError, did_you_mean
from maskless.paths import CONF

Config = dict[str, Any]
#: The commands that take one configuration a job.
SWEPT = ("train", "predict")


def run_command(command: str, words: Sequence[str]) -> None:
    """Compose the configuration from what was typed, and hand it to the command's `run`; with -m, once a job.

    Raises UserError for what cannot be composed, in one sentence that suggests the near names.
    """
    overrides = translate(words)
    if command not in SWEPT and ("-m" in overrides or "--multirun" in overrides):
        raise UserError(
            f"-m is for sweeps of {' and '.join(SWEPT)}: {command} takes one configuration at a time"
        )
    if own := config_dir(words):
        sys.path.insert(0, str(own))

    composed: list[Config] = []
    refused: list[UserError] = []

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=command)
    def job(config: Any) -> Any:
        if HydraConfig.get().mode is RunMode.MULTIRUN:  # a job of a cluster's launcher
            return _run(command, _plain(command, config, words))
        try:
            composed.append(_plain(command, config, words))
        except UserError as problem:
            refused.append(problem)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, so that the command line can say it in a sentence
    arguments, sys.argv = sys.argv, ["maskless", *overrides]
    try:
        job()
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        raise UserError(sentence(command, overrides, error)) from error
    finally:
        sys.argv = arguments
    # Outside Hydra, which would print a heading over an error, and runs no command within another.
    if refused:
        raise refused[0]
    for config in composed:
        _run(command, config)


def _run(command: str, config: Config) -> Any:
    return import_module(f"maskless.commands.{command}").run(config)


def refuse_misfits(command: str, config: Mapping[str, Any]) -> None:
    """Raise UserError for an option of the command that is missing, or is no such value as its default."""
    options, groups = _options(command), _groups(command)
    for key, default in options.items():
        if key not in config:
            raise UserError(f"{command} cannot do without {key}; maskless {command} --help says what it is")
        shown = default is None or (isinstance(default, str) and default.startswith(("${", "???")))
        if not shown and (reason := misfit(key, config[key], type(default))):
            raise UserError(f"{key} {reason}")
    if isinstance(seed := config.get("seed"), int) and seed < 0:
        raise UserError(f"seed={seed} must be 0 or more")
    for key in ("study", "runs_dir", "input", "output"):
        if config.get(key) == "":
            raise UserError(f"{key}= is empty: give a name, or leave it out")
    if {"..", "/"} & set(Path(str(config.get("study", ""))).parts):
        raise UserError(f"study={config['study']} must be a folder below runs_dir")
    for group, default in groups.items():
        if default and not isinstance(config.get(group), Mapping):
            raise UserError(f"{command} cannot do without {group}: {group}={default}, for one")


def _plain(command: str, composed: Any, words: Sequence[str]) -> Config:
    """The configuration as plain values, with what a command wants to know of its making."""
    try:
        config: Config = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)  # type: ignore
    except OmegaConfBaseException as error:
        raise UserError(sentence(command, words, error)) from error
    known = [key for key in {**_options(command), **_groups(command)} if key != "preset"]
    for key in config:  # one that Hydra accepted, with a +, but nothing reads
        if key not in known:
            raise UserError(f"{command} has no option {key!r}{did_you_mean(str(key), known)}")
    refuse_misfits(command, config)
    # The method is as it will be built, so that `load` builds the same from the stored method alone.
    if "method" in config:
        config["method"] = scheduled(config["method"], config.get("schedule") or {}, words)
    own = config_dir(words)
    config["trust"] = [*config["trust"], *(path.stem for path in (own.glob("*.py") if own else ()))]
    config["choices"] = {k: v for k, v in HydraConfig.get().runtime.choices.items() if "hydra" not in k}
    config["command"] = ["maskless", command, *words]
    return config


def _options(command: str) -> dict[str, Any]:
    """The options of a command, of its file and of those that it builds on, with their defaults."""
    options = {key: value for file in _files(command) for key, value in file.items()}
    return {key: value for key, value in options.items() if key not in ("defaults", "hydra")}


def _groups(command: str) -> dict[str, Any]:
    """The groups that a command chooses from by the key they fill, with their defaults."""
    defaults = [entry for file in _files(command) for entry in file.get("defaults", [])]
    entries = [entry for entry in defaults if isinstance(entry, dict)]
    return {
        group.rpartition("@")[2]: choice
        for entry in entries
        for group, choice in entry.items()
        if not group.startswith(("override ", "optional "))
    }


def _files(command: str) -> list[dict[str, Any]]:
    """The files that a command builds on, that of all commands first, and its own."""
    own = _read(command)
    bases = [entry for entry in own.get("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    return [*(file for base in bases for file in _files(base)), own]


def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
