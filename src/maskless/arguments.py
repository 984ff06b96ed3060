"""What a class takes, and whether a plain value fits: the checks behind every configured value."""

import inspect
import math
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    types.NoneType: "null",
    Mapping: "a mapping, as in {a: 1, b: 2}",
    Sequence: "a list, as in [a, b]",
}
#: Collections in plain values are mappings or lists, whatever the annotation calls them.
_PLAIN = {dict: Mapping, list: Sequence, tuple: Sequence}


#: The longest radius and sigma of a step; a disk of more would not fit into memory.
LONGEST_PX = 1000


def misfit(name: str, value: Any, annotation: Any) -> str:
    """Why `value` cannot be the argument `name`, as 'must be ..., not ...', or '' if it can.

    Numbers in pixels are lengths and areas: they cannot be negative. Of an annotation that plain values do
    not have (a class of ours, say) nothing is asked.
    """
    options = _options(annotation)
    shown = "null" if value is None else repr(value)
    if not any(_is_a(value, option) for option in options):
        return f"must be {' or '.join(filter(None, map(_in_words, options)))}, not {shown}"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and (not math.isfinite(value) or (name.endswith("_px") and value < 0)):
        return f"must be {'0 or more' if name.endswith('_px') else 'finite'}, not {shown}"
    if is_number and name in ("radius_px", "sigma_px") and value > LONGEST_PX:
        return f"must be {LONGEST_PX} or less, not {shown}"
    return ""


def arguments_of(kind: type) -> tuple[dict[str, Any], bool]:
    """The arguments of a class: their annotations by name, and whether it takes others too.

    A constructor that hands on **keywords takes what those of its bases take.
    """
    found: dict[str, Any] = {}
    takes_others = False
    for constructor in (vars(base)["__init__"] for base in kind.__mro__[:-1] if "__init__" in vars(base)):
        arguments = list(inspect.signature(constructor).parameters.values())[1:]
        hints = _hints(constructor)
        named = [a for a in arguments if a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)]
        found = {a.name: hints.get(a.name, Any) for a in named} | found
        takes_others = any(a.kind is a.VAR_KEYWORD for a in arguments)
        if not takes_others:
            break
    return found, takes_others


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # imported for type checkers alone
        return {}


def _options(annotation: Any) -> tuple[Any, ...]:
    """int | None -> (int, None); Literal[4, 8] -> (Literal[4], Literal[8]); list[int] -> (Sequence,)."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(o for part in get_args(annotation) for o in _options(part))
    if get_origin(annotation) is Literal:
        return tuple(Literal[value] for value in get_args(annotation))
    kind = get_origin(annotation) or annotation
    return (_PLAIN.get(kind, kind),)


def _is_a(value: Any, option: Any) -> bool:
    if get_origin(option) is Literal:
        (literal,) = get_args(option)
        return type(value) is type(literal) and value == literal
    if option is float:
        return type(value) in (int, float)
    if option is Sequence:
        return isinstance(value, (list, tuple))
    if option is Mapping:
        return isinstance(value, Mapping)
    if option in _WORDS:
        return type(value) is option
    return option is not Path or isinstance(value, (str, Path))


def _in_words(option: Any) -> str:
    if get_origin(option) is Literal:
        return repr(get_args(option)[0])
    return _WORDS.get(option, "")
