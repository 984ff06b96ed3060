"""One scale for all that a method learns from: images of another known spacing are resampled to it."""

from collections import Counter
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.source import Source
from maskless.signals import Sample, Signal

#: Spacings that differ by less than this, relative to each other, are the same one, measured twice.
_SAME: Final = 0.01


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
    """The sample at `mpp` µm/px: the image interpolated, by area where it shrinks; ids by nearest pixel.

    The sample itself where either spacing is unknown, or both are the same within 1 %.
    """
    if mpp is None or sample.mpp is None or abs(sample.mpp / mpp - 1) <= _SAME:
        return sample
    ratio = sample.mpp / mpp
    resampled = {
        signal: _resized(value, ratio, smooth=signal is Signal.IMAGE)
        if isinstance(value, np.ndarray) and signal is not Signal.POINTS
        else value
        for signal, value in sample.signals.items()
    }
    if Signal.POINTS in resampled:
        # Pixel centres lie at half numbers of the image's own unit, which is what is stretched.
        resampled[Signal.POINTS] = ((sample[Signal.POINTS] + 0.5) * ratio - 0.5).astype(np.float32)
    return Sample(sample.item, resampled, mpp=mpp, power=sample.power)


def _resized(values: NDArray, ratio: float, smooth: bool) -> NDArray:
    height, width = (max(1, round(side * ratio)) for side in values.shape[:2])
    if smooth:
        how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(values, (width, height), interpolation=how))
    rows, columns = (
        ((2 * np.arange(new) + 1) * old // (2 * new))
        for new, old in zip((height, width), values.shape, strict=True)
    )
    return np.ascontiguousarray(values[rows[:, None], columns])
