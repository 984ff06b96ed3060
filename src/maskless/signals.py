"""The vocabulary: what a source can offer, what a method can need, and one item of either.

A source offers signals, a method needs them by role. Everything that decides whether the two fit is here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Signal(StrEnum):
    """What can be known about a field of tissue. Shapes are (rows, columns); points are (row, column)."""

    IMAGE = "image"  #: uint8 (H, W, 3), RGB
    INSTANCES = "instances"  #: int32 (H, W), one positive id a nucleus, 0 = background
    MASK = "mask"  #: uint8 (H, W), 1 = nucleus, 0 = background
    POINTS = "points"  #: float32 (N, 2), one (row, column) a nucleus, px
    CLASSES = "classes"  #: dict from id (or index of a point) to the name of its class
    REGION = "region"  #: uint8 (H, W), 1 = the annotation is complete here
    SCALES = "scales"  #: dict from objective power to an image of the same tissue
    LABELS = "labels"  #: uint8 (H, W) or (H, W, K) for K opinions: 0 = background, 1 = nucleus, 255 = ignore
    PROBABILITY = "probability"  #: float16 (H, W), an earlier stage's map, 0 to 1


class Role(StrEnum):
    """What a source is used for in a run."""

    MAIN = "main"  #: the source that is learnt from, and scored on
    PRIOR = "prior"  #: masks of any stain, unpaired with the main source
    TARGET = "target"  #: images in the stain to translate into


#: The value of `labels` where nothing is said.
IGNORE = 255

#: A signal that a reader need not store, because it follows from another one.
DERIVED_FROM: Mapping[Signal, Signal] = {Signal.MASK: Signal.INSTANCES, Signal.POINTS: Signal.INSTANCES}

#: A signal that a training can make of another one. A reader cannot: it knows nothing of the method's powers.
MADE_FROM: Mapping[Signal, Signal] = {Signal.SCALES: Signal.IMAGE}


def with_derived(offered: Collection[Signal]) -> frozenset[Signal]:
    """The offered signals and all that follow from them."""
    return frozenset(offered) | {s for s, source in DERIVED_FROM.items() if source in offered}


def fills(offered: Collection[Signal], signal: Signal) -> bool:
    """Whether a source that offers these signals has what a method needs as `signal`."""
    return signal in offered or MADE_FROM.get(signal) in offered


@dataclass(frozen=True, order=True)
class Need:
    """A method needs `signal` from the source in `role`."""

    signal: Signal
    role: Role = Role.MAIN


@dataclass(frozen=True)
class Item:
    """One image of a source, before anything of it is read.

    `id` is unique within its source and fit for a file name. `group` is the patient or slide: no group
    stands in two parts of a split of ours. `case` (a TCGA barcode, say) recognises the same tissue in
    another source. `category` is a kind of image that is also scored by itself (LYON19's 'clustered', say).
    """

    id: str
    group: str
    case: str | None = None
    category: str | None = None


@dataclass
class Sample:
    """What was read of one item: the asked-for signals, and its scale where that is known.

    `mpp` is the pixel spacing in µm/px, `power` the objective power (40 for 40x).
    """

    item: Item
    signals: dict[Signal, Any] = field(default_factory=dict)
    mpp: float | None = None
    power: float | None = None

    def __getitem__(self, signal: Signal) -> Any:
        return self.signals[signal]


class Annotation(StrEnum):
    """What a person has to draw before a method can learn, from the cheapest to the dearest."""

    NONE = "none"
    OTHER_STAIN = "masks of another stain"  #: unpaired, or inside somebody else's model
    POINTS = "points"  #: one click a nucleus
    MASKS = "full masks"  #: every nucleus' outline


def annotation_of(needs: Collection[Need]) -> Annotation:
    """The dearest annotation that the needs of a method ask for."""
    main = {need.signal for need in needs if need.role is Role.MAIN}
    if main & {Signal.INSTANCES, Signal.MASK}:
        return Annotation.MASKS
    if main & {Signal.POINTS, Signal.LABELS, Signal.CLASSES}:
        return Annotation.POINTS
    other = {need.signal for need in needs} & {Signal.INSTANCES, Signal.MASK}
    return Annotation.OTHER_STAIN if other else Annotation.NONE
