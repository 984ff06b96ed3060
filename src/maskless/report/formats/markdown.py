"""A table as Markdown, as GitHub and most readers of it render tables."""

import re
from collections.abc import Sequence

from maskless.report.column import Column
from maskless.report.table import Interval, Intervals, Row, Table
from maskless.report.tables import DIGITS, best
from maskless.report.words import (
    by_annotation,
    by_definition,
    difference,
    direction,
    footnotes,
    heading,
    metric_name,
    provenance,
    spread,
    told_apart,
    undefined,
    unit,
)


def markdown(table: Table, against: str = "", intervals: Intervals | None = None) -> str:
    """A heading, the table, its footnotes, its notes and the runs behind it; every line ends with a newline.

    The annotation that rows have cost stands at the first of each group. The best are bold, printed numbers
    in italics. `intervals`, as `maskless.report.tables.intervals` gives them, are the differences to the row
    called `against`, and stand below the means.
    """
    found = {} if intervals is None else intervals
    bold, marks = best(table), footnotes(table)
    head = ["annotation", "method", *(_head(column) for column in table.columns)]
    lines = [_line(head), _line(["---", "---", *("--:" for _ in table.columns)])]
    for cost, rows in by_annotation(table):
        for number, row in enumerate(rows):
            name = _italic(_escaped(row.name)) if row.citation else _escaped(row.name)
            mark = f" <sup>{marks.marks[row.name]}</sup>" if row.name in marks.marks else ""
            cells = [
                _cell(table, row, column, (row.name, column) in bold, found.get((row.name, column)))
                for column in table.columns
            ]
            lines.append(_line([_escaped(cost) if number == 0 else "", name + mark, *cells]))
    below = [
        _key(table, bold),
        _escaped(told_apart(against, found)),
        "<br>".join(f"<sup>{letter}</sup> {_escaped(text)}" for letter, text in marks.texts),
        "\n".join(f"- {_escaped(note)}" for note in table.notes),
        _runs(table),
    ]
    return "\n\n".join([f"## {_escaped(heading(table))}", "\n".join(lines), *filter(None, below)]) + "\n"


def _head(column: Column) -> str:
    """The metric with its unit and arrow; below it, its definition."""
    named = f"{metric_name(column)}{f' ({unit(column)})' if unit(column) else ''} {direction(column)}".strip()
    return f"{_escaped(named)}<br>{_escaped(by_definition(column))}"


def _cell(table: Table, row: Row, column: Column, is_best: bool, interval: Interval | None) -> str:
    value = row.values.get(column)
    if value is None:
        return "\N{EN DASH}"
    mean = f"{value.mean:.{DIGITS}f}"
    mean = f"**{mean}**" if is_best else mean
    std = "" if value.std is None else f"± {value.std:.{DIGITS}f}"
    if row.citation:
        mean, std = _italic(mean), _italic(std)
    few = f"({few})" if (few := undefined(table, value)) else ""
    words = " ".join(filter(None, [mean, std, few]))
    return f"{words}<br>{difference(interval)}" if interval else words


def _runs(table: Table) -> str:
    """A list of the runs of each measured row: its facts, and its command as code."""
    items = [
        f"- {_escaped(name)}: {_code(run.command)}, {_escaped(', '.join(run.facts))}"
        for name, runs in provenance(table)
        for run in runs
    ]
    return "\n".join(["The runs behind the measured rows:", "", *items]) if items else ""


def _key(table: Table, bold: set[tuple[str, Column]]) -> str:
    return _escaped(spread(table)) + " The best of each column is bold." * bool(bold)


def _italic(text: str) -> str:
    return f"*{text}*" if text else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Text as code, between more backticks than it has in a row."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    space = " " * bool(longest)
    text = text.replace("\n", " ")
    return f"{'`' * (longest + 1)}{space}{text}{space}{'`' * (longest + 1)}" if text else "no command"


def _escaped(text: str) -> str:
    """Text in which nothing is markup: neither of Markdown nor of HTML, nor the end of a cell."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)
