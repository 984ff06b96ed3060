"""One scale for all that a method learns from: images of another known spacing are resampled to it."""

from collections import Counter
from typing import Any

import numpy as np

from maskless.data.source import Source
from maskless.resizing import resized, resized_labels
from maskless.signals import Sample, Signal
from maskless.spacing import same_spacing


def training_spacing(source: Source) -> float | None:
    """The pixel spacing to train at, in µm/px: the source's own, else that of most of its training images.

    None if the spacing of any of them is unknown. Of equally frequent ones it is the finest.
    """
    if source.mpp is not None:
        return source.mpp
    found = [source.read(item, ()).mpp for item in source.items("train")]
    known = [mpp for mpp in found if mpp is not None]
    if not known or len(known) < len(found):
        return None
    counted = Counter(known)
    return min(counted, key=lambda mpp: (-counted[mpp], mpp))


def at_spacing(sample: Sample, mpp: float | None) -> Sample:
    """The sample at `mpp` µm/px: the image interpolated, and ids as `resizing` has them.

    The sample itself where either spacing is unknown, or both are the same within 1 %.
    """
    if mpp is None or sample.mpp is None or same_spacing(sample.mpp, mpp):
        return sample
    ratio = sample.mpp / mpp
    resampled = {signal: _at(signal, value, ratio) for signal, value in sample.signals.items()}
    return Sample(sample.item, resampled, mpp=mpp, power=sample.power)


def _at(signal: Signal, value: Any, ratio: float) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if signal is Signal.POINTS:  # of pixel centres, which lie at half numbers of what is stretched
        return ((value + 0.5) * ratio - 0.5).astype(np.float32)
    height, width = (max(1, round(side * ratio)) for side in value.shape[:2])
    if signal is Signal.PROBABILITY:
        return resized(value.astype(np.float32), (height, width))
    return (resized if signal is Signal.IMAGE else resized_labels)(value, (height, width))
