"""What a reader of a table must know beside its numbers: what is small, missing or mixed."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import sqrt
from statistics import median

from maskless.errors import listed
from maskless.report.column import Column
from maskless.report.inversion import inversion
from maskless.report.results import Result
from maskless.report.selection import disagreement
from maskless.report.summary import summary
from maskless.report.table import Row, Table
from maskless.report.words import by_definition, metric_name

#: Standard errors within which two means of other images cannot be told apart, at the 5 % level.
_APART = 1.96 * sqrt(2)


def notes(table: Table, others: Sequence[Table] = ()) -> tuple[str, ...]:
    """A sentence each. `others` are all tables of the comparison, this one among them."""
    return (
        *_resolution(table),
        *_missing(table),
        *_mixed(table),
        *_chosen(table),
        *_inverted(table),
        *_structure(table),
        *_elsewhere(table, others),
    )


def standard_error(table: Table, column: Column) -> float | None:
    """That of a mean over the table's images, the median over its measured rows."""
    errors = []
    for row in table.rows:
        found = summary(list(row.by_image.get(column, {}).values()))
        if found and found[1] is not None:
            errors.append(found[1] / sqrt(found[2]))
    return median(errors) if errors else None


def _resolution(table: Table) -> Iterator[str]:
    """How small a difference these images can show, and how many of the printed gaps are smaller."""
    means = [column for column in table.columns if column.over == "images"]
    column = next((one for one in means if one.metric == "aji"), means[0] if means else None)
    error = standard_error(table, column) if column else None
    if column is None or error is None or round(error, 3) == 0:
        return
    name, apart = metric_name(column), _APART * error
    yield (
        f"Over {len(table.images)} images the standard error of a mean {name} is about {error:.3f}: two rows "
        f"that are not compared image by image are told apart by a gap of {apart:.3f} or more."
    )
    rows = [row for row in table.rows if column in row.values]
    gaps = [
        abs(a.values[column].mean - b.values[column].mean)
        for a, b in combinations(rows, 2)
        if a.citation or b.citation
    ]
    if gaps:
        inside = sum(gap < apart for gap in gaps)
        yield f"Of the {len(gaps)} gaps in {name} to or between printed rows, {inside} are smaller than that."


def _missing(table: Table) -> Iterator[str]:
    for row in table.rows:
        missing = [f"{metric_name(c)} ({by_definition(c)})" for c in table.columns if c not in row.values]
        if row.runs and missing:
            yield (
                f"{row.name} lacks {listed(missing)}: no image defines it, or it was scored before it was "
                "measured; maskless evaluate scores a run again."
            )
        partly = [
            c for c in table.columns if c in row.values and 0 < row.values[c].images < len(table.images)
        ]
        if row.runs and partly and not row.lacks:
            words = [f"{metric_name(c)} by {row.values[c].images}" for c in partly]
            yield f"Of {row.name}, {listed(words)} of the {len(table.images)} images define a value."


def _mixed(table: Table) -> Iterator[str]:
    files: dict[str, set[str]] = {}
    for about in (run.about(table.source) for row in table.rows for run in row.runs):
        files.setdefault(str(about.get("split")), set()).add(str(about.get("sha256")))
    if other := [split for split, found in files.items() if len(found) > 1]:
        yield f"The rows have not read the same files: of {listed(other)} the fingerprints differ."
    by_note: dict[str, list[str]] = {}
    for row in table.rows:
        if row.note:
            by_note.setdefault(row.note, []).append(row.name)
    for note, names in by_note.items():
        yield f"{listed(names)}: {note}."


def _chosen(table: Table) -> Iterator[str]:
    """The runs whose own loss has not chosen what validation would have."""
    for row in table.rows:
        for run in row.runs:
            if found := disagreement(run):
                yield f"{_which(row, run)} {found}: its loss is no guide to the best epoch here."


def _inverted(table: Table) -> Iterator[str]:
    """The runs whose attention is upside down."""
    for row in table.rows:
        for run in row.runs:
            if found := inversion(run):
                yield f"The attention of {_which(row, run)} {found}."


def _structure(table: Table) -> Iterator[str]:
    """What the runs that translate have kept of the nuclei."""
    for row in table.rows:
        for run in row.runs:
            for told in run.structure.get((run.label, table.part), ()):
                yield f"{_which(row, run)}: {told}."


def _which(row: Row, run: Result) -> str:
    """What a run of a row is called: of several by its seed."""
    return f"{row.name}, seed {run.seed}" if len(row.runs) > 1 else row.name


def _elsewhere(table: Table, others: Sequence[Table]) -> Iterator[str]:
    for other in others:
        if other is not table and (other.source, other.part) == (table.source, table.part):
            names = [row.name for row in other.rows]
            were = "was" if len(names) == 1 else "were"
            split = f"split {other.split}, " if other.split != table.split else ""
            images = f"other images ({split}{len(other.images)} images)"
            if (other.split, other.images) == (table.split, table.images):
                images = "other files under the same names"
            yield f"{listed(names)} {were} scored on {images}, in a table of their own."
