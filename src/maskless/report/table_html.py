"""A table as HTML: what was compared in a sentence, a row a run, and the commands that made them."""

from html import escape

from maskless.report.results import Column
from maskless.report.tables import DIGITS, Row, Table, best

#: How metrics are written; others are their own names, with spaces.
_WORDS = {"aji": "AJI", "object_dice": "object Dice", "dice": "Dice", "iou": "IoU", "f1": "F1"}
#: Characters of a fingerprint or commit that are shown.
_SHORT = 12


def table_html(table: Table) -> str:
    """The heading, the sentence, the table and, folded away, its commands. Every word is escaped."""
    return "\n".join(
        [
            f"<h2>{escape(heading(table))}</h2>",
            f"<p>{escape(_compared(table))}</p>",
            _grid(table),
            f'<p class="faint">{escape(_key(table))}</p>',
            _commands(table),
        ]
    )


def metric_name(column: Column) -> str:
    """'aji' as 'AJI', 'balanced_accuracy' as 'balanced accuracy'."""
    return _WORDS.get(column.metric, column.metric.replace("_", " "))


def heading(table: Table) -> str:
    """'multiorgan, test: 14 images'."""
    return f"{table.source}, {table.part}: {_count(len(table.images), 'image')}"


def _compared(table: Table) -> str:
    """One sentence: what was scored on what."""
    runs = _count(len(table.rows), "run")
    images = _count(len(table.images), "image")
    facts = [
        f"split {_or(table.recorded('split'))}",
        f"licence of the data {_or(table.recorded('licence'))}",
        f"fingerprint {_or({name: word[:_SHORT] for name, word in table.recorded('sha256').items()})}",
    ]
    return f"{runs} scored on the {table.part} part of {table.source}, {images}: {'; '.join(facts)}."


def _or(recorded: dict[str, str]) -> str:
    """What all runs say; else who says what, because then they have not read the same."""
    if len(set(recorded.values())) == 1:
        return next(iter(recorded.values()))
    return ", ".join(f"{word} ({name})" for name, word in recorded.items()) or "not recorded"


def _key(table: Table) -> str:
    told = "Mean over images ± standard deviation over images."
    return f"{told} The best of each column is bold." if len(table.rows) > 1 else told


def _grid(table: Table) -> str:
    columns = "".join(f'<th scope="col">{_column(column)}</th>' for column in table.columns)
    bold = best(table)
    rows = "\n".join(_row(table, row, bold) for row in table.rows)
    words = "".join(f'<th scope="col" class="words">{word}</th>' for word in ("learnt from", "seed", "state"))
    return (
        f'<div class="wide"><table>\n<thead><tr><th scope="col">method</th>{words}{columns}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _column(column: Column) -> str:
    where = "" if column.region == "all" else f"<small>in {escape(column.region)}</small>"
    return f"{escape(metric_name(column))}<small>{escape(column.definition)}</small>{where}"


def _row(table: Table, row: Row, bold: set[tuple[str, Column]]) -> str:
    result = row.result
    words = (result.learnt_from or "no training", result.seed)
    cells = [f'<td class="words">{escape(word)}</td>' for word in words]
    cells.append(f'<td class="words {result.state}">{escape(result.state)}</td>')
    cells += [_cell(table, row, column, (row.name, column) in bold) for column in table.columns]
    # The seed has a column of its own; what else tells a run apart is its folder.
    told = row.name in (result.method, f"{result.method}, seed {result.seed}")
    which = "" if told else f"<small>{escape(row.name)}</small>"
    return f'<tr><th scope="row">{escape(result.method)}{which}</th>{"".join(cells)}</tr>'


def _cell(table: Table, row: Row, column: Column, bold: bool) -> str:
    if column not in row.values:
        return "<td>&ndash;</td>"
    value = row.values[column]
    mean = f"{value.mean:.{DIGITS}f}"
    spread = "" if value.std is None else f"<small>± {value.std:.{DIGITS}f}</small>"
    few = f"<small>{value.count} images</small>" if value.count < len(table.images) else ""
    return f"<td>{f'<strong>{mean}</strong>' if bold else mean}{spread}{few}</td>"


def _commands(table: Table) -> str:
    entries = "\n".join(
        f"<dt>{escape(row.name)}</dt><dd><code>{escape(row.result.command)}</code>"
        f"<small>{escape(str(row.result.path))}{escape(_commit(row.result.commit))}</small></dd>"
        for row in table.rows
    )
    return f"<details><summary>The commands that made these rows</summary>\n<dl>\n{entries}\n</dl></details>"


def _commit(commit: str) -> str:
    return f", at commit {commit[:_SHORT]}{' with changes' * commit.endswith('+')}" if commit else ""


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
