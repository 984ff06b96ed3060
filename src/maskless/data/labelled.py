"""What a labeller makes of an image that is annotated in part: nothing of or for what lies outside."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.data.label_cache import cached
from maskless.data.labeller import Labeller
from maskless.metrics.points import lies_in
from maskless.signals import IGNORE, Signal

#: Signals on the grid of the image that say nothing where they are 0.
_DRAWN = (Signal.INSTANCES, Signal.MASK, Signal.PROBABILITY)


def labelled(labeller: Labeller, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
    """The target that `labeller` makes of `signals`, from a cache if it was made before.

    With a `region`, uint8 (H, W), the labeller is shown it, and neither points outside nor pixels of what was
    drawn there; and its labels are IGNORE there, its instances 0. Pixels of the image stay as they are.
    """
    region = signals.get(Signal.REGION)
    if region is None:
        return cached(labeller, signals)
    outside = region == 0
    made = cached(labeller, {signal: _within(signal, value, region) for signal, value in signals.items()})
    for signal, target in made.items():
        target[outside] = IGNORE if signal is Signal.LABELS else 0
    return made


def _within(signal: Signal, value: Any, region: NDArray[np.uint8]) -> Any:
    """A signal without what lies outside."""
    if signal is Signal.POINTS:
        return value[lies_in(region, np.asarray(value, np.float64).reshape(-1, 2))]
    return np.where(region > 0, value, value.dtype.type(0)) if signal in _DRAWN else value
