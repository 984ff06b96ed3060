"""Objects from plain values: a mapping with a `_target_` becomes a call of what the target names.

This is the only way a configuration becomes objects, whether it was composed just now or stored in a run
that came from somebody else. A target is followed into `maskless` and into the modules that the user lists
as trusted, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from maskless.errors import UserError

TARGET = "_target_"


def build(spec: Any, trust: Sequence[str] = (), **arguments: Any) -> Any:
    """Build `spec` recursively; `arguments` are added to the outermost call.

    Mappings without a `_target_`, lists and plain values are returned as they are, with what is inside
    them built. Raises UserError for a target outside `maskless` and `trust`, one that does not exist, and
    arguments that it does not take.
    """
    if isinstance(spec, Mapping):
        built = {key: build(value, trust) for key, value in spec.items() if key != TARGET}
        if TARGET not in spec:
            return built
        target = resolve(spec[TARGET], trust)
        try:
            return target(**built, **arguments)
        except TypeError as error:
            if "argument" in str(error):
                raise UserError(f"{spec[TARGET]} cannot be built: {error}") from error
            raise
    if isinstance(spec, (list, tuple)):
        return [build(value, trust) for value in spec]
    return spec


def resolve(target: str, trust: Sequence[str] = ()) -> Any:
    """The class or function that a dotted path names."""
    allowed = ("maskless", *trust)
    module_name, _, name = str(target).rpartition(".")
    if not _inside(module_name, allowed):
        raise UserError(
            f"the configuration names {target!r}, which is outside maskless: "
            f"if you know its author, allow it with trust=[{module_name.split('.')[0] or target}]"
        )
    try:
        found = getattr(import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"the configuration names {target!r}, which cannot be imported: {error}") from error
    # A module of ours also holds what it imports: maskless.x.os.system must not be reachable.
    if not callable(found) or not _inside(getattr(found, "__module__", None) or "", allowed):
        raise UserError(f"the configuration names {target!r}, which is no class or function of {module_name}")
    return found


def _inside(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
