"""A table as HTML: what was compared in a sentence, a row a method, and where every measured row is from."""

from collections.abc import Iterator, Mapping
from html import escape

from maskless.report.column import Column
from maskless.report.definitions import meaning
from maskless.report.table import Interval, Intervals, Row, Table, Value
from maskless.report.tables import DIGITS, best
from maskless.report.words import (
    SHORT,
    Provenance,
    basis,
    by_annotation,
    by_definition,
    count,
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

#: By a row's kind of number, how the page writes it.
_MEASURED, _PRINTED = "measured", "printed"


def table_html(table: Table, against: str = "", intervals: Intervals | None = None, level: int = 2) -> str:
    """The heading, the sentence, the table, its notes and, folded away, the runs. Every word is escaped.

    `intervals`, as `maskless.report.tables.intervals` gives them, are the differences to the row called
    `against`, and stand below the means. `level` is that of the heading.
    """
    found = {} if intervals is None else intervals
    cells = {(row.name, column) for row in table.rows for column in table.columns}
    shown = {key: interval for key, interval in found.items() if key in cells}
    return "\n".join(
        filter(
            None,
            [
                f"<h{level}>{escape(heading(table))}</h{level}>",
                _compared(table),
                _grid(table, against, shown),
                *_below(table, against, shown),
                _provenance(table),
            ],
        )
    )


# -- around the table ----------------------------------------------------------------------------------------


def _compared(table: Table) -> str:
    """One sentence: what was scored on what."""
    measured = [row for row in table.rows if not row.citation]
    if not measured:
        return ""
    printed = len(table.rows) - len(measured)
    beside = f", beside {count(printed, 'printed row')}," if printed else ""
    where = f"{table.part} part of {table.source}, {count(len(table.images), 'image')}"
    facts = [
        f"split {table.split or 'not recorded'}",
        f"licence of the data {_or(table.recorded('licence'))}",
        _fingerprint(table),
    ]
    sentence = f"{count(len(measured), 'method')} scored{beside} on the {where}: {'; '.join(facts)}."
    return f"<p>{escape(sentence)}</p>"


def _fingerprint(table: Table) -> str:
    if table.split.endswith("*"):
        return "the fingerprint of each fold is with its run"
    return f"fingerprint {_or({name: word[:SHORT] for name, word in table.recorded('sha256').items()})}"


def _or(recorded: Mapping[str, str]) -> str:
    """What all rows say; else who says what, because then they have not read the same."""
    if len(set(recorded.values())) == 1:
        return next(iter(recorded.values()))
    return ", ".join(f"{word} ({name})" for name, word in recorded.items()) or "not recorded"


def _below(table: Table, against: str, intervals: Intervals) -> Iterator[str]:
    """The key, the footnotes and the notes."""
    arrows = "Arrows point to the better values." if any(map(direction, table.columns)) else ""
    bests = "The best of each column is bold." if best(table) else ""
    yield f'<p class="faint">{escape(" ".join(filter(None, [spread(table), arrows, bests])))}</p>'
    if intervals:
        apart = any(not interval.holds_zero for interval in intervals.values())
        star = " A star marks the others." if apart else ""
        yield f'<p class="faint">{escape(told_apart(against, intervals) + star)}</p>'
    texts = [f"<sup>{letter}</sup> {escape(text)}" for letter, text in footnotes(table).texts]
    if texts:
        yield f'<p class="faint">{"<br>".join(texts)}</p>'
    if table.notes:
        items = "\n".join(f"<li>{escape(note)}</li>" for note in table.notes)
        yield f'<ul class="notes">\n{items}\n</ul>'


def _provenance(table: Table) -> str:
    """The runs of each measured row, folded away."""
    entries = "\n".join(
        f"<dt>{escape(name)}</dt>" + "".join(map(_run, runs)) for name, runs in provenance(table)
    )
    if not entries:
        return ""
    return f"<details><summary>The runs behind the measured rows</summary>\n<dl>\n{entries}\n</dl></details>"


def _run(run: Provenance) -> str:
    told = escape(" · ".join(run.facts))
    return f"<dd><code>{escape(run.command)}</code><small>{told}</small></dd>"


# -- the table -----------------------------------------------------------------------------------------------


def _grid(table: Table, against: str, intervals: Intervals) -> str:
    words = "".join(f'<th scope="col" class="words">{_name(word)}</th>' for word in ("annotation", "values"))
    columns = "".join(_head(column) for column in table.columns)
    bold, marks = best(table), footnotes(table).marks
    rows = []
    for rank, (cost, group) in enumerate(by_annotation(table)):
        for number, row in enumerate(group):
            first = ' class="first"' if number == 0 and rank else ""
            words_of_row = _words(table, row, cost, rank, marks.get(row.name, ""))
            cells = "".join(
                _cell(table, row, column, (row.name, column) in bold, intervals.get((row.name, column)))
                for column in table.columns
            )
            rows.append(f"<tr{first}>{words_of_row}{cells}</tr>")
    return (
        '<div class="wide"><table class="sortable">\n'
        f'<thead><tr><th scope="col">{_name("method")}</th>{words}{columns}</tr></thead>\n'
        "<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table></div>"
    )


def _name(word: str) -> str:
    """What a click sorts by."""
    return f'<span class="name">{escape(word)}</span>'


def _head(column: Column) -> str:
    first = ' data-first="descending"' if direction(column) == "↑" else ""
    beside = " ".join(filter(None, [f"({unit(column)})" * bool(unit(column)), direction(column)]))
    arrow = f' <span class="arrow">{beside}</span>' if beside else ""
    told = escape(meaning(column))
    named = escape(by_definition(column))
    below = f'<abbr title="{told}">{named}</abbr>' if told else named
    return f'<th scope="col"{first}>{_name(metric_name(column))}{arrow}<small>{below}</small></th>'


def _words(table: Table, row: Row, cost: str, rank: int, letters: str) -> str:
    """The name with the letters of its footnotes, what it has cost, and whether it is measured."""
    name = f"<i>{escape(row.name)}</i>" if row.citation else escape(row.name)
    name += f" <sup>{letters}</sup>" if letters else ""
    learnt = next((run.learnt_from for run in row.runs), "")
    name += f"<small>learnt from {escape(learnt)}</small>" if learnt else ""
    if row.seen:
        name += f'<small class="mark">seen: {len(row.seen)} of {count(len(table.images), "image")}</small>'
    if row.lacks:
        name += f'<small class="mark">{escape(row.lacks)}</small>'
    kind = f"<i>{_PRINTED}</i>" if row.citation else _MEASURED
    runs = f"<small>{len(row.runs)} runs</small>" if len(row.runs) > 1 else ""
    return (
        f'<th scope="row" data-value="{escape(row.name)}">{name}</th>'
        f'<td class="words" data-value="{rank}">{escape(cost)}</td><td class="words">{kind}{runs}</td>'
    )


def _cell(table: Table, row: Row, column: Column, is_best: bool, interval: Interval | None) -> str:
    value = row.values.get(column)
    if value is None:
        return "<td>&ndash;</td>"
    mean = f"{value.mean:.{DIGITS}f}"
    mean = f"<strong>{mean}</strong>" if is_best else mean
    shown = f"<i>{mean}</i>" if row.citation else mean
    under = [f"<small>{_spread(value)}</small>" if value.std is not None else ""]
    if few := undefined(table, value):
        under.append(f"<small>{few}</small>")
    if interval:
        gap, _, bounds = difference(interval).partition(" ")
        star = " *" * (not interval.holds_zero)
        under.append(f'<small class="interval">{gap}<br>{bounds}{star}</small>')
    return f'<td data-value="{value.mean!r}">{shown}{"".join(under)}</td>'


def _spread(value: Value) -> str:
    over = basis(value)
    title = f' title="standard deviation over {over}"' if over else ""
    return f"<span{title}>± {value.std:.{DIGITS}f}</span>"
