"""Runs to tables: one for each set of images that runs were scored on, a row a run."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean, stdev
from typing import Any

from maskless.metrics import HIGHER_IS_BETTER
from maskless.report.results import Column, Result, names

#: The columns of every study's results.csv.
STUDY_COLUMNS = (
    "study", "dataset", "split", "method", "metric", "definition", "region",
    "value", "std", "n_images", "seed", "run", "command",
)  # fmt: skip
#: What stands on the left, whatever order the runs have: the measures of whole nuclei.
LEADING = ("aji", "object_dice")
#: Digits after the point, in tables for people.
DIGITS = 3


@dataclass(frozen=True)
class Value:
    """The mean over the `count` images that define a measure, and their sample standard deviation."""

    mean: float
    std: float | None
    count: int


@dataclass(frozen=True)
class Row:
    """A run and what it reached; a column that no image defines is absent."""

    name: str
    result: Result
    values: Mapping[Column, Value]


@dataclass(frozen=True)
class Table:
    """Runs that were scored on the same images of the same part of the same source."""

    source: str
    part: str
    images: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def recorded(self, key: str) -> dict[str, str]:
        """What runs have recorded of this source ('split', 'licence', 'sha256'), by the name of the run."""
        found = {}
        for row in self.rows:
            for described in row.result.data.values():
                if described.get("name") == self.source and described.get(key):
                    found[row.name] = str(described[key])
        return found


def tables(results: Sequence[Result]) -> list[Table]:
    """Group runs by (source, part, set of images): test parts first, then the tables with most runs.

    Rows keep the order of `results`. Runs without scores are in no table.
    """
    groups: dict[tuple[str, str, frozenset[str]], list[Row]] = {}
    for name, result in zip(names(results), results, strict=True):
        for (source, part), columns in result.scores.items():
            images = frozenset(image for values in columns.values() for image in values)
            found = {column: summary(list(values.values())) for column, values in columns.items()}
            row = Row(name, result, {column: value for column, value in found.items() if value})
            groups.setdefault((source, part, images), []).append(row)
    made = [
        Table(source, part, tuple(sorted(images)), _columns(rows, source, part), tuple(rows))
        for (source, part, images), rows in groups.items()
    ]
    return sorted(made, key=lambda table: (table.part != "test", -len(table.rows), table.source, table.part))


def summary(values: Sequence[float]) -> Value | None:
    """Mean and sample standard deviation of what is defined; None if nothing is."""
    defined = [value for value in values if not isnan(value)]
    if not defined:
        return None
    return Value(fmean(defined), stdev(defined) if len(defined) > 1 else None, len(defined))


def best(table: Table) -> set[tuple[str, Column]]:
    """The (name of the run, column) of the best values, as printed: what reads the same is equally good.

    Nothing is best in a table of one run, nor in a column of a metric of unknown direction.
    """
    found = set()
    for column in table.columns if len(table.rows) > 1 else ():
        if column.metric not in HIGHER_IS_BETTER:
            continue
        sign = 1 if HIGHER_IS_BETTER[column.metric] else -1
        having = [row for row in table.rows if column in row.values]
        printed = {row.name: sign * round(row.values[column].mean, DIGITS) for row in having}
        found |= {(name, column) for name, value in printed.items() if value == max(printed.values())}
    return found


def study_csv(made: Sequence[Table]) -> str:
    """The tables as one text of STUDY_COLUMNS, a line a run and column, as experiments keep their results."""
    text = io.StringIO()
    writer = csv.DictWriter(text, STUDY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in made:
        for row in table.rows:
            writer.writerows(_study_row(table, row, column) for column in row.values)
    return text.getvalue()


def _study_row(table: Table, row: Row, column: Column) -> dict[str, Any]:
    value = row.values[column]
    return {
        "study": row.result.study,
        "dataset": table.source,
        "split": table.part,
        "method": row.result.method,
        **column._asdict(),
        "value": f"{value.mean:.6f}",
        "std": "" if value.std is None else f"{value.std:.6f}",
        "n_images": value.count,
        "seed": row.result.seed,
        "run": row.result.path,
        "command": row.result.command,
    }


def _columns(rows: Sequence[Row], source: str, part: str) -> tuple[Column, ...]:
    """All columns of the rows, LEADING ones first, else as they come."""
    seen = dict.fromkeys(column for row in rows for column in row.result.scores[source, part])
    rank = {metric: k for k, metric in enumerate(LEADING)}
    return tuple(sorted(seen, key=lambda column: rank.get(column.metric, len(rank))))
