"""What pictures can be made of: the images that a run was scored on, its label maps, and the source."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from maskless.build import TARGET, build, resolve
from maskless.data.source import Source
from maskless.errors import UserError, first_three
from maskless.metrics import DEFINITIONS
from maskless.report.column import Column
from maskless.report.results import Result, images_of
from maskless.report.table import Row, Table
from maskless.runs import TRANSLATIONS

AJI = Column("aji", DEFINITIONS["aji"])
POINT_F1 = Column("point_f1", DEFINITIONS["point_f1"])


def ranking(table: Table) -> Column:
    """What images are ranked by, and pictures are named with: the AJI, or where the truth is points F1."""
    having = {column for row in table.rows for column in row.by_image}
    return POINT_F1 if POINT_F1 in having and AJI not in having else AJI


def scorers(table: Table, row: Row, image: str) -> list[Result]:
    """The runs of a row that have scored an image of the table: of folds one, of seeds all, in order."""
    return [run for run in row.runs if image in _images(table, run)]


def keeper(table: Table, row: Row, image: str) -> Result | None:
    """The first run of a row that has scored the image and kept its label map, if there is one."""
    runs = scorers(table, row, image)
    return next((run for run in runs if label_map(table, run, image).is_file()), None)


def keeps_any(table: Table, row: Row) -> bool:
    """Whether any run of a row has kept label maps of the table's part."""
    return any(_label_maps(table, run).is_dir() for run in row.runs)


def label_map(table: Table, run: Result, image: str) -> Path:
    """Where a run keeps its label map of an image of the table, whether it does or not."""
    return _label_maps(table, run) / f"{image}.png"


def translation(table: Table, run: Result, image: str) -> Path:
    """Where a run that translates keeps its translation of an image of the table, whether it does or not."""
    return _label_maps(table, run) / TRANSLATIONS / f"{image}.jpg"


def chosen(table: Table, row: Row, count: int) -> list[tuple[str, str]]:
    """At most `count` images of all that a row's runs have scored, and what each stands for: 'best of 14'.

    Best, median and worst by the score of `ranking`, its mean over seeds, and others evenly between them,
    best first; of two, the best and the worst, and one is the median. Without any they are the first ones.
    """
    values = row.by_image.get(ranking(table), {})
    ranked = sorted((image for image in values if not isnan(values[image])), key=lambda i: (-values[i], i))
    if not ranked:
        images = dict.fromkeys(image for run in row.runs for image in _images(table, run))
        return [(image, "") for image in list(images)[:count]]
    last = len(ranked) - 1
    words = {last: "worst", last // 2: "median", 0: "best"}
    return [(ranked[k], f"{words.get(k, f'number {k + 1}')} of {len(ranked)}") for k in _spread(last, count)]


def stored(table: Table, run: Result) -> Mapping[str, float]:
    """The score of `ranking` of each image, as the run has stored it."""
    return run.scores.get((table.source, table.part), {}).get(ranking(table), {})


def find_source(table: Table, run: Result, trust: Sequence[str] = (), data_root: str | None = None) -> Source:
    """The source whose images a run was scored on, rebuilt from its configuration or that of another run.

    `data_root` is where the data is today, if a run found it by one. Raises UserError, saying what stood in
    the way, if no configuration leads to a source of that name with those images.
    """
    why: dict[str, None] = {}  # in order, each once
    other = "the configurations of the runs name other data"
    wanted = set(_images(table, run))
    for spec in _sources_of(run, *(one for row in table.rows for one in row.runs)):
        try:
            if not issubclass(resolve(spec[TARGET], trust), Source):
                continue
            source = build(_where_data_is(spec, data_root), trust)
            if source.name != table.source:
                continue
            missing = wanted - {item.id for item in source.items(table.part)}
        except UserError as error:
            why[str(error)] = None
            continue
        if not missing:
            return source
        lacks = f"{len(missing)} of the {len(wanted)} images that were scored are not in it"
        why[f"{other}, or it has changed: {lacks}, {min(missing)} for one"] = None
    raise UserError(first_three(list(why)) if why else f"{other}: none of it is called {table.source}")


def _sources_of(*runs: Result) -> Iterator[Mapping[str, Any]]:
    for run in runs:
        for spec in (run.config.get("dataset"), *(run.config.get("test") or {}).values()):
            if isinstance(spec, Mapping) and TARGET in spec:
                yield spec


def _where_data_is(spec: Mapping[str, Any], data_root: str | None) -> Mapping[str, Any]:
    """A source that was found by a data_root is below today's one."""
    return {**spec, "data_root": data_root} if data_root and spec.get("data_root") else spec


def _label_maps(table: Table, run: Result) -> Path:
    return run.path / "predictions" / run.label / table.part


def _images(table: Table, run: Result) -> list[str]:
    return images_of(run.scores.get((table.source, table.part), {}))


def _spread(last: int, count: int) -> list[int]:
    """`count` ranks from 0 to `last`: the middle one, then both ends, then with those evenly between."""
    if count < 2:
        return [last // 2] * count
    ranks = np.linspace(0, last, min(count, last + 1)).round().astype(int)
    if len(ranks) > 2:
        ranks[len(ranks) // 2 if len(ranks) % 2 else len(ranks) // 2 - 1] = last // 2
    return sorted(set(ranks.tolist()))
