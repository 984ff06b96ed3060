"""All scores of one image, by metric and definition, from one overlap table."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from maskless.metrics.average_dice import average_dice_of
from maskless.metrics.counts import FOREGROUND, PANOPTIC, Key, at_iou, counts_of, scores_of_counts
from maskless.metrics.distances import Distances
from maskless.metrics.hausdorff import average_hausdorff_of, object_hausdorff_of
from maskless.metrics.matching import THRESHOLDS
from maskless.metrics.object_dice import object_dice_of
from maskless.metrics.overlap import compared, overlap_of

#: Whether a higher value of a score is better: for checkpoints, and for bold figures in tables. Distances are
#: in px. Counts (`COUNTS`) are no scores and not in it.
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
    "object_hausdorff": False,
    "average_hausdorff": False,
    "average_dice": True,
    "pq": True,
    "dq": True,
    "sq": True,
    "object_precision": True,
    "object_recall": True,
    "object_f1": True,
    "object_accuracy": True,
}

#: For each score the one definition that stands for it where only one can: to choose checkpoints, on the
#: terminal.
STANDARD: Mapping[str, str] = {
    **dict.fromkeys(HIGHER_IS_BETTER, FOREGROUND),
    "aji": "kumar",
    "object_dice": "sirinukunwattana",
    "object_hausdorff": "sirinukunwattana",
    "average_hausdorff": "symmetric",
    "average_dice": "sahasrabudhe",
    **dict.fromkeys(("pq", "dq", "sq"), PANOPTIC),
    **dict.fromkeys(
        ("object_precision", "object_recall", "object_f1", "object_accuracy"), at_iou(THRESHOLDS[0])
    ),
}


def all_scores(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> dict[Key, float]:
    """Every score of one image by every definition, and their counts, keyed by (metric, definition).

    `true`, `pred` and `region` are label maps and a region as in `overlap`. First the scores, nan where one
    is undefined: ('dice', 'foreground') and the other `pixel_scores`; ('aji', 'kumar'), 'one_to_one' and
    'plus'; `panoptic_quality` as ('pq', 'iou>0.50'), ...; `iou_scores` as ('object_f1', 'iou>=0.55'), ...;
    `object_dice`; `object_hausdorff` as 'sirinukunwattana' (an object without a partner takes the nearest)
    and 'matched' (it is left out); `average_hausdorff` as 'symmetric' (whole objects) and 'sahasrabudhe'
    (clipped); `average_dice`. Then the counts: `counts_of`. What papers print by rules of their own is in
    `paper_scores`.
    """
    truth, prediction, scored_px = compared(true, pred, region)
    table = overlap_of(truth, prediction, scored_px)
    distances = Distances(truth, prediction, table)
    counts = counts_of(table)
    ratios = scores_of_counts({key: np.asarray(value) for key, value in counts.items()})
    return {
        **{key: float(value) for key, value in ratios.items()},
        ("object_dice", "sirinukunwattana"): object_dice_of(table),
        ("object_hausdorff", "sirinukunwattana"): object_hausdorff_of(distances, "nearest"),
        ("object_hausdorff", "matched"): object_hausdorff_of(distances, "left_out"),
        ("average_hausdorff", "symmetric"): average_hausdorff_of(distances, "whole"),
        ("average_hausdorff", "sahasrabudhe"): average_hausdorff_of(distances, "clipped"),
        ("average_dice", "sahasrabudhe"): average_dice_of(table),
        **counts,
    }
