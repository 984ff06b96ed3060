"""What a method learns from, made of what a source offers: pseudo-labels of points, say."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from maskless.signals import Signal


@runtime_checkable
class Labeller(Protocol):
    """Makes the target of one whole training image, once, before crops are cut from it.

    A frozen dataclass of plain values, so that its `repr` says all that its result depends on beside what it
    is given: results are kept by it.
    """

    @property
    def needs(self) -> frozenset[Signal]:
        """What it is given."""
        ...

    @property
    def makes(self) -> frozenset[Signal]:
        """What it gives: `labels`, uint8 (H, W, K), K opinions of 0, 1 and 255 for ignore; or `instances`."""
        ...

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        """The target of an image, by signal. Beside what it needs it is given the `region`, if any."""
        ...
