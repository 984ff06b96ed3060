"""What train and evaluate share: score a Segmenter on a source, keep the rows, show the means."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from maskless.commands.progress import tracked
from maskless.data.fingerprint import describe
from maskless.data.source import Source
from maskless.inference.scoring import score_source
from maskless.runs import Run
from maskless.segmenter import Segmenter
from maskless.writers.labels import write_label_png

Rows = list[dict[str, Any]]


def score_into(
    run: Run, segmenter: Segmenter, source: Source, part: str, *, predictions: bool, progress: bool
) -> Rows:
    """Score every image of a part; write scores.csv and, if wanted, predictions/SOURCE/PART/IMAGE.png."""
    label = run.label(describe(source))
    folder = run.path / "predictions" / label / part
    if predictions:
        folder.mkdir(parents=True, exist_ok=True)
    rows: Rows = []
    scored = score_source(segmenter, source, part, label)
    for one in tracked(scored, f"{label} {part}", len(source.items(part)), progress):
        rows.extend(one.rows)
        if predictions:
            write_label_png(folder / f"{one.sample.item.id}.png", one.found)
    run.add_scores(rows)
    return rows


def means(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """The mean over images of each (metric, definition); undefined values (nan) are left out."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        value = float(row["value"])
        if value == value:
            values.setdefault((row["metric"], row["definition"]), []).append(value)
    return {key: sum(many) / len(many) for key, many in values.items()}


def mean_of(rows: Sequence[dict[str, Any]], metric: str) -> float | None:
    """The mean over images of one metric, None if no image defines it."""
    return next((mean for (name, _), mean in means(rows).items() if name == metric), None)


def print_scores(rows: Sequence[dict[str, Any]]) -> None:
    """A line a metric: the mean over images."""
    images = {row["image"] for row in rows}
    table = Table(
        "metric", "definition", "mean", title=f"{rows[0]['source']} {rows[0]['split']}, {len(images)} images"
    )
    for (metric, definition), mean in means(rows).items():
        table.add_row(metric, definition, f"{mean:.4f}")
    Console().print(table)
