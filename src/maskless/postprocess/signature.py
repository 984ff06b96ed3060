"""What a step takes, read from its signature, and whether a configured value fits."""

import inspect
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    types.NoneType: "null",
}


@dataclass(frozen=True)
class Signature:
    """Names of a step's arrays and parameters; `required` are those of both without a default."""

    arrays: tuple[str, ...]
    parameters: dict[str, Any]
    required: frozenset[str]


@cache
def signature(step: Callable[..., Any]) -> Signature:
    """Positional parameters are arrays, keyword-only ones are parameters with their annotation."""
    hints = get_type_hints(step)
    declared = inspect.signature(step).parameters.values()
    return Signature(
        arrays=tuple(p.name for p in declared if p.kind is not p.KEYWORD_ONLY),
        parameters={p.name: hints[p.name] for p in declared if p.kind is p.KEYWORD_ONLY},
        required=frozenset(p.name for p in declared if p.default is p.empty),
    )


def misfit(name: str, value: Any, annotation: Any) -> str:
    """Why `value` cannot be the parameter `name`, as 'must be ..., not ...', or '' if it can.

    Numbers in pixels are lengths and areas: they cannot be negative.
    """
    if not any(_is_a(value, option) for option in _options(annotation)):
        return f"must be {' or '.join(map(_in_words, _options(annotation)))}, not {value!r}"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and (not math.isfinite(value) or (name.endswith("_px") and value < 0)):
        return f"must be {'0 or more' if name.endswith('_px') else 'finite'}, not {value!r}"
    return ""


def _options(annotation: Any) -> tuple[Any, ...]:
    """int | None -> (int, None); Literal[4, 8] -> (Literal[4], Literal[8])."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(o for part in get_args(annotation) for o in _options(part))
    if get_origin(annotation) is Literal:
        return tuple(Literal[value] for value in get_args(annotation))
    return (annotation,)


def _is_a(value: Any, option: Any) -> bool:
    if get_origin(option) is Literal:
        (literal,) = get_args(option)
        return type(value) is type(literal) and value == literal
    if option is float:
        return type(value) in (int, float)
    return type(value) is option


def _in_words(option: Any) -> str:
    if get_origin(option) is Literal:
        return repr(get_args(option)[0])
    return _WORDS[option]
