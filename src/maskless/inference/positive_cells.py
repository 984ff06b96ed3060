"""Positive cells found, beside the true ones: a detection, whatever becomes of the others."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.classify import POSITIVE
from maskless.errors import UserError
from maskless.metrics import match_points
from maskless.metrics.counts import Key, positive_within
from maskless.metrics.point_scores import scores_and_counts
from maskless.metrics.region import centroids
from maskless.signals import Sample, Signal


def positive_scores(
    sample: Sample, instances: NDArray[Any], classes: Mapping[int, str], hit_um: float
) -> dict[Key, float]:
    """Precision, recall and F1 of positive cells, and their counts, by (metric, 'positive_within_3um').

    `instances` (H, W) is what was found, 0 = background, and `classes` the class of each of its ids; the
    truth is in `sample`, as instances or points, with classes. Positive nuclei of both sides match one-to-one
    if their centroids (or the point) are at most `hit_um` µm apart; the others are not looked at, so that a
    truth of positive cells alone is enough. With a region, what lies outside counts on neither side. Empty
    sides are as in `match_points`. Without a known µm/px there is nothing to say: an empty dict.
    """
    if sample.mpp is None:
        return {}
    found = match_points(
        _true_centres(sample),
        _positive(*centroids(instances), classes),
        hit_um,
        mpp=sample.mpp,
        region=sample.signals.get(Signal.REGION),
    )
    return scores_and_counts(found, positive_within(hit_um))


def refuse_hit(hit_um: float) -> None:
    """Raise UserError for what is no distance."""
    if not (isfinite(hit_um) and hit_um > 0):
        raise UserError(f"hit_um={hit_um:g} is no distance in µm: a nucleus has a radius of about 3")


def _true_centres(sample: Sample) -> NDArray[np.float64]:
    classes = sample[Signal.CLASSES]
    if Signal.INSTANCES in sample.signals:
        return _positive(*centroids(sample[Signal.INSTANCES]), classes)
    points = np.asarray(sample[Signal.POINTS], np.float64).reshape(-1, 2)
    return _positive(np.arange(len(points)), points, classes)


def _positive(
    keys: NDArray[Any], centres: NDArray[np.float64], classes: Mapping[int, str]
) -> NDArray[np.float64]:
    """The (row, column) of the positive ones, (N, 2), px."""
    return centres[np.array([classes.get(key) == POSITIVE for key in keys.tolist()], dtype=bool)]
