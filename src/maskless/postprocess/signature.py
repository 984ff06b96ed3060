"""What a step takes, read from its signature."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Signature:
    """Names of a step's arrays and parameters; `required` are those of both without a default.

    `parameters` has their annotations by name, `defaults` their default values.
    """

    arrays: tuple[str, ...]
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    required: frozenset[str]


@cache
def signature(step: Callable[..., Any]) -> Signature:
    """Positional parameters are arrays, keyword-only ones are parameters with their annotation."""
    hints = get_type_hints(step)
    declared = inspect.signature(step).parameters.values()
    return Signature(
        arrays=tuple(p.name for p in declared if p.kind is not p.KEYWORD_ONLY),
        parameters={p.name: hints[p.name] for p in declared if p.kind is p.KEYWORD_ONLY},
        defaults={
            p.name: p.default for p in declared if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
        },
        required=frozenset(p.name for p in declared if p.default is p.empty),
    )
