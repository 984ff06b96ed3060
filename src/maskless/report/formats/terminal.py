"""A table on the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from maskless.report.column import Column
from maskless.report.table import Row, Table
from maskless.report.tables import DIGITS, best
from maskless.report.words import (
    by_annotation,
    by_definition,
    direction,
    footnotes,
    heading,
    metric_name,
    spread,
    undefined,
    unit,
)

#: Characters of 'annotation' and the like, above the rows that cost it.
_LONGEST_WORD = 10
#: Characters between the words of two columns.
_PADDING = 3


def print_table(table: Table) -> None:
    """A row a method: its mean and, below it, the standard deviation; then footnotes and notes.

    What is wider than the terminal goes on below, with the names of the rows again.
    """
    console = Console()
    marks = footnotes(table)
    names = {row.name: _name(table, row, marks.marks) for row in table.rows}
    longest = max((len(line) for name in names.values() for line in name.plain.splitlines()), default=0)
    name_width = min(max(longest, _LONGEST_WORD), console.width // 4)
    console.print(Text(heading(table)))
    for columns in _abreast(table, console.width - name_width - _PADDING):
        console.print(_grid(table, columns, names, name_width))
        console.print()
    below = [spread(table), *(f"({letter}) {text}" for letter, text in marks.texts)]
    for line in filter(None, below):
        console.print(Text(line, style="dim"))
    for note in table.notes:
        console.print(Padding(Text(f"- {note}", style="dim"), 0))


def _abreast(table: Table, width: int) -> list[list[Column]]:
    """The columns in order, as many at once as fit the width in characters, and one at least."""
    lots: list[list[Column]] = [[]]
    left = width
    for column in table.columns:
        lines = [*_head(table, column), *(line for row in table.rows for line in _cell(table, row, column))]
        needed = max(map(len, lines)) + _PADDING
        if needed > left and lots[-1]:
            lots.append([])
            left = width
        lots[-1].append(column)
        left -= needed
    return lots


def _grid(table: Table, columns: Sequence[Column], names: Mapping[str, Text], name_width: int) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    grid.add_column("method", min_width=name_width, max_width=name_width, overflow="fold")
    for column in columns:
        words = Text("\n".join(_head(table, column)))
        grid.add_column(words, justify="right", vertical="top", no_wrap=True)
    bold = best(table)
    for cost, rows in by_annotation(table):
        grid.add_row(Text(cost, style="dim"))
        for row in rows:
            style = "italic " if row.citation else ""
            cells = [
                Text("\n".join(_cell(table, row, c)), style=style + "bold" * ((row.name, c) in bold))
                for c in columns
            ]
            grid.add_row(names[row.name], *cells)
        grid.add_section()
    return grid


def _name(table: Table, row: Row, marks: Mapping[str, str]) -> Text:
    """The row's name; below it, if the table has both, whether it is printed or measured; its footnotes."""
    mixed = 0 < sum(bool(one.citation) for one in table.rows) < len(table.rows)
    kind = ("printed" if row.citation else "measured") if mixed else ""
    mark = f"({marks[row.name]})" if row.name in marks else ""
    below = " ".join(filter(None, [kind, mark]))
    return Text("\n".join(filter(None, [row.name, below])), style="italic" if row.citation else "")


def _head(table: Table, column: Column) -> list[str]:
    """The words of a metric; and of its definition, where the table has the metric by several."""
    words = metric_name(column).split()
    often = Counter(one.metric for one in table.columns)
    which = by_definition(column).replace(",", "").replace("_", " ").split()
    sign = f"{unit(column)} {direction(column)}".strip()
    return [*words, *filter(None, [sign]), *(which if often[column.metric] > 1 else [])]


def _cell(table: Table, row: Row, column: Column) -> list[str]:
    value = row.values.get(column)
    if value is None:
        return ["-"]
    std = "" if value.std is None else f"±{value.std:.{DIGITS}f}"
    return [f"{value.mean:.{DIGITS}f}", *filter(None, [std, undefined(table, value)])]
