"""All scores of one image, by metric and definition, from one overlap table."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from numpy.typing import ArrayLike

from maskless.metrics.aji import aji_of
from maskless.metrics.object_dice import object_dice_of
from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.pixel import pixel_scores_of

#: Whether a higher value of a metric is better: for checkpoints, and for bold figures in tables.
HIGHER_IS_BETTER: dict[str, bool] = {
    "dice": True,
    "iou": True,
    "f1": True,
    "precision": True,
    "recall": True,
    "accuracy": True,
    "balanced_accuracy": True,
    "aji": True,
    "object_dice": True,
}

#: The object metrics that an overlap table suffices for, by (metric, definition).
_OF_OBJECTS: Mapping[tuple[str, str], Callable[[Overlap], float]] = {
    ("aji", "kumar"): aji_of,
    ("object_dice", "sirinukunwattana"): object_dice_of,
}


def scores(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> dict[tuple[str, str], float]:
    """Every metric of one image, keyed by (metric, definition): ('aji', 'kumar'), ('dice', 'foreground'), ...

    `true`, `pred` and `region` are label maps and a region as in `overlap`. The values are those of
    `pixel_scores` (definition 'foreground'), `aji` and `object_dice`; nan where one is undefined.
    """
    table = overlap(true, pred, region)
    pixels = {(name, "foreground"): value for name, value in asdict(pixel_scores_of(table)).items()}
    return pixels | {key: metric(table) for key, metric in _OF_OBJECTS.items()}
