"""A table as LaTeX for a paper, with booktabs."""

from collections.abc import Mapping, Sequence

from maskless.report.column import Column
from maskless.report.table import Intervals, Row, Table
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

#: With more columns than this, a table is made as wide as a line of the text.
_COLUMNS_IN_A_LINE = 6
_HEADER = r"""% needs \usepackage{booktabs,graphicx}; pdflatex stops at letters of names beyond Latin-1,
% lualatex takes them"""
#: What LaTeX reads as an instruction, and signs that its fonts lack.
_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "<": "$<$",
        ">": "$>$",
        "|": "$|$",
        "±": r"$\pm$",
        "\N{MINUS SIGN}": "$-$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "\N{MICRO SIGN}": r"$\mu$",
        "\N{GREEK SMALL LETTER MU}": r"$\mu$",
        "\n": " ",
    }
)


def latex(table: Table, against: str = "", intervals: Intervals | None = None) -> str:
    r"""A `table` environment; the document needs \usepackage{booktabs,graphicx} and UTF-8, the default.

    The caption says what was scored and what the cells hold. The best are bold, printed numbers in italics.
    The runs behind the measured rows stand above it as comments. With many columns it is as wide as the text.
    `intervals`, as `maskless.report.tables.intervals` gives them, are the differences to the row called
    `against`, and stand below the means.
    """
    found = {} if intervals is None else intervals
    bold, marks = best(table), footnotes(table)
    width = len(table.columns) + 1
    body = []
    for cost, rows in by_annotation(table):
        body += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{{_escaped(cost)}}} \\"]
        body += [line for row in rows for line in _lines(table, row, bold, marks.marks, found)]
    caption = [
        f"{heading(table)}.",
        spread(table),
        "The best of each column is bold." * bool(bold),
        told_apart(against, found),
    ]
    fit = r"\resizebox{\linewidth}{!}{" if len(table.columns) > _COLUMNS_IN_A_LINE else ""
    notes = [f"{_mark(letter)} {_escaped(text)}." for letter, text in marks.texts]
    notes += [_escaped(note) for note in table.notes]
    return "\n".join(
        [
            _HEADER,
            *_runs(table),
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(' '.join(filter(None, caption)))}}}",
            rf"{fit}\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
            r"\toprule",
            _line(["method", *(_head(column) for column in table.columns)]),
            _line(["", *(rf"{{\scriptsize {_escaped(by_definition(c))}}}" for c in table.columns)]),
            *body,
            r"\bottomrule",
            r"\end{tabular}" + "}" * bool(fit),
            *_below(notes),
            r"\end{table}",
            "",
        ]
    )


def _runs(table: Table) -> list[str]:
    """A comment for each run behind a measured row."""
    told = [
        ", ".join([f"{name}: {run.command}", *run.facts]) for name, runs in provenance(table) for run in runs
    ]
    return [f"% {' '.join(words.split())}" for words in told]  # in one line: the next would be no comment


def _below(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    start, end = r"\par\smallskip\begin{minipage}{\linewidth}\raggedright\footnotesize", r"\end{minipage}"
    return [start, "\\par\n".join(notes), end]


def _head(column: Column) -> str:
    named = f"{metric_name(column)}{f' ({unit(column)})' if unit(column) else ''} {direction(column)}"
    return _escaped(named.strip())


def _lines(
    table: Table,
    row: Row,
    bold: set[tuple[str, Column]],
    marks: Mapping[str, str],
    intervals: Intervals,
) -> list[str]:
    """The row's means; and below them its differences, if it has any."""
    name = rf"\textit{{{_escaped(row.name)}}}" if row.citation else _escaped(row.name)
    mark = _mark(marks[row.name]) if row.name in marks else ""
    cells = [_cell(table, row, column, (row.name, column) in bold) for column in table.columns]
    lines = [_line([rf"\quad {name}{mark}", *cells])]
    gaps = [intervals.get((row.name, column)) for column in table.columns]
    if any(gaps):
        below = [rf"{{\scriptsize {_escaped(difference(gap))}}}" if gap else "" for gap in gaps]
        lines.append(_line(["", *below]))
    return lines


def _cell(table: Table, row: Row, column: Column, is_best: bool) -> str:
    value = row.values.get(column)
    if value is None:
        return "--"
    mean = f"{value.mean:.{DIGITS}f}"
    mean = rf"\textbf{{{mean}}}" if is_best else mean
    words = mean if value.std is None else rf"{mean} $\pm$ {value.std:.{DIGITS}f}"
    words = rf"\textit{{{words}}}" if row.citation else words
    few = undefined(table, value)
    return rf"{words} {{\scriptsize ({few})}}" if few else words


def _mark(letters: str) -> str:
    return rf"\textsuperscript{{{letters}}}"


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
