"""Scored images again, each with the outlines of the truth and of what every run found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskless.build import TARGET, build
from maskless.data.derive import complete
from maskless.data.images import read_labels
from maskless.data.source import Source
from maskless.errors import UserError, first_three
from maskless.metrics import aji
from maskless.report.figures import middle, outline_path, png
from maskless.report.results import Column
from maskless.report.tables import DIGITS, Row, Table
from maskless.signals import Signal

#: Of a larger image its middle is shown, so that a nucleus can be seen.
FIELD_PX = 400
#: Stored and recomputed scores differ by less than this, unless the images or the outlines are others.
SAME = 1e-6


@dataclass(frozen=True)
class Panel:
    """One set of outlines, the `d` of an SVG path in px of the picture; None if there are none to draw."""

    name: str
    outlines: str | None
    caption: str


@dataclass(frozen=True)
class Picture:
    """An image as PNG bytes, `height_px` x `width_px`, and the outlines to lay over it, the truth first."""

    title: str
    tissue: bytes
    height_px: int
    width_px: int
    panels: Sequence[Panel]


def keeps_predictions(table: Table) -> bool:
    """Whether any run of the table has kept label maps of it."""
    return any(_folder(table, row).is_dir() for row in table.rows)


def find_source(table: Table, trust: Sequence[str] = (), data_root: str | None = None) -> Source:
    """The source whose images a table is of, rebuilt from the configuration of one of its runs.

    `data_root` is where the data is today, if a run found it by one. Raises UserError, saying what stood in
    the way, if no configuration leads to a source of that name with those images.
    """
    why: dict[str, None] = {}  # in order, each once
    for row in table.rows:
        for spec in _sources_of(row.result.config):
            try:
                source = build(_where_data_is(spec, data_root), trust)
                if source.name != table.source:
                    continue
                missing = set(table.images) - {item.id for item in source.items(table.part)}
            except UserError as error:
                why[str(error)] = None
                continue
            if not missing:
                return source
            why[f"{len(missing)} of its images are no longer there, {min(missing)} for one"] = None
    unknown = f"no run has {table.source} in its configuration"
    raise UserError(first_three(list(why)) if why else unknown)


def chosen(table: Table, count: int) -> list[tuple[str, str]]:
    """At most `count` images, and what each stands for: 'best of 14 by the AJI of supervised'.

    Best, median and worst by the AJI of the first run, and others evenly between them, best first. Without
    any AJI they are the first ones.
    """
    values = _aji_of(table, table.rows[0])
    ranked = sorted((image for image in values if not isnan(values[image])), key=lambda i: (-values[i], i))
    if not ranked:
        return [(image, "") for image in table.images[:count]]
    last = len(ranked) - 1
    words = {last: "worst of ", last // 2: "median of ", 0: "best of "}
    by = f"{len(ranked)} by the AJI of {table.rows[0].name}"
    return [(ranked[k], words.get(k, f"number {k + 1} of ") + by) for k in _spread(last, count)]


def picture(table: Table, source: Source, image: str, stands_for: str) -> Picture:
    """Read one image again and trace its outlines. Raises UserError naming the file that is at fault."""
    item = next(item for item in source.items(table.part) if item.id == image)
    wanted = (Signal.IMAGE, Signal.INSTANCES)
    sample = complete(source.read(item, wanted), wanted)
    tissue, truth = sample[Signal.IMAGE], sample[Signal.INSTANCES]
    rows, columns = field = middle(truth.shape, FIELD_PX)
    shown = tissue[field]
    size = "" if shown.shape == tissue.shape else f", the middle {_size(shown)} of {_size(tissue)} px"
    return Picture(
        title=f"{image}: {stands_for}{size}" if stands_for else f"{image}{size}",
        tissue=png(shown),
        height_px=rows.stop - rows.start,
        width_px=columns.stop - columns.start,
        panels=[
            Panel("truth", outline_path(truth[field]), f"{_nuclei(truth)} nuclei"),
            *_found(table, image, truth, field),
        ],
    )


def _found(
    table: Table, image: str, truth: npt.NDArray[np.int32], field: tuple[slice, slice]
) -> Iterator[Panel]:
    for row in table.rows:
        file = _folder(table, row) / f"{image}.png"
        if not file.is_file():
            yield Panel(row.name, None, "has not kept its label map")
            continue
        try:
            labels = read_labels(file, truth.shape)
        except UserError as error:
            yield Panel(row.name, None, str(error))
            continue
        now, then = aji(truth, labels), _aji_of(table, row).get(image, float("nan"))
        caption = f"AJI {now:.{DIGITS}f}, {_nuclei(labels)} nuclei"
        if abs(now - then) > SAME:
            caption += f"; scored as {then:.{DIGITS}f}, so on an image, truth or label map other than these"
        yield Panel(row.name, outline_path(labels[field]), caption)


def _sources_of(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for spec in (config.get("dataset"), *(config.get("test") or {}).values()):
        if isinstance(spec, Mapping) and TARGET in spec:
            yield spec


def _where_data_is(spec: Mapping[str, Any], data_root: str | None) -> Mapping[str, Any]:
    """A source that was found by a data_root is below today's one."""
    return {**spec, "data_root": data_root} if data_root and spec.get("data_root") else spec


def _folder(table: Table, row: Row) -> Path:
    return row.result.path / "predictions" / table.source / table.part


def _aji_of(table: Table, row: Row) -> Mapping[str, float]:
    """The AJI of each image of the table, as the run has stored it."""
    scores = row.result.scores[table.source, table.part]
    return scores.get(Column("aji", "kumar", "all"), {})


def _spread(last: int, count: int) -> list[int]:
    """`count` ranks from 0 to `last`: the middle one, then with both ends, then evenly between."""
    if count < 2:
        return [last // 2] * count
    ranks = np.linspace(0, last, min(count, last + 1)).round().astype(int)
    if len(ranks) > 2:
        ranks[len(ranks) // 2 if len(ranks) % 2 else len(ranks) // 2 - 1] = last // 2
    return sorted(set(ranks.tolist()))


def _nuclei(labels: npt.NDArray[Any]) -> int:
    return int(np.count_nonzero(np.unique(labels)))


def _size(image: npt.NDArray[Any]) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"
