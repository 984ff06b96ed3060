"""One score of all nuclei and pixels of a run's images, from the counts that it has kept of each."""

from collections.abc import Mapping

from maskless.metrics import COUNTS, Key, pooled
from maskless.report.column import Column


def pooled_scores(scores: Mapping[Column, Mapping[str, float]]) -> dict[Column, float]:
    """By column, the score over all images together, wherever they have kept what it is a ratio of.

    `scores` holds each image's value by column, counts among them. Regions are pooled each by itself.
    """
    found = {}
    for region in dict.fromkeys(column.region for column in scores):
        for (metric, definition), value in pooled(_counts(scores, region)).items():
            found[Column(metric, definition, region, "pooled")] = value
    return found


def _counts(scores: Mapping[Column, Mapping[str, float]], region: str) -> list[dict[Key, float]]:
    rows: dict[str, dict[Key, float]] = {}
    for column, values in scores.items():
        if column.metric in COUNTS and column.region == region:
            for image, value in values.items():
                rows.setdefault(image, {})[column.metric, column.definition] = value
    return list(rows.values())
