"""Counting what a source holds: images, patients, nuclei by class, sizes and scales."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from maskless.data.source import Source
from maskless.signals import Item, Sample, Signal

#: What nuclei are counted by, the best first.
_COUNTED = (Signal.INSTANCES, Signal.POINTS)


@dataclass
class Census:
    """What was found in the images of a part.

    `nuclei` counts instances or, where there are none, points; None if there is neither. `classes` counts
    those that have a class, by its name. `sizes` are (H, W) in px, `mpps` and `powers` the scales of the
    images (None: not known). `annotated_px` is how much of `all_px` the annotation is complete in.
    """

    images: int = 0
    patients: set[str] = field(default_factory=set)
    nuclei: int | None = None
    classes: Counter[str] = field(default_factory=Counter)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    mpps: set[float | None] = field(default_factory=set)
    powers: set[float | None] = field(default_factory=set)
    annotated_px: int = 0
    all_px: int = 0


def census(source: Source, items: Iterable[Item]) -> Census:
    """Read all of the items and count. Raises UserError for a file that cannot be read."""
    counted = next((signal for signal in _COUNTED if signal in source.offers), None)
    asked = {Signal.IMAGE, Signal.CLASSES, Signal.REGION, *((counted,) if counted else ())}
    found = Census(nuclei=None if counted is None else 0)
    for item in items:
        wanted = asked & source.offers_of(item)
        sample = source.read(item, wanted)
        found.images += 1
        found.patients.add(item.group)
        height, width = sample[Signal.IMAGE if Signal.IMAGE in wanted else Signal.INSTANCES].shape[:2]
        found.sizes.add((height, width))
        found.mpps.add(sample.mpp)
        found.powers.add(sample.power)
        found.all_px += height * width
        found.annotated_px += _annotated_px(
            sample, 0 if counted and counted not in wanted else height * width
        )
        found.classes.update(sample.signals.get(Signal.CLASSES, {}).values())
        if counted is not None and counted in wanted:
            found.nuclei = (found.nuclei or 0) + _nuclei(sample, counted)
    return found


def _nuclei(sample: Sample, counted: Signal) -> int:
    values = sample[counted]
    return len(values) if counted is Signal.POINTS else int(np.count_nonzero(np.unique(values)))


def _annotated_px(sample: Sample, all_px: int) -> int:
    region = sample.signals.get(Signal.REGION)
    return all_px if region is None else int(np.count_nonzero(region))
