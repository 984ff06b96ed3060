"""The labelling index on the terminal: a line an image, one of all together, and how far off it is."""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table

from maskless.inference.labelling import pooled_row
from maskless.metrics import mean_absolute_error

#: Of more images only the last line is shown: the others are in labelling_index.csv.
LINES = 30
_CLASSES = ("positive", "negative")


def print_labelling(rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of the rows of one source and part, as `Run.labelling_indices` has them; nothing for none."""
    if not rows:
        return
    first, pooled = rows[0], pooled_row(rows)
    numbers = ("true (nuclei)", "found (nuclei)", "95 % interval", "error", "agree")
    table = Table(
        Column("image", min_width=12, overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in numbers),
        title=f"{first['source']} {first['split']}: labelling index, %",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for row in rows if len(rows) <= LINES else ():
        table.add_row(row["image"], *_cells(row))
    table.add_section()
    table.add_row("all together", *_cells(pooled))
    console = Console()
    console.print(table)
    for sentence in _sentences(rows, pooled):
        console.print(sentence, soft_wrap=True, highlight=False, markup=False)


def _cells(row: Mapping[str, Any]) -> list[str]:
    true, found = (int(row[f"{side}positive"]) + int(row[f"{side}negative"]) for side in ("true_", ""))
    interval = f"{_shown(row['low_95_percent'], 1)} to {_shown(row['high_95_percent'], 1)}" * bool(found)
    return [
        f"{_shown(row['true_index_percent'], 1)} ({true})",
        f"{_shown(row['index_percent'], 1)} ({found})",
        interval,
        _shown(row["error_percent"], 1, sign="+"),
        _shown(row["accuracy"], 3),
    ]


def _sentences(rows: Sequence[Mapping[str, Any]], pooled: Mapping[str, Any]) -> list[str]:
    matched = sum(int(pooled[f"{a}_as_{b}"]) for a in _CLASSES for b in _CLASSES)
    precision, recall = (_shown(pooled[f"positive_{name}"], 3) for name in ("precision", "recall"))
    told = [
        f"positive: {rows[0]['rule']}; agree: classes of the {matched} nuclei that match "
        f"({rows[0]['match']}), where positive has precision {precision} and recall {recall}"
    ]
    true, found = ([_number(row[name]) for row in rows] for name in ("true_index_percent", "index_percent"))
    error, images = mean_absolute_error(true, found)
    if images:
        over = f"{images} image{'s' * (images > 1)}"
        told.append(f"mean absolute error of the index over {over}: {error:.2f} percentage points")
    return told


def _number(cell: Any) -> float:
    """A cell of a CSV, nan where it is empty."""
    return nan if cell in ("", None) else float(cell)


def _shown(cell: Any, digits: int, sign: str = "") -> str:
    value = _number(cell)
    return "\N{EN DASH}" if isnan(value) else f"{value:{sign}.{digits}f}"
