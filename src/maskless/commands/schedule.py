"""What is set for all stages of a method at once, laid over each of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from maskless.commands.words import key_of

COLOUR = "colour"
#: What every stage has, and nothing else in the description of a method.
CHAIN = "chain"


def scheduled(method: Any, schedule: Mapping[str, Any], words: Sequence[str] = ()) -> Any:
    """The description of a method with what `schedule` sets, in every stage that has such a key.

    What one of the `words` of the command line sets by its own name, `method.epochs=3`, stays: a preset may
    fill the schedule, but it does not overrule a person. The method's `colour` holds for every stage inside
    it that has no such key; one that is given as a run, which is no description yet, stays as it was trained.
    """
    said = {key_of(word) for word in words}
    return _laid(method, schedule, said, "method", colour=None)


def _laid(spec: Any, schedule: Mapping[str, Any], said: Collection[str], name: str, colour: Any) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    is_stage = CHAIN in spec
    colour = spec.get(COLOUR, colour) if is_stage else colour
    inner = {key: _laid(value, schedule, said, f"{name}.{key}", colour) for key, value in spec.items()}
    if is_stage:
        inner.pop(COLOUR, None)  # that of conf/colour/none.yaml is empty: as where none is named
        inner.update({COLOUR: colour} if colour else {})
    over = {key: value for key, value in schedule.items() if value is not None and key in inner}
    return {**inner, **{key: value for key, value in over.items() if f"{name}.{key}" not in said}}
