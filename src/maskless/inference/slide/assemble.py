"""From the files of the blocks to the nuclei of the slide: streamed, two rows of blocks at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskless.classify import NEGATIVE, POSITIVE, Classifier
from maskless.inference.slide.nuclei import BlockNuclei, Ints
from maskless.inference.slide.owners import STANDS, Found, decide
from maskless.inference.slide.plan import Plan
from maskless.inference.slide.work import SEEN, BlockWork, part_path

#: Columns that are lengths and areas in px, which are written in px of level 0.
_LENGTHS, _AREAS = ("perimeter_px", "major_px", "minor_px"), ("area_px",)


@dataclass(frozen=True)
class Owned:
    """The nuclei of one block that stand, N of them, in the order of its own ids.

    `table` has a row each (`measure.measured`, with no `id`): places, lengths and areas are in px of level 0.
    `labels` are they, int32 (h, w), 1 to N in that order, 0 = background, from row and column `corner` of the
    slide on, at the scale of the blocks.
    """

    table: pd.DataFrame
    labels: NDArray[np.int32]
    corner: tuple[int, int]


def assembled(work: BlockWork, folder: Path) -> Iterator[Owned]:
    """The nuclei of the slide from the files of all blocks in `folder`, block by block in raster order.

    First come none, with all columns. Each nucleus comes once, and no pixel is of two. In memory are two rows
    of blocks and what is made of one block. Raises UserError for a file that cannot be read.
    """
    plan, classifier = work.plan, work.classifier
    judge = _judge(plan, folder, classifier) if classifier else None
    nowhere = Found.of(plan.grid.block(0, 0), work.no_nuclei())
    yield _owned(plan, nowhere, classifier, judge)
    for found in decided(plan, folder):
        yield _owned(plan, found, classifier, judge)


def decided(plan: Plan, folder: Path) -> Iterator[Found]:
    """All blocks in raster order, and which of their nuclei stand."""
    looked_at = {(block.row, block.col) for block in plan.blocks}
    rows = (list(blocks) for _, blocks in groupby(plan.blocks, key=lambda block: block.row))
    row: list[Found] = []
    for blocks in rows:
        below = [Found.of(block, BlockNuclei.read(part_path(folder, block))) for block in blocks]
        if row:
            decide(plan.grid, row, below, looked_at)
            yield from row
        row = below
    if row:
        decide(plan.grid, row, [], looked_at)
        yield from row


Judge = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _judge(plan: Plan, folder: Path, classifier: Classifier) -> Judge:
    """The classifier's rule by all nuclei of the slide, each in the block whose core holds its centre."""

    def everything() -> Iterator[NDArray[np.float64]]:
        for block in plan.blocks:
            table, (top, left, bottom, right) = BlockNuclei.read(part_path(folder, block)).table, block.core
            row, col = table["row"] + 0.5, table["col"] + 0.5
            own = (row >= top) & (row < bottom) & (col >= left) & (col < right)
            yield _seen(table[own])

    return classifier.rule(everything())


def _seen(table: pd.DataFrame) -> NDArray[np.float64]:
    return table[_seen_columns(table)].to_numpy(np.float64)


def _seen_columns(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table if str(name).startswith(SEEN.format(""))]


def _owned(plan: Plan, found: Found, classifier: Classifier | None, judge: Judge | None) -> Owned:
    places = np.flatnonzero(found.state == STANDS)
    table = found.nuclei.table.iloc[places].reset_index(drop=True)
    lost = {int(at): found.left[int(place)] for at, place in enumerate(places) if int(place) in found.left}
    if lost:  # but for a few pixels they are as they were measured
        area, um2_per_px = table["area_px"].to_numpy().copy(), plan.mpp**2
        area[list(lost)] = [len(left) for left in lost.values()]
        table = table.assign(area_px=area, area_um2=area * um2_per_px)
    if classifier and judge:
        score = judge(_seen(table))
        table = table.drop(columns=_seen_columns(table))
        table[classifier.column] = score
        table["class"] = np.where(score >= classifier.threshold, POSITIVE, NEGATIVE)
    return Owned(_at_level_0(table, plan.scale), *_painted(plan, found.nuclei, places, lost))


def _painted(
    plan: Plan, nuclei: BlockNuclei, places: Ints, lost: Mapping[int, Ints]
) -> tuple[NDArray[np.int32], tuple[int, int]]:
    """The labels of some nuclei of a block, 1 to N, and where they begin; `lost` is what a few have left."""
    if not len(places):
        return np.zeros((0, 0), np.int32), (0, 0)
    box = nuclei.boxes[places]
    top, left = (int(least) for least in box[:, :2].min(axis=0))
    labels = np.zeros(box[:, 2:].max(axis=0) - (top, left), np.int32)
    which, row, col = nuclei.pixels(places)
    whole = ~np.isin(which, list(lost)) if lost else slice(None)
    labels[row[whole] - top, col[whole] - left] = which[whole] + 1
    for at, pixels in lost.items():
        row, col = np.divmod(pixels, plan.grid.width_px)
        labels[row - top, col - left] = at + 1
    return labels, (top, left)


def _at_level_0(table: pd.DataFrame, scale: float) -> pd.DataFrame:
    if scale == 1:
        return table
    places = {name: (table[name] + 0.5) * scale - 0.5 for name in ("row", "col")}
    lengths = {name: table[name] * scale for name in _LENGTHS}
    areas = {name: table[name] * scale**2 for name in _AREAS}
    return table.assign(**places, **lengths, **areas)
