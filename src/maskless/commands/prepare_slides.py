"""maskless prepare of whole slides: their tile index, a table and a picture a slide."""

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from maskless.atomic import write_atomically
from maskless.commands.compose import Config
from maskless.commands.progress import tracked
from maskless.data.readers.slides import Slides
from maskless.data.tile_index import Indexed, index_or_why
from maskless.errors import PartlyDone, UserError

SUMMARY = "index.csv"


def index_slides(source: Slides, config: Config) -> None:
    """Index the slides that are not yet, several at a time, and print a row each.

    A slide or a tile that cannot be read is named and left out; PartlyDone says so in the end, UserError if
    nothing is left.
    """
    slides = source.slides
    try:
        source.index.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write the tile index to {source.index}: give another folder with dataset.index=FOLDER"
        ) from error
    console = Console(soft_wrap=True)
    found: dict[str, Indexed | str] = {}
    work = _indexed(source, config["processes"])
    for name, indexed in tracked(work, "index", len(slides)):
        found[name] = indexed
        for said in [indexed] if isinstance(indexed, str) else indexed.left_out:
            console.print(f"left out: {said}", highlight=False, markup=False)
    _write_summary(source.index / SUMMARY, found)
    console.print(_table(source, found))
    console.print(f"licence: {source.licence}", highlight=False, markup=False)
    bad = sum(isinstance(indexed, str) for indexed in found.values())
    damaged = sum(len(indexed.left_out) for indexed in found.values() if isinstance(indexed, Indexed))
    if bad == len(slides):
        raise UserError(f"none of the {bad} slides in {source.path} can be indexed, as said above")
    left_out = [f"{bad} of {len(slides)} slides"] if bad else []
    if damaged:
        left_out.append("1 damaged place" if damaged == 1 else f"{damaged} damaged places")
    if left_out:
        raise PartlyDone(f"left out, as said above: {' and '.join(left_out)}")


def _indexed(source: Slides, processes: int | None) -> Iterator[tuple[str, Indexed | str]]:
    """Each slide and what became of it, or why it could not be indexed, as they are done."""
    slides = list(source.slides.values())
    workers = min(processes or os.cpu_count() or 1, len(slides))
    if workers < 2:
        for slide in slides:
            yield slide.name, index_or_why(slide, source.tiling, source.index)
        return
    # Not forked: this process has threads, of the progress bar.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        tasks = {pool.submit(index_or_why, slide, source.tiling, source.index): slide for slide in slides}
        try:
            for task in as_completed(tasks):
                yield tasks[task].name, task.result()
        except BrokenProcessPool as error:
            raise UserError(
                "a process that indexed slides was killed, perhaps for want of memory: try again with "
                "processes=1; slides that are done stay so"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _write_summary(file: Path, found: Mapping[str, Indexed | str]) -> None:
    """A row a slide: done or failed, what it holds, or why not."""
    rows: list[dict[str, Any]] = []
    for name, indexed in sorted(found.items()):
        if isinstance(indexed, str):
            rows.append({"slide": name, "state": "failed", "why": indexed})
            continue
        of_powers = {f"tiles_{power}x": count for power, count in indexed.tiles.items()}
        about = {key: getattr(indexed, key) for key in ("width_px", "height_px", "mpp", "power", "tissue")}
        rows.append(
            {"slide": name, "state": "done", **about, **of_powers, "why": "; ".join(indexed.left_out)}
        )
    write_atomically(file, pd.DataFrame(rows).convert_dtypes().to_csv(index=False).encode())


def _table(source: Slides, found: Mapping[str, Indexed | str]) -> Table:
    powers = [f"{power:g}" for power in sorted(source.tiling.powers)]
    table = Table(
        "slide", "size", "µm/px", "tissue", *(f"{power}x" for power in powers),
        title=f"{source.name}: tiles at each power, in {source.index}", title_justify="left",
        box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for name, indexed in sorted(found.items()):
        if isinstance(indexed, str):
            table.add_row(name, "left out")
            continue
        counts = (f"{indexed.tiles[power]:,}" for power in powers)
        size = f"{indexed.height_px}x{indexed.width_px}"
        table.add_row(name, size, f"{indexed.mpp:.4g}", f"{indexed.tissue:.0%}", *counts)
    return table
