"""What Hydra and OmegaConf complain of, in one sentence that suggests the near names."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from maskless.commands.words import SHORT, STAGES, config_dir
from maskless.errors import did_you_mean
from maskless.paths import CONF


def sentence(command: str, overrides: Sequence[str], error: Exception) -> str:
    """One sentence for an error in composing `command` with `overrides`."""
    first = " ".join(str(error).partition("\n")[0].split()) or type(error).__name__
    if isinstance(error, MissingMandatoryValue):
        key = first.rpartition(": ")[2]
        return f"{command} needs {key}=...; maskless {command} --help says what it is"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = [str(option) for option in error.options or ()]
        return f"there is no {group or 'configuration'} {name!r}{did_you_mean(name, options)}"
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        return (
            f"cannot read {error.override!r}: a value with spaces, commas, brackets or the like stands in "
            f"quotes, \"{key}='{value}'\""
        )
    if "Config group override must be a string" in first:
        nothing = [word for word in overrides if word.endswith("=null")]
        return f"{' and '.join(nothing) or 'a group'} names nothing: leave it out, or name one"
    # A method that names the usual source of a role learns from it, and the command has no such role.
    if named := re.match(r"In 'method/(.+?)': Could not override 'dataset@", first):
        return f"method {named[1]} has to be trained first: maskless train, then run=runs/..."
    if first.startswith("Multiple values for "):
        key = first.removeprefix("Multiple values for ").partition(". ")[0]
        return f"{key} is there already: write {key}=... without +"
    if isinstance(error, ConfigCompositionException) and "'" in first:
        return _of_override(command, overrides, first, error.__cause__)
    return f"the configuration cannot be composed: {first}"


def _of_override(command: str, overrides: Sequence[str], first: str, cause: BaseException | None) -> str:
    """For an override that names nothing, names what is there already, or gives what cannot be."""
    named = first.split("'")[1]
    key = named.rpartition("@")[2]
    if first.startswith("Could not override"):
        if cause is not None and "is not in struct" not in str(cause):
            return f"{key} cannot be set: {str(cause).partition(chr(10))[0]}"
        known = _known(command, overrides)
        typed = {place: word for word, place in {**SHORT, **STAGES}.items() if word not in known}
        key = typed.get(named, key)
        return f"{command} has no option {key!r}{_near(key, known)}"
    if first.startswith("Could not append"):
        return f"{key} is there already: write {key}=... without +"
    if first.startswith("Could not delete"):
        return f"{key} cannot be removed with ~, because it is not there"
    if first.startswith("Ambiguous value"):
        name, _, values = key.partition("=")
        if re.fullmatch(r"\d+,\d+", values) and not isinstance(_known(command, overrides).get(name), int):
            sweep = "; a sweep needs -m" if command == "train" else ""
            return f"{key}: write {values.replace(',', '.')}{sweep}"
        return f"{key} is a sweep, which needs -m (a list is {name}=[{values}])"
    return f"the configuration cannot be composed: {first}"


def _known(command: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Every key, dotted, of the command with its chosen groups, and the short words; with their values."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        try:
            composed = compose(command, _choices(overrides))
        except HydraException:  # one of the choices is at fault itself
            composed = compose(command)
    known = dict.fromkeys(("preset", "experiment", "test", *SHORT)) if command == "train" else {}

    def walk(node: Mapping, prefix: str) -> None:
        for key, value in node.items():
            if not str(key).startswith("_"):
                known[f"{prefix}{key}"] = value
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{key}.")

    config = OmegaConf.to_container(composed, resolve=False)
    assert isinstance(config, dict)
    walk(config, "")
    return known


def _choices(overrides: Sequence[str]) -> list[str]:
    """The overrides that choose of a group, the first choice of a sweep, and where to look for one's own."""
    own = config_dir(overrides)
    folders = (CONF, own) if own else (CONF,)
    chosen = [f"hydra.searchpath=['file://{own}']"] if own else []
    for word in overrides:
        key, equals, choice = word.partition("=")
        group = key.lstrip("+").partition("@")[0]
        if equals and any((folder / group).is_dir() for folder in folders):
            chosen.append(f"{key}={choice.partition(',')[0]}")
    return chosen


def _near(key: str, known: Collection[str]) -> str:
    """The key of that name elsewhere, or the near ones, or those beside it."""
    parent, _, leaf = key.rpartition(".")
    elsewhere = sorted(word for word in known if word.rpartition(".")[2] == leaf)
    if elsewhere:
        return f"; did you mean {' or '.join(map(repr, elsewhere))}?"
    beside = {word.rpartition(".")[2] for word in known if word.rpartition(".")[0] == parent}
    return did_you_mean(leaf, beside) if beside else did_you_mean(key, {w for w in known if "." not in w})
