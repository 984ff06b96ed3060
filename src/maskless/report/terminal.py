"""A table on the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from maskless.report.results import Column
from maskless.report.table_html import heading, metric_name
from maskless.report.tables import DIGITS, Row, Table, best

#: Characters of a column: the longest word of our metrics, and space.
CELL_WIDTH = 11


def print_table(table: Table) -> None:
    """A row a run: mean over images and, below it, their standard deviation.

    What is wider than the terminal goes on below, with the names of the runs again.
    """
    console = Console()
    name_width = min(max(len(row.name) for row in table.rows), console.width // 4)
    at_once = max((console.width - name_width - 2) // CELL_WIDTH, 1)
    console.print(Text(heading(table)))
    for start in range(0, len(table.columns), at_once):
        grid = Grid(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1))
        _fill(grid, table, table.columns[start : start + at_once], name_width)
        console.print(grid)
        console.print()


def _fill(grid: Grid, table: Table, columns: Sequence[Column], name_width: int) -> None:
    grid.add_column("run", min_width=name_width, max_width=name_width, overflow="fold")
    for column in columns:
        words = Text(metric_name(column).replace(" ", "\n"))
        grid.add_column(words, justify="right", vertical="top", no_wrap=True)
    bold = best(table)
    for row in table.rows:
        state = "" if row.result.state == "finished" else f"\n({row.result.state})"
        cells = [Text(_cell(row, c), style="bold" if (row.name, c) in bold else "") for c in columns]
        grid.add_row(Text(row.name + state), *cells)


def _cell(row: Row, column: Column) -> str:
    value = row.values.get(column)
    if value is None:
        return "-"
    return f"{value.mean:.{DIGITS}f}" + ("" if value.std is None else f"\n±{value.std:.{DIGITS}f}")
