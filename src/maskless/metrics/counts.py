"""What ratios are made of, kept beside them: sums over images give the scores of all nuclei as one image."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskless.metrics.aji import PAIRS, aggregate
from maskless.metrics.matching import THRESHOLDS, matched_objects, object_ratios
from maskless.metrics.overlap import Overlap
from maskless.metrics.panoptic import matched, panoptic_ratios
from maskless.metrics.pixel import PixelCounts, pixel_counts, pixel_ratios
from maskless.metrics.points import HIT_UM
from maskless.metrics.ratio import Ratio, ratio

Key = tuple[str, str]  #: (metric, definition)

FOREGROUND = "foreground"  #: nucleus or not, pixel by pixel
INSTANCES = "instances"  #: nuclei, whatever matches them
PANOPTIC = "iou>0.50"
WITHIN = f"within_{HIT_UM:g}um"  #: a nucleus and a point match by the distance of its centroid
#: What the definitions of `positive_within` begin with.
POSITIVE_WITHIN = "positive_within_"

#: What there is to count where the truth is points.
POINT_COUNTS = ("true_points", "pred_points", "matched_points")
#: The metrics that count, and so are no scores: neither is better higher or lower.
COUNTS: frozenset[str] = frozenset(
    {
        *PixelCounts._fields,
        *("true_objects", "pred_objects", "matched_objects", "matched_iou"),
        *("aji_intersection_px", "aji_union_px"),
        *POINT_COUNTS,
    }
)


def at_iou(threshold: float) -> str:
    """The definition of a match at an IoU of 0.55 or more: 'iou>=0.55'."""
    return f"iou>={threshold:.2f}"


def positive_within(hit_um: float) -> str:
    """The definition of a match among positive cells alone, by their distance: 'positive_within_3um'."""
    return f"{POSITIVE_WITHIN}{hit_um:g}um"


def counts_of(table: Overlap) -> dict[Key, float]:
    """The counts of two label maps: whole numbers, but for 'matched_iou', a sum of IoU. Names: COUNTS."""
    counts: dict[Key, float] = {
        (name, FOREGROUND): value for name, value in pixel_counts(table)._asdict().items()
    }
    counts["true_objects", INSTANCES] = len(table.true_ids)
    counts["pred_objects", INSTANCES] = len(table.pred_ids)
    for threshold, objects in zip(THRESHOLDS, matched_objects(table).tolist(), strict=True):
        counts["matched_objects", at_iou(threshold)] = objects
    counts["matched_objects", PANOPTIC], counts["matched_iou", PANOPTIC] = matched(table)
    for definition in PAIRS:
        aggregated = aggregate(table, definition)
        counts["aji_intersection_px", definition] = aggregated.intersection_px
        counts["aji_union_px", definition] = aggregated.union_px
    return counts


def scores_of_counts(counts: Mapping[Key, NDArray[np.float64]]) -> dict[Key, Ratio]:
    """Every score that is a ratio of counts, element by element.

    `counts` maps keys of `counts_of` to arrays (n,), one value an image or a sum of images; other keys are
    ignored. A score that lacks a count is left out. Empty maps as in the function of each score: nan where
    it says so.
    """
    return {
        (metric, formula.definition): value
        for formula in (*_FORMULAS, *_formulas_of_points(counts))
        if all(key in counts for key in formula.counts)
        for metric, value in formula.ratios(*(counts[key] for key in formula.counts)).items()
    }


def pooled(rows: Iterable[Mapping[Key, float]]) -> dict[Key, float]:
    """The scores of a data set as if it were one big image: counts are summed over its images, then divided.

    A row is an image's values by (metric, definition), as `all_scores` gives them; of these the counts are
    used. A count that any image lacks is left out, with its scores: its sum would be one of other images.
    """
    images = list(rows)
    shared = [key for key in images[0] if all(key in row for row in images)] if images else []
    sums = {key: np.array(sum(row[key] for row in images)) for key in shared if key[0] in COUNTS}
    return {key: float(value) for key, value in scores_of_counts(sums).items()}


class _Formula(NamedTuple):
    """Scores of one definition, by the name of the metric, from their counts in order."""

    definition: str
    counts: tuple[Key, ...]
    ratios: Callable[..., dict[str, Ratio]]


def _aji(intersection_px: Ratio, union_px: Ratio) -> dict[str, Ratio]:
    return {"aji": ratio(intersection_px, union_px)}


def _objects(matched: Ratio, true_objects: Ratio, pred_objects: Ratio) -> dict[str, Ratio]:
    ratios = object_ratios(matched, true_objects, pred_objects)
    return {f"object_{name}": value for name, value in ratios.items()}


def _points(true_points: Ratio, pred_points: Ratio, matched: Ratio) -> dict[str, Ratio]:
    ratios = object_ratios(matched, true_points, pred_points)
    return {f"point_{name}": ratios[name] for name in ("f1", "precision", "recall")}


_BOTH: tuple[Key, Key] = ("true_objects", INSTANCES), ("pred_objects", INSTANCES)
_FORMULAS = (
    _Formula(FOREGROUND, tuple((name, FOREGROUND) for name in PixelCounts._fields), pixel_ratios),
    *(_Formula(name, (("aji_intersection_px", name), ("aji_union_px", name)), _aji) for name in PAIRS),
    _Formula(PANOPTIC, (("matched_objects", PANOPTIC), ("matched_iou", PANOPTIC), *_BOTH), panoptic_ratios),
    *(_Formula(name, (("matched_objects", name), *_BOTH), _objects) for name in map(at_iou, THRESHOLDS)),
)


def _formulas_of_points(counts: Iterable[Key]) -> list[_Formula]:
    """One for each definition by which points were counted: distances are anyone's choice."""
    definitions = dict.fromkeys(definition for metric, definition in counts if metric == POINT_COUNTS[0])
    return [_Formula(name, tuple((count, name) for count in POINT_COUNTS), _points) for name in definitions]
