"""A chain: named pure functions with named inputs and outputs, from dense maps to instances."""

import hashlib
from collections.abc import Callable, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.arguments import misfit
from maskless.errors import UserError, did_you_mean, first_three
from maskless.postprocess.signature import signature
from maskless.postprocess.steps import STEPS

#: The result that a chain must have, and gives back.
RESULT = "instances"


@dataclass(frozen=True)
class _Call:
    """One step, bound: `inputs` maps the function's array parameters to names of maps or results."""

    output: str
    function: Callable[..., NDArray]
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]

    def __call__(self, known: Mapping[str, NDArray]) -> NDArray:
        arrays = {parameter: known[name] for parameter, name in self.inputs.items()}
        return self.function(**arrays, **self.parameters)

    def key(self, made_of: Mapping[str, str]) -> str:
        """What tells its result from all others of the same maps, given the keys of its inputs."""
        inputs = sorted((parameter, made_of[name]) for parameter, name in self.inputs.items())
        made = repr((self.function.__name__, inputs, sorted(self.parameters.items())))
        return hashlib.sha256(made.encode()).hexdigest()


class Chain:
    """Post-processing, from the maps of a Segmenter to its instances.

    `steps` maps the name of each result to what makes it, and runs in its order::

        mask: {step: binarise, of: foreground, above: 0.5}
        depth: {step: distance, of: mask}
        relief: {step: negative, of: depth}
        markers: {step: local_maxima, of: depth, mask: mask, radius_px: 12}
        instances: {step: watershed, of: relief, markers: markers, mask: mask}

    `step` names a function in `STEPS`, `of` its first array; its further arrays and its parameters go by
    their own names. An array is an earlier result or, failing that, a map. Raises UserError that
    counts everything that is wrong and names the first three.
    """

    def __init__(self, steps: Mapping[str, Mapping[str, Any]]) -> None:
        problems: list[str] = []
        self._spec = deepcopy({name: _plain(step) for name, step in steps.items()})
        self._calls = [_bind(name, step, problems) for name, step in self._spec.items()]
        self.needs: frozenset[str] = _maps_needed(self._calls, problems)
        if RESULT not in self._spec:
            problems.append(f"no step gives '{RESULT}'{did_you_mean(RESULT, self._spec)}")
        if problems:
            raise UserError(f"the post-processing chain does not fit together: {first_three(problems)}")

    @property
    def spec(self) -> dict[str, dict[str, Any]]:
        """The plain mapping that makes this chain again."""
        return deepcopy(self._spec)

    def __call__(
        self, maps: Mapping[str, NDArray], kept: MutableMapping[str, NDArray] | None = None
    ) -> NDArray[np.int32]:
        """The instances, int32 (H, W), 0 = background, of `maps`, each (H, W); `kept` as in `results`.

        Raises UserError if a map in `needs` is not given, or if `instances` are no labels.
        """
        instances = self._last(maps) if kept is None else self.results(maps, kept)[RESULT]
        if not np.issubdtype(instances.dtype, np.integer):
            raise UserError(
                f"the post-processing chain's step '{RESULT}' gives {instances.dtype} instead of "
                "one number a nucleus: make it by a step such as label or watershed"
            )
        return instances.astype(np.int32, copy=False)

    def results(
        self, maps: Mapping[str, NDArray], kept: MutableMapping[str, NDArray] | None = None
    ) -> dict[str, NDArray]:
        """The result of every step by name, in order: `instances`, and what led to it.

        What is in `kept` is not computed again, and what is computed is kept there, by what it was made of:
        for other chains on the same maps. What was used longest ago comes first in it, and of one chain the
        last step, which the fewest others share.
        """
        kept = {} if kept is None else kept
        known = self._needed(maps)
        made_of = {name: name for name in self.needs}
        results = {}
        for call in self._calls:
            key = made_of[call.output] = call.key(made_of)
            result = kept.pop(key) if key in kept else call(known)
            known[call.output] = results[call.output] = result
        for name in reversed(results):
            kept[made_of[name]] = results[name]
        return results

    def _last(self, maps: Mapping[str, NDArray]) -> NDArray:
        """`instances` alone. A result is let go after its last use: of a large image, each is large."""
        known = self._needed(maps)
        for k, call in enumerate(self._calls, start=1):
            known[call.output] = call(known)
            later = {RESULT, *(name for after in self._calls[k:] for name in after.inputs.values())}
            known = {name: array for name, array in known.items() if name in later}
        return known[RESULT]

    def _needed(self, maps: Mapping[str, NDArray]) -> dict[str, NDArray]:
        for name in sorted(self.needs - maps.keys()):
            raise UserError(f"the post-processing chain needs a map '{name}'{did_you_mean(name, maps)}")
        return {name: maps[name] for name in self.needs}


def _plain(step: Any) -> Any:
    return dict(step) if isinstance(step, Mapping) else step


def _bind(output: str, step: Any, problems: list[str]) -> _Call:
    """Bind one step to its function; what is wrong with it goes to `problems`."""

    def wrong(sentence: str) -> None:
        problems.append(f"'{output}' {sentence}")

    unusable = _Call(output, STEPS["label"], {}, {})
    if not isinstance(step, dict) or "step" not in step:
        wrong("must name its step, as in {step: binarise, of: foreground, above: 0.5}")
        return unusable
    named = str(step["step"])
    if named not in STEPS:
        wrong(f"names the unknown step {named!r}{did_you_mean(named, STEPS)}")
        return unusable

    function = STEPS[named]
    takes = signature(function)
    inputs: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    # Its first array goes by `of` alone: its own name would be a second spelling of the same thing.
    array_of = {"of": takes.arrays[0], **{name: name for name in takes.arrays[1:]}}
    for key, value in step.items():
        if key == "step":
            continue
        if key in array_of and isinstance(value, str):
            inputs[array_of[key]] = value
        elif key in array_of:
            wrong(f"takes as {key} the name of a map or an earlier result, not {value!r}")
        elif key not in takes.parameters:
            known = (*array_of, *takes.parameters)
            wrong(f"gives {named} an unknown {key!r}{did_you_mean(str(key), known)}")
        elif reason := misfit(key, value, takes.parameters[key]):
            wrong(f"has {key}, which {reason}")
        else:
            parameters[key] = value
    for key, name in {**array_of, **{name: name for name in takes.parameters}}.items():
        if name in takes.required and key not in step:
            wrong(f"lacks {key!r}, which {named} needs")
    return _Call(output, function, inputs, parameters)


def _maps_needed(calls: list[_Call], problems: list[str]) -> frozenset[str]:
    """Inputs that no step gives. One that only this step or a later one gives is a problem."""
    outputs = {call.output for call in calls}
    earlier: set[str] = set()
    needs: set[str] = set()
    for call in calls:
        unknown = set(call.inputs.values()) - earlier
        problems.extend(
            f"'{call.output}' takes '{name}', which is not made before it"
            for name in sorted(unknown & outputs)
        )
        needs |= unknown - outputs
        earlier.add(call.output)
    return frozenset(needs)
