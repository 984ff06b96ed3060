"""Signals that follow from others, so that a reader only reads what its files hold."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.signals import DERIVED_FROM, Sample, Signal


def mask(instances: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Nucleus (1) or not (0), uint8 (H, W), from instances, int32 (H, W)."""
    return (instances > 0).astype(np.uint8)


def points(instances: NDArray[np.int32]) -> NDArray[np.float32]:
    """One (row, column) in px for each id, float32 (N, 2), in ascending order of the ids.

    The centre of the id's bounding box, floor((min + max) / 2), as in the point labels of Qu et al. (2019)
    and Liu et al. (2022). An id in two pieces gives one point, which may lie in neither.
    """
    rows, columns = np.nonzero(instances)
    if not rows.size:
        return np.zeros((0, 2), np.float32)
    ids = instances[rows, columns]
    # A stable sort by id leaves each id's rows ascending: its first is the smallest, its last the largest.
    order = np.argsort(ids, kind="stable")
    rows, columns, ids = rows[order], columns[order], ids[order]
    first = np.flatnonzero(np.diff(ids, prepend=0))
    last = np.append(first[1:], ids.size) - 1
    left, right = np.minimum.reduceat(columns, first), np.maximum.reduceat(columns, first)
    return np.stack([(rows[first] + rows[last]) // 2, (left + right) // 2], axis=1).astype(np.float32)


#: Signals of the image's own size, which that of a region follows from. Points alone do not tell it.
_SIZED = (Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.LABELS, Signal.PROBABILITY)
_MAKERS: Mapping[Signal, Callable[[Any], Any]] = {Signal.MASK: mask, Signal.POINTS: points}


def to_read(wanted: Collection[Signal], stored: Collection[Signal]) -> frozenset[Signal]:
    """Which of the `stored` signals have to be read so that `complete` can give the `wanted` ones."""
    needed = {s if s in stored else DERIVED_FROM.get(s, s) for s in wanted} & set(stored)
    if Signal.REGION in wanted and not needed & {Signal.REGION, *_SIZED}:
        needed.add(Signal.IMAGE)  # only for its size
    return frozenset(needed)


def complete(sample: Sample, wanted: Collection[Signal]) -> Sample:
    """The sample with exactly the wanted signals: those read, those derived, and the region.

    A region that is absent is everywhere: uint8 (H, W) of ones. What is not wanted is left out, so that
    instances read only to make points go no further. Raises UserError for a signal that neither was read nor
    follows from one that was.
    """
    signals: dict[Signal, Any] = {}
    for signal in Signal:
        if signal not in wanted:
            continue
        if signal in sample.signals:
            signals[signal] = sample[signal]
        elif signal in _MAKERS and DERIVED_FROM[signal] in sample.signals:
            signals[signal] = _MAKERS[signal](sample[DERIVED_FROM[signal]])
        elif signal is Signal.REGION:
            signals[signal] = np.ones(_size(sample), np.uint8)
        else:
            raise UserError(f"{sample.item.id} has no {signal}, nor anything that it follows from")
    return Sample(sample.item, signals, mpp=sample.mpp, power=sample.power)


def _size(sample: Sample) -> tuple[int, int]:
    """(H, W) of the sample, from whichever of its signals has it."""
    for signal in _SIZED:
        if signal in sample.signals:
            height, width = sample[signal].shape[:2]
            return height, width
    raise UserError(f"{sample.item.id} has no image, so the size of its region is unknown")
