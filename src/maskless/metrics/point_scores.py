"""The scores of a label map where the truth is a point a nucleus; and all scores that there are, by name."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from maskless.metrics.counts import POINT_COUNTS, WITHIN, Key, scores_of_counts
from maskless.metrics.labels import checked_labels
from maskless.metrics.points import HIT_UM, PointScores, match_points
from maskless.metrics.region import centroids
from maskless.metrics.scores import HIGHER_IS_BETTER, STANDARD

#: What `point_scores` scores, the one that stands for all first. They are not chosen by: a checkpoint or a
#: chain is, by one of STANDARD.
POINT_SCORES = ("point_f1", "point_precision", "point_recall")

#: Of every score, of label maps or of points: whether higher is better, and its standard definition.
DIRECTIONS: Mapping[str, bool] = {**HIGHER_IS_BETTER, **dict.fromkeys(POINT_SCORES, True)}
DEFINITIONS: Mapping[str, str] = {**STANDARD, **dict.fromkeys(POINT_SCORES, WITHIN)}


def point_scores(
    true: ArrayLike, pred: ArrayLike, mpp: float, region: ArrayLike | None = None
) -> dict[Key, float]:
    """F1, precision and recall of nuclei whose truth is a point each, and their counts, by (metric, WITHIN).

    `true` is (N, 2), the row and column of each point in px; `pred` a label map (H, W), 0 = background, of
    which each id counts as its centroid; `mpp` is in µm/px. A nucleus and a point match one-to-one within
    HIT_UM, as many as there can be. With a `region` (H, W), 0 = outside, points and centroids outside count
    on neither side. Empty sides as in `match_points`, whose errors it raises.
    """
    found = match_points(true, centroids(checked_labels(pred, "pred"))[1], HIT_UM, mpp=mpp, region=region)
    return scores_and_counts(found, WITHIN)


def scores_and_counts(found: PointScores, definition: str) -> dict[Key, float]:
    """F1, precision and recall of matched points, and what they are made of, by (metric, `definition`)."""
    counts: dict[Key, float] = {(name, definition): getattr(found, name) for name in POINT_COUNTS}
    ratios = scores_of_counts({key: np.asarray(value) for key, value in counts.items()})
    return {**{key: float(value) for key, value in ratios.items()}, **counts}
