"""Objects from plain values: a mapping with a `_target_` becomes a call of what the target names.

This is the only way a configuration becomes objects, whether it was composed just now or stored in a run
that came from somebody else. A target is a class of the rooms of `maskless` whose objects a configuration is
made of, or of the modules that the user lists as trusted, and nothing else: no function is ever called by
name, and no class that starts a process or opens a file to write.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from maskless.arguments import arguments_of, misfit
from maskless.errors import UserError, did_you_mean

TARGET = "_target_"
#: Where the classes are that a configuration can name.
ROOMS = (
    "maskless.classify",
    "maskless.data",
    "maskless.hardware",
    "maskless.inference.search",
    "maskless.methods",
    "maskless.reinhard",
    "maskless.training.search",
    "maskless.white_balance",
)


def build(spec: Any, trust: Sequence[str] = ()) -> Any:
    """Build `spec` recursively.

    Mappings without a `_target_`, lists and plain values are returned as they are, with what is inside
    them built. Raises UserError for a target outside `ROOMS` and `trust`, one that does not exist, and
    arguments that it does not take or that do not fit their annotation.
    """
    if isinstance(spec, Mapping):
        built = {key: build(value, trust) for key, value in spec.items() if key != TARGET}
        if TARGET not in spec:
            return built
        return _call(resolve(spec[TARGET], trust), built)
    if isinstance(spec, (list, tuple)):
        return [build(value, trust) for value in spec]
    return spec


def resolve(target: str, trust: Sequence[str] = ()) -> type:
    """The class that a dotted path names. Raises UserError if it is none of `ROOMS` or `trust`."""
    allowed = (*ROOMS, *trust)
    module_name, _, name = str(target).rpartition(".")
    if not _inside(module_name, allowed):
        if _inside(module_name, ["maskless"]):
            raise UserError(f"the configuration names {target!r}, which is nothing that it can be made of")
        raise UserError(
            f"the configuration names {target!r}, which is outside maskless: "
            f"if you know its author, allow it with trust=[{module_name.split('.')[0] or target}]"
        )
    try:
        found = getattr(import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"the configuration names {target!r}, which cannot be imported ({error}): "
            "name the folder of an own module with --config-dir, or in PYTHONPATH"
        ) from error
    # A module of ours also holds what it imports: maskless.x.Popen must not be reachable.
    if not isinstance(found, type) or not _inside(found.__module__, allowed):
        raise UserError(f"the configuration names {target!r}, which is no class of {module_name}")
    return found


def _call(kind: type, arguments: Mapping[str, Any]) -> Any:
    known, takes_others = arguments_of(kind)
    for name, value in arguments.items():
        if name not in known and not takes_others:
            raise UserError(f"{kind.__name__} takes no {name!r}{did_you_mean(str(name), known)}")
        if reason := misfit(name, value, known.get(name, Any)):
            raise UserError(f"{kind.__name__}'s {name} {reason}")
    try:
        return kind(**arguments)
    except TypeError as error:
        if "argument" in str(error):  # one is missing
            raise UserError(f"{kind.__name__} cannot be built: {error}") from error
        raise


def _inside(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
