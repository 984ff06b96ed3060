"""The files of one slide, by format: all are written in one pass over its nuclei."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import shapely

from maskless.inference.outputs import and_compressed
from maskless.inference.slide.plan import Plan
from maskless.writers import outlines as exact
from maskless.writers.density import Density, write_density
from maskless.writers.geojson import GeoJSONFile
from maskless.writers.geometry import Outline
from maskless.writers.label_pyramid import LabelPyramid
from maskless.writers.tables import TableFile

#: What can be written of a slide, and how the name of the file ends.
SLIDE_FORMATS: Mapping[str, str] = {
    "labels": ".ome.zarr",
    "geojson": ".geojson",
    "csv": ".csv",
    "parquet": ".parquet",
    "density": "_density.png",
}
_DECIMALS = 2


class SlideFiles:
    """The files of a slide called `stem` in `folder`: a context manager, written as `add` is called.

    NAME.ome.zarr holds the labels as a pyramid at the scale of the blocks, NAME.geojson.gz outlines for
    QuPath in px of level 0, NAME.csv and NAME.parquet a row a nucleus, NAME_density.png where they are.
    `written` has the file of each format after the block. Raises UserError for a file that cannot be written.
    """

    def __init__(self, folder: Path, stem: str, plan: Plan, formats: Iterable[str]) -> None:
        self.written = {name: folder / f"{stem}{SLIDE_FORMATS[name]}" for name in formats}
        self._plan = plan
        grid = plan.grid
        self._density = Density(grid.height_px, grid.width_px, plan.mpp)
        self._geojson = GeoJSONFile(self.written["geojson"], 0) if "geojson" in self.written else None
        self._tables = {
            name: TableFile(self.written[name]) for name in ("csv", "parquet") if name in self.written
        }
        self._pyramid = (
            LabelPyramid(self.written["labels"], grid.height_px, grid.width_px, plan.mpp)
            if "labels" in self.written
            else None
        )

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for file in (self._geojson, self._pyramid, *self._tables.values()):
                if file:
                    opened.enter_context(file)
            self._opened = opened.pop_all()
        return self

    def add(self, nuclei: pd.DataFrame, labels: np.ndarray, corner: tuple[int, int]) -> None:
        """Append nuclei: a row each, by rising `id`, and `labels` (h, w) with these ids, from `corner` on.

        The rows are in px of level 0, the labels at the scale of the blocks. A frame without rows gives the
        columns.
        """
        for table in self._tables.values():
            table.add(nuclei)
        if not len(nuclei):
            return
        if self._geojson:
            self._geojson.add(_outlines(labels, corner, self._plan.scale), nuclei)
        if self._pyramid:
            self._pyramid.paint(*corner, labels)
        at_blocks = [(nuclei[name] + 0.5) / self._plan.scale for name in ("row", "col")]
        self._density.add(*at_blocks)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)
        if error is None:
            self.written |= {name: table.path for name, table in self._tables.items()}
            if self._geojson:
                self.written["geojson"] = self._geojson.path
            if "density" in self.written:
                write_density(self.written["density"], self._density, self._plan.thumbnail)


def possible_slide_names(stem: str, formats: Iterable[str]) -> list[str]:
    """The names that the files may be given."""
    return and_compressed([f"{stem}{SLIDE_FORMATS[name]}" for name in formats])


def _outlines(labels: np.ndarray, corner: tuple[int, int], scale: float) -> Iterator[tuple[int, Outline]]:
    """The exact outlines of labels, in px of level 0."""
    found = list(exact.outlines(labels))
    shift = np.array(corner[::-1], np.float64)
    # Sides run along the axes: rounded alike, no ring comes to cross itself.
    moved = shapely.transform(
        [outline for _, outline in found], lambda points: np.round((points + shift) * scale, _DECIMALS)
    )
    return zip([number for number, _ in found], moved, strict=True)
