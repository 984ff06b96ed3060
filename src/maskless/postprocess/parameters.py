"""The parameters of a chain by name, 'markers.radius_px', say: read, changed, and values worth trying."""

from collections.abc import Mapping
from typing import Any, Literal, get_origin

from maskless.errors import UserError, did_you_mean
from maskless.postprocess.chain import Chain
from maskless.postprocess.signature import signature
from maskless.postprocess.steps import STEPS

#: What is tried around the present value of a number: these parts of it.
PARTS = (0.5, 0.75, 1.5, 2.0)
#: What is tried around the present value of a threshold on probabilities: these much below and above it.
SHIFTS = (-0.2, -0.1, 0.1, 0.2)
#: What thresholds on maps are called. One between 0 and 1 is taken for a threshold on probabilities.
THRESHOLDS = frozenset({"above", "low", "high"})


def parameters_of(chain: Chain) -> dict[str, Any]:
    """Every parameter of every step as RESULT.PARAMETER, with its value: the step's default if unset."""
    found = {}
    for result, step in chain.spec.items():
        takes = signature(STEPS[step["step"]])
        for name in takes.parameters:
            found[f"{result}.{name}"] = step.get(name, takes.defaults.get(name))
    return found


def changed(chain: Chain, values: Mapping[str, Any]) -> Chain:
    """The chain with other `values` of parameters, by RESULT.PARAMETER.

    Raises UserError for a parameter that the chain does not have, and for a value that it cannot take.
    """
    spec = chain.spec
    known = parameters_of(chain)
    for name, value in values.items():
        if name not in known:
            raise UserError(
                f"the post-processing chain has no parameter {name!r}{did_you_mean(str(name), known)}"
            )
        result, _, parameter = name.rpartition(".")
        spec[result][parameter] = value
    return Chain(spec)


def space_around(chain: Chain) -> dict[str, list[Any]]:
    """For each number that the chain sets, values to try, its present one among them, in rising order.

    A threshold between 0 and 1 moves by 0.1 and 0.2 either way and stays between them; any other number is
    tried at half, three quarters, one and a half times and twice its value, whole numbers rounded to whole
    numbers; a 0 is tried at 0, 1 and 2. Choices among kinds (`neighbours`) stay as they are.
    """
    space = {}
    for result, step in chain.spec.items():
        takes = signature(STEPS[step["step"]])
        for name, annotation in takes.parameters.items():
            value: Any = step.get(name)
            if type(value) in (int, float) and get_origin(annotation) is not Literal:
                whole = annotation is not float and type(value) is int
                space[f"{result}.{name}"] = _around(value, whole, name in THRESHOLDS and 0 < value < 1)
    return space


def _around(value: float, whole: bool, probability: bool) -> list[Any]:
    if probability:
        tried = [shifted for shift in SHIFTS if 0 < (shifted := value + shift) < 1]
    else:
        tried = [value * part for part in PARTS] if value else [1, 2]
    # Six digits, so that 0.5 less 0.1 is 0.4 in the files, and the present value as it is.
    return sorted({value, *(round(one) if whole else float(f"{one:.6g}") for one in tried)})
