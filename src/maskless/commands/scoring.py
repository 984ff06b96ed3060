"""What train and evaluate share: score a Segmenter on a source, keep the rows, show the means."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from maskless.atomic import atomic
from maskless.classify import Classifier
from maskless.commands.progress import tracked
from maskless.data.fingerprint import describe
from maskless.data.source import Source
from maskless.inference.scoring import score_source
from maskless.metrics import DEFINITIONS, HIT_UM, STANDARD
from maskless.report.structure import structure_told
from maskless.report.summary import summary
from maskless.runs import TRANSLATIONS, Run
from maskless.segmenter import Segmenter
from maskless.stored import inside
from maskless.writers.labels import write_label_png

Rows = list[dict[str, Any]]


def score_into(
    run: Run,
    segmenter: Segmenter,
    source: Source,
    part: str,
    *,
    predictions: bool,
    progress: bool,
    classifier: Classifier | None = None,
    hit_um: float = HIT_UM,
) -> Rows:
    """Score every image of a part; write scores.csv and, if wanted, predictions/SOURCE/PART/IMAGE.png.

    With a `classifier`, labelling_index.csv too where there is a true index, and scores of positive cells
    within `hit_um`. Of images that are translated first, structure.csv, and beside the predictions
    translated/IMAGE.jpg.
    """
    label = run.label(describe(source))
    folder = inside(run.path, "predictions", label, part)
    translations = inside(run.path, "predictions", label, part, TRANSLATIONS)
    if predictions:
        folder.mkdir(parents=True, exist_ok=True)
    rows: Rows = []
    indices: Rows = []
    structure: Rows = []
    scored = score_source(segmenter, source, part, label, classifier, hit_um)
    for one in tracked(scored, f"{label} {part}", len(source.items(part)), progress):
        rows.extend(one.rows)
        indices.extend([one.index] if one.index else [])
        structure.extend(one.structure)
        if predictions:
            write_label_png(folder / f"{one.sample.item.id}.png", one.found)
            if one.made is not None:
                _write_translation(translations / f"{one.sample.item.id}.jpg", one.made)
    run.add_scores(rows)
    if indices:
        run.add_labelling_indices(indices)
    if structure:
        run.add_structure(structure)
    return rows


def mean_of(rows: Sequence[dict[str, Any]], metric: str) -> float | None:
    """The mean over images of a metric by its standard definition, None if no image defines it."""
    found = summary(_values(rows).get((metric, STANDARD[metric]), []))
    return found[0] if found else None


def table_of(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Of rows of scores.csv a row a source, part, metric and definition: the mean, and of how many images."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in ("source", "split", "metric", "definition"))
        groups.setdefault(key, []).append(float(row["value"]))
    return [
        dict(zip(("source", "split", "metric", "definition"), key, strict=True))
        | {"mean": found[0], "images": found[2]}
        for key, values in groups.items()
        if (found := summary(values))
    ]


def print_structure(rows: Sequence[Mapping[str, Any]]) -> None:
    """What translations have kept, a sentence a comparison: means over images."""
    for told in structure_told(rows):
        print(f"structure: {told}")


def print_scores(rows: Sequence[dict[str, Any]]) -> None:
    """A line a metric, by its standard definition: the mean over images."""
    values = _values(rows)
    images = {row["image"] for row in rows}
    table = Table(
        "metric", "definition", "mean", title=f"{rows[0]['source']} {rows[0]['split']}, {len(images)} images"
    )
    for key in DEFINITIONS.items():
        if found := summary(values.get(key, [])):
            table.add_row(*key, f"{found[0]:.4f}")
    Console().print(table)


def _write_translation(path: Path, made: NDArray[np.uint8]) -> None:
    """A picture to be looked at, RGB uint8 (H, W, 3), and so a JPEG: there may be hundreds."""
    path.parent.mkdir(exist_ok=True)
    with atomic(path) as file:
        Image.fromarray(made).save(file, "JPEG", quality=95)


def _values(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        values.setdefault((row["metric"], row["definition"]), []).append(float(row["value"]))
    return values
