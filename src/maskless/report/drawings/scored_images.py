"""What pictures can be made of: the images that a run was scored on, its label maps, and the source."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from maskless.build import TARGET, build
from maskless.data.source import Source
from maskless.errors import UserError, first_three
from maskless.report.column import Column
from maskless.report.results import Result
from maskless.report.table import Row, Table

#: What images are ranked by, and pictures are named with.
AJI = Column("aji", "kumar")


def keeper(table: Table, row: Row) -> Result | None:
    """The first run of a row that has kept label maps of the table's images, if there is one."""
    return next((run for run in row.runs if label_maps(table, run).is_dir()), None)


def label_maps(table: Table, run: Result) -> Path:
    """Where a run keeps its label maps of the table's images, whether it does or not."""
    return run.path / "predictions" / table.source / table.part


def chosen(table: Table, run: Result, count: int) -> list[tuple[str, str]]:
    """At most `count` images of a run, and what each stands for: 'best of 14'.

    Best, median and worst by its AJI, and others evenly between them, best first; of two, the best and the
    worst, and one is the median. Without any AJI they are the first ones.
    """
    values = aji_of(table, run)
    ranked = sorted((image for image in values if not isnan(values[image])), key=lambda i: (-values[i], i))
    if not ranked:
        return [(image, "") for image in _images(table, run)[:count]]
    last = len(ranked) - 1
    words = {last: "worst", last // 2: "median", 0: "best"}
    return [(ranked[k], f"{words.get(k, f'number {k + 1}')} of {len(ranked)}") for k in _spread(last, count)]


def aji_of(table: Table, run: Result) -> Mapping[str, float]:
    """The AJI of each image, as the run has stored it."""
    return run.scores.get((table.source, table.part), {}).get(AJI, {})


def find_source(table: Table, run: Result, trust: Sequence[str] = (), data_root: str | None = None) -> Source:
    """The source whose images a run was scored on, rebuilt from its configuration or that of another run.

    `data_root` is where the data is today, if a run found it by one. Raises UserError, saying what stood in
    the way, if no configuration leads to a source of that name with those images.
    """
    why: dict[str, None] = {}  # in order, each once
    name = run.described.get(table.source, {}).get("name", table.source)
    wanted = set(_images(table, run))
    for spec in _sources_of(run, *(other for row in table.rows for other in row.runs)):
        try:
            source = build(_where_data_is(spec, data_root), trust)
            if source.name != name:
                continue
            missing = wanted - {item.id for item in source.items(table.part)}
        except UserError as error:
            why[str(error)] = None
            continue
        if not missing:
            return source
        why[f"{len(missing)} of its images are no longer there, {min(missing)} for one"] = None
    raise UserError(first_three(list(why)) if why else f"no run has {name} in its configuration")


def _sources_of(*runs: Result) -> Iterator[Mapping[str, Any]]:
    for run in runs:
        for spec in (run.config.get("dataset"), *(run.config.get("test") or {}).values()):
            if isinstance(spec, Mapping) and TARGET in spec:
                yield spec


def _where_data_is(spec: Mapping[str, Any], data_root: str | None) -> Mapping[str, Any]:
    """A source that was found by a data_root is below today's one."""
    return {**spec, "data_root": data_root} if data_root and spec.get("data_root") else spec


def _images(table: Table, run: Result) -> list[str]:
    scored = run.scores.get((table.source, table.part), {}).values()
    return list(dict.fromkeys(image for values in scored for image in values))


def _spread(last: int, count: int) -> list[int]:
    """`count` ranks from 0 to `last`: the middle one, then both ends, then with those evenly between."""
    if count < 2:
        return [last // 2] * count
    ranks = np.linspace(0, last, min(count, last + 1)).round().astype(int)
    if len(ranks) > 2:
        ranks[len(ranks) // 2 if len(ranks) % 2 else len(ranks) // 2 - 1] = last // 2
    return sorted(set(ranks.tolist()))
