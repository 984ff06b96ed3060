"""Runs to tables: one for each set of images that runs were scored on, a row a method."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError, did_you_mean
from maskless.metrics import COUNTS, DEFINITIONS, DIRECTIONS, Key, scores_of_counts
from maskless.report.bootstrap import (
    Counts,
    Scores,
    Statistic,
    interval,
    mean_of_images,
    score_of_counts,
)
from maskless.report.column import Column
from maskless.report.groups import Scored, group_names, same_recipe, scored
from maskless.report.notes import notes
from maskless.report.results import Result, images_of
from maskless.report.rows import row_of
from maskless.report.table import Interval, Row, Table, by_cost

#: What a table shows, from the left, if nobody says what: of each metric its standard definition.
SHOWN = (
    "aji", "pq", "object_f1", "object_dice", "object_hausdorff", "average_hausdorff",
    "dice", "iou", "precision", "recall", "balanced_accuracy", "point_f1", "point_precision", "point_recall",
)  # fmt: skip
#: Digits after the point, in tables for people.
DIGITS = 3


def tables(results: Sequence[Result], columns: Sequence[str] = ()) -> list[Table]:
    """Group runs by source, part, split, images and files: test parts first, then the tables with most runs.

    Files are told apart by their fingerprint. The folds of a family are one set of images. Rows are ordered
    by what annotation they cost, then as in `results`. `columns` are 'aji' (by its standard definition),
    'aji/one_to_one' or 'aji/kumar/pooled'; by default those of `SHOWN`. Runs without scores are in no table.
    Raises UserError for a column that does not exist.
    """
    entries = scored(results)
    wanted = list(dict.fromkeys(column for word in columns for column in _wanted(word, entries)))
    groups: dict[tuple[str, str, str, object], list[Scored]] = {}
    for entry in entries:
        files = (entry.images, entry.about.get("sha256")) if entry.folds == 1 else None
        groups.setdefault((entry.source, entry.family, entry.part, files), []).append(entry)
    made = [_table(key[:3], group, wanted) for key, group in groups.items()]
    made.sort(key=lambda one: (one.part != "test", -sum(len(row.runs) for row in one.rows), one.source))
    return [replace(table, notes=notes(table, made)) for table in made]


def best(table: Table) -> set[tuple[str, Column]]:
    """The (name of the row, column) of the best values, as printed: what reads the same is equally good.

    Rows that have seen the images, or lack some, cannot be best. Nothing is best where fewer than two rows
    can be, nor in a column of a metric of unknown direction.
    """
    found = set()
    for column in table.columns:
        if column.metric not in DIRECTIONS:
            continue
        sign = 1 if DIRECTIONS[column.metric] else -1
        having = [row for row in table.rows if column in row.values and row.compared]
        printed = {row.name: sign * round(row.values[column].mean, DIGITS) for row in having}
        if len([row for row in table.rows if row.compared]) > 1 and printed:
            found |= {(name, column) for name, value in printed.items() if value == max(printed.values())}
    return found


def intervals(table: Table, against: str) -> dict[tuple[str, Column], Interval]:
    """The paired bootstrap interval of each measured row's difference to the row called `against`.

    The difference is that of the values shown; rows that lack images or folds have none. Raises UserError if
    there is no measured row of that name.
    """
    measured = [row for row in table.rows if row.runs]
    reference = next((row for row in measured if row.name == against), None)
    if reference is None:
        names = [row.name for row in measured]
        raise UserError(f"against={against} is no measured row{did_you_mean(against, names)}")
    found: dict[tuple[str, Column], Interval] = {}
    if reference.lacks:
        return found
    strata = _strata(table, reference)
    others = [row for row in measured if row is not reference and not row.lacks]
    for column in table.columns:
        theirs = _statistic(table, reference, column)
        if theirs is None:
            continue
        for row in others:
            own = _statistic(table, row, column)
            if own and (one := interval(own, theirs, strata)):
                found[row.name, column] = one
    return found


# -- columns -------------------------------------------------------------------------------------------------


def _wanted(word: str, entries: Sequence[Scored]) -> list[Column]:
    """The columns that a word asks for: one, and one more for each region that has scores of its own."""
    metric, *more = word.split("/")
    definitions = {
        column.definition for entry in entries for column in entry.scores if column.metric == metric
    }
    if metric in COUNTS or (metric not in DEFINITIONS and not definitions):
        raise UserError(f"columns={word} is no score{did_you_mean(metric, DEFINITIONS)}")
    definition = more[0] if more else DEFINITIONS.get(metric, min(definitions, default=""))
    if definition not in {*definitions, DEFINITIONS.get(metric)}:
        raise UserError(f"columns={word} is no definition of {metric}{did_you_mean(definition, definitions)}")
    if more[1:] not in ([], ["pooled"]):
        raise UserError(f"columns={word} must be METRIC, METRIC/DEFINITION or METRIC/DEFINITION/pooled")
    regions = dict.fromkeys(
        column.region
        for entry in entries
        for column in entry.scores
        if (column.metric, column.definition) == (metric, definition)
    )
    over: Literal["images", "pooled"] = "pooled" if more[1:] else "images"
    return [Column(metric, definition, region, over) for region in regions or ("all",)]


def _shown(rows: Sequence[Row], wanted: Sequence[Column]) -> tuple[Column, ...]:
    """What is wanted; else the standard columns that any row has, and then metrics that are not ours."""
    if wanted:
        return tuple(wanted)
    having = dict.fromkeys(column for row in rows for column in row.values if column.over == "images")
    regions = dict.fromkeys(column.region for column in having)
    ours = [Column(metric, DEFINITIONS[metric], region) for region in regions for metric in SHOWN]
    others = [column for column in having if column.metric not in DEFINITIONS]
    return tuple(column for column in [*ours, *others] if column in having)


# -- rows ----------------------------------------------------------------------------------------------------


def _table(key: tuple[str, str, str], entries: Sequence[Scored], wanted: Sequence[Column]) -> Table:
    source, split, part = key
    groups = same_recipe(entries)
    images = tuple(sorted({image for entry in entries for image in entry.images}))
    rows = [row_of(name, group, images) for name, group in zip(group_names(groups), groups, strict=True)]
    return Table(source, split, part, images, _shown(rows, wanted), by_cost(rows))


# -- differences ---------------------------------------------------------------------------------------------


def _statistic(table: Table, row: Row, column: Column) -> Statistic | None:
    """What the table shows of a row in a column, for any number of times that an image counts; None if it
    shows nothing."""
    if column not in row.values:
        return None
    folds = [str(run.about(table.source).get("split", "")) for run in row.runs]
    scores = [run.scores[table.source, table.part] for run in row.runs]
    if column.over == "images":
        return mean_of_images(np.stack([_values(table, one.get(column, {}), nan) for one in scores]), folds)
    counts = [
        {
            (known.metric, known.definition): _values(table, values, 0.0)
            for known, values in one.items()
            if known.metric in COUNTS and known.region == column.region
        }
        for one in scores
    ]
    if not all(counts):
        return None
    return score_of_counts(counts, folds, partial(_one_score, (column.metric, column.definition)))


def _strata(table: Table, row: Row) -> NDArray[np.int64]:
    """The fold of each image, numbered; one for all if the table is of no folds."""
    fold_of = {
        image: str(run.about(table.source).get("split", ""))
        for run in row.runs
        for image in images_of(run.scores[table.source, table.part])
    }
    return np.unique([fold_of[image] for image in table.images], return_inverse=True)[1]


def _values(table: Table, of_images: Mapping[str, float], missing: float) -> Scores:
    return np.array([of_images.get(image, missing) for image in table.images])


def _one_score(key: Key, counts: Counts) -> Scores:
    return scores_of_counts(counts)[key]
