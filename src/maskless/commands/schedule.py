"""What is set for all stages of a method at once, laid over each of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any


def scheduled(method: Any, schedule: Mapping[str, Any], words: Sequence[str] = ()) -> Any:
    """The description of a method with what `schedule` sets, in every stage that has such a key.

    What one of the `words` of the command line sets by its own name, `method.epochs=3`, stays: a preset may
    fill the schedule, but it does not overrule a person.
    """
    return _laid(method, schedule, {word.partition("=")[0].lstrip("+") for word in words}, "method")


def _laid(spec: Any, schedule: Mapping[str, Any], said: Collection[str], name: str) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    inner = {key: _laid(value, schedule, said, f"{name}.{key}") for key, value in spec.items()}
    over = {key: value for key, value in schedule.items() if value is not None and key in inner}
    return {**inner, **{key: value for key, value in over.items() if f"{name}.{key}" not in said}}
