"""The summary of a folder of predictions: a row an image, and a row each of its regions."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from maskless.atomic import write_atomically
from maskless.classify import NEGATIVE, POSITIVE
from maskless.data.annotations import Region
from maskless.inference.analysis import Analysed
from maskless.labelling_index import labelling_index

SUMMARY = "summary.csv"
#: `region` is empty for the whole of an image, or of all its regions together. Areas are of the tissue that
#: was looked at, means of its nuclei. What is not known is empty.
COLUMNS = (
    "image",
    "region",
    "mpp",
    "area_px",
    "area_mm2",
    "nuclei",
    "mean_nucleus_px",
    "mean_nucleus_um2",
    "positive",
    "negative",
    "labelling_index_percent",
    "low_95_percent",
    "high_95_percent",
)

Row = dict[str, Any]

_NOTHING = shapely.GeometryCollection()


def summary_rows(name: str, found: Analysed) -> list[Row]:
    """The rows of the image file called `name`: all that was looked at, then each region."""
    tally = Tally(found.regions)
    tally.add(found.nuclei)
    height, width = found.instances.shape
    return tally.rows(name, (height, width), height * width, found.mpp)


class Tally:
    """Nuclei counted, of all that was looked at and of each of `regions`, as they are added."""

    def __init__(self, regions: Sequence[Region] = ()) -> None:
        self._regions = regions
        self._counts = [_Count() for _ in range(1 + len(regions))]

    def add(self, nuclei: pd.DataFrame) -> None:
        """Count the nuclei of all regions, or of everything: a row each, as `Analysed.nuclei` has them."""
        row, col = nuclei["row"].to_numpy(), nuclei["col"].to_numpy()
        held = [nuclei, *(nuclei[region.holds(row, col)] for region in self._regions)]
        for count, of in zip(self._counts, held, strict=True):
            count.add(of)

    @property
    def nuclei(self) -> int:
        """How many there are in all."""
        return self._counts[0].nuclei

    def rows(
        self,
        name: str,
        size_px: tuple[int, int],
        looked_at_px: float,
        mpp: float | None,
        unseen: shapely.Geometry = _NOTHING,
    ) -> list[Row]:
        """The rows of the file called `name`, of (H, W) px: of so many, if it has no regions.

        Of these all is looked at but `unseen`, an outline in px.
        """
        parts = [shapely.difference(region.within(*size_px), unseen) for region in self._regions]
        areas = [
            float(shapely.union_all(parts).area) if parts else looked_at_px,
            *(part.area for part in parts),
        ]
        names = ["", *(region.name for region in self._regions)]
        return [
            _row(name, region, area_px, count, mpp)
            for region, area_px, count in zip(names, areas, self._counts, strict=True)
        ]


@dataclass
class _Count:
    """Sums over nuclei: None for what was not measured."""

    nuclei: int = 0
    area_px: float = 0
    area_um2: float = 0
    classes: dict[str, int] | None = None

    def add(self, nuclei: pd.DataFrame) -> None:
        self.nuclei += len(nuclei)
        self.area_px += float(nuclei["area_px"].sum())
        if "area_um2" in nuclei:
            self.area_um2 += float(nuclei["area_um2"].sum())
        if "class" in nuclei:
            before = self.classes or {}
            self.classes = {
                name: before.get(name, 0) + int((nuclei["class"] == name).sum())
                for name in (POSITIVE, NEGATIVE)
            }


def readable(text: str) -> str:
    """A name that is no Unicode, or a sentence with one, as what can be written."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_something_else(path: Path) -> bool:
    """Whether there is a file that does not begin as a summary does."""
    header = ",".join(COLUMNS).encode()
    try:
        with path.open("rb") as file:
            return file.readline(len(header) + 2).rstrip() != header
    except OSError:  # it is not there; if it is and cannot be read, writing fails too
        return False


def write_summary(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write summary.csv in `folder`. Raises UserError if it cannot be written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(folder / SUMMARY, text.getvalue().encode())
    return folder / SUMMARY


def _row(name: str, region: str, area_px: float, count: _Count, mpp: float | None) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "image": readable(name),
        "region": region,
        "mpp": mpp,
        "nuclei": count.nuclei,
        "area_px": round(area_px, 2),
    }
    if count.nuclei:
        row["mean_nucleus_px"] = round(count.area_px / count.nuclei, 2)
    if mpp is not None:
        row["area_mm2"] = float(f"{area_px * mpp**2 / 1e6:.6g}")
        if count.nuclei:
            row["mean_nucleus_um2"] = round(count.area_um2 / count.nuclei, 3)
    if count.classes is not None:
        positive, negative = count.classes[POSITIVE], count.classes[NEGATIVE]
        row |= {"positive": positive, "negative": negative}
        if count.nuclei:
            index = labelling_index(positive, negative)
            row |= {
                "labelling_index_percent": round(100 * index.value, 2),
                "low_95_percent": round(100 * index.low, 2),
                "high_95_percent": round(100 * index.high, 2),
            }
    return row
