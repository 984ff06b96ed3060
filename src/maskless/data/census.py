"""Counting what a source holds: images, patients, nuclei by class, sizes and scales."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from maskless.data.source import Source
from maskless.metrics.points import lies_in
from maskless.metrics.region import centroids
from maskless.signals import Item, Sample, Signal

#: What nuclei are counted by, the best first.
_COUNTED = (Signal.INSTANCES, Signal.POINTS)


@dataclass
class Census:
    """What was found in the images of a part.

    `nuclei` counts instances or, where there are none, points, of those that are learnt and scored; None if
    there is neither. `outside` are the others, outside of the regions in which the annotation is complete.
    `classes` counts those of `nuclei` that have a class, by its name. `sizes` are (H, W) in px, `mpps` and
    `powers` the scales of the images (None: not known). `annotated_px` is how much of `all_px` the annotation
    is complete in.
    """

    images: int = 0
    patients: set[str] = field(default_factory=set)
    nuclei: int | None = None
    outside: int = 0
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
        nuclei = count(sample)
        if nuclei is not None:
            found.nuclei = (found.nuclei or 0) + nuclei.inside
            found.outside += nuclei.outside
            found.classes.update(nuclei.classes)
    return found


@dataclass(frozen=True)
class Nuclei:
    """How many nuclei of an image are learnt and scored, by class too, and how many lie outside its region.

    A class of which all lie outside is there with 0.
    """

    inside: int
    outside: int
    classes: Counter[str]


def count(sample: Sample) -> Nuclei | None:
    """The instances of a sample, else its points; None if it has neither.

    With a region those are inside that metrics take: a nucleus by its centroid, a point by its pixel.
    """
    counted = next((signal for signal in _COUNTED if signal in sample.signals), None)
    if counted is None:
        return None
    if counted is Signal.INSTANCES:
        keys, places = centroids(sample[counted])
    else:
        places = np.asarray(sample[counted], np.float64).reshape(-1, 2)
        keys = np.arange(len(places))
    region = sample.signals.get(Signal.REGION)
    inside = keys if region is None else keys[lies_in(region, places)]
    classes = sample.signals.get(Signal.CLASSES, {})
    by_class = Counter(dict.fromkeys(classes.values(), 0))
    by_class.update(classes[key] for key in inside.tolist() if key in classes)
    return Nuclei(len(inside), len(keys) - len(inside), by_class)


def _annotated_px(sample: Sample, all_px: int) -> int:
    region = sample.signals.get(Signal.REGION)
    return all_px if region is None else int(np.count_nonzero(region))
