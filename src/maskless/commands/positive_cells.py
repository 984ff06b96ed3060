"""Positive cells on the terminal: how many are found, in each image, each category and all together."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table

from maskless.commands.labelling import LINES
from maskless.metrics import Key, pooled
from maskless.metrics.counts import POSITIVE_WITHIN


def print_positive_cells(rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of the scores of one source and part, or why there is none."""
    by_region: dict[str, dict[str, dict[Key, float]]] = {}
    for row in rows:
        if row["definition"].startswith(POSITIVE_WITHIN):
            of_image = by_region.setdefault(row["region"], {}).setdefault(row["image"], {})
            of_image[row["metric"], row["definition"]] = float(row["value"])
    console = Console()
    if not by_region:
        console.print("positive cells are not compared: no µm/px is known of the images", soft_wrap=True)
        return
    images = by_region.pop("all")
    definition = next(definition for scores in images.values() for _, definition in scores)
    columns = ("precision", "recall", "F1", "true", "found", "matched")
    table = Table(
        Column("image", min_width=12, overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in columns),
        title=f"{rows[0]['source']} {rows[0]['split']}: positive cells, {definition}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for image, scores in images.items() if len(images) <= LINES else ():
        table.add_row(image, *_cells([scores], definition))
    table.add_section()
    for category, of_category in sorted(by_region.items()):
        table.add_row(f"{category} ({len(of_category)})", *_cells(list(of_category.values()), definition))
    table.add_row("all together", *_cells(list(images.values()), definition))
    console.print(table)


def _cells(images: Sequence[Mapping[Key, float]], definition: str) -> list[str]:
    scores = pooled(images)
    ratios = [scores[f"point_{name}", definition] for name in ("precision", "recall", "f1")]
    counts = [
        sum(image[f"{name}_points", definition] for image in images) for name in ("true", "pred", "matched")
    ]
    shown = ["\N{EN DASH}" if isnan(value) else f"{value:.3f}" for value in ratios]
    return [*shown, *(f"{count:.0f}" for count in counts)]
