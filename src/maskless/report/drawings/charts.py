"""The charts of a table and of the trainings behind it, each with a title and what it shows in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal

from maskless.metrics import THRESHOLDS
from maskless.metrics.counts import at_iou
from maskless.report.column import Column
from maskless.report.drawings.figures import (
    Curve,
    Line,
    Point,
    by_group,
    by_threshold,
    curves,
    distributions,
    svg,
)
from maskless.report.drawings.scored_images import ranking
from maskless.report.results import Result
from maskless.report.table import Row, Table
from maskless.report.words import by_definition, heading, metric_name
from maskless.signals import Annotation

#: What is drawn against the IoU from which on a pair is a match.
_ACCURACY = "object_accuracy"


@dataclass(frozen=True)
class Chart:
    """A chart as an <svg> element, and what is said of it."""

    title: str
    svg: str
    caption: str


def charts(table: Table, papers: Sequence[Table] = ()) -> list[Chart]:
    """Accuracy by threshold, score by annotation and scores by image: those that there are values for.

    `papers` are the same rows beside those of papers, in the papers' columns: each has a chart of score by
    annotation of its own, because it has another AJI.
    """
    costs = [_by_annotation(one) for one in (table, *papers)]
    return [chart for chart in (_by_threshold(table), *costs, _by_image(table)) if chart]


def training(results: Mapping[str, Result]) -> Chart | None:
    """The epochs of all runs that have trained, by the name of the run; None if none has."""
    trained = [
        Curve(name, _numbers(result, "loss"), _numbers(result, "val_aji"))
        for name, result in results.items()
        if result.epochs
    ]
    note = "Losses of different methods are not on one scale; the validation AJI is, on one data set."
    return Chart("Training", svg(curves(trained)), note) if trained else None


def _by_threshold(table: Table) -> Chart | None:
    """All lines are of one kind: pooled over the images if every row has that, else means over images."""
    pooled, means = _lines(table.rows, "pooled"), _lines(table.rows, "images")
    all_pooled = bool(pooled) and len(pooled) == len(means)
    lines = pooled if all_pooled else means
    if not lines:
        return None
    several = table.split.endswith("*") or any(len(row.runs) > 1 for row in table.rows)
    how = "pooled over the images of a run" if several else "pooled over all images"
    how = how if all_pooled else "mean over images"
    return Chart(
        "Accuracy against IoU threshold",
        svg(by_threshold(lines, "IoU from which on a pair is a match", f"accuracy, {how}")),
        "Object accuracy is TP / (TP + FP + FN): matched pairs among all nuclei of either side.",
    )


def _lines(rows: Sequence[Row], over: Literal["images", "pooled"]) -> list[Line]:
    found = []
    for row in rows:
        values = {t: row.values.get(Column(_ACCURACY, at_iou(t), over=over)) for t in THRESHOLDS}
        at = {threshold: value.mean for threshold, value in values.items() if value}
        if len(at) > 1:
            found.append(Line(_marked(row), list(at), list(at.values())))
    return found


def _by_annotation(table: Table) -> Chart | None:
    """All rows, if the annotation of some is known and differs; rows of unknown annotation stand last."""
    ranked = ranking(table)
    column = next((one for one in table.columns if one.metric == ranked.metric), ranked)
    rows = [row for row in table.rows if column in row.values]
    if len({row.annotation for row in rows if row.annotation}) < 2:
        return None
    groups = [*Annotation, *([] if all(row.annotation for row in rows) else [None])]
    points = [_point(row, column, groups) for row in rows]
    of = dict.fromkeys(row.values[column].of for row in rows if row.values[column].std is not None)
    of.pop("printed", None)
    bars = f" Bars are one standard deviation over {' or '.join(of)}." if of else ""
    return Chart(
        f"Score against annotation{f', {heading(table)}' * bool(table.paper)}",
        svg(
            by_group(
                points,
                [group.value if group else "not recorded" for group in groups],
                f"{metric_name(column)} ({by_definition(column)})",
            )
        ),
        f"What a person has to draw before a method can learn, from the cheapest to the dearest.{bars}",
    )


def _point(row: Row, column: Column, groups: Sequence[Annotation | None]) -> Point:
    value = row.values[column]
    at = next(k for k, group in enumerate(groups) if group == row.annotation)
    return Point(_marked(row, printed=False), at, value.mean, value.std, printed=bool(row.citation))


def _by_image(table: Table) -> Chart | None:
    ranked = ranking(table)
    scores = [
        (_marked(row), [value for value in row.by_image[ranked].values() if not isnan(value)])
        for row in table.rows
        if ranked in row.by_image
    ]
    scores = [(name, values) for name, values in scores if len(values) > 1]
    if not scores:
        return None
    return Chart(
        "Scores of the images",
        svg(distributions(scores, f"{metric_name(ranked)} of an image")),
        "Every point is an image; boxes hold the middle half, the line in them is the median, "
        "the diamond the mean.",
    )


def _marked(row: Row, printed: bool = True) -> str:
    """The name, and what a reader must not overlook: that a number is not ours, or flattered."""
    marks = [*(["printed"] if printed and row.citation else []), *(["seen"] if row.seen else [])]
    return f"{row.name} ({', '.join(marks)})" if marks else row.name


def _numbers(result: Result, column: str) -> list[float]:
    return [row.get(column, nan) for row in result.epochs]
