"""The summary of a folder of predictions: a row an image, and a row each of its regions."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from maskless.atomic import write_atomically
from maskless.classify import NEGATIVE, POSITIVE
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


def summary_rows(name: str, found: Analysed) -> list[Row]:
    """The rows of the image file called `name`: all that was looked at, then each region."""
    height, width = found.instances.shape
    parts = [region.within(height, width) for region in found.regions]
    whole_px = float(shapely.union_all(parts).area) if parts else height * width
    rows = [_row(name, "", whole_px, found.nuclei, found.mpp)]
    for region, part in zip(found.regions, parts, strict=True):
        held = region.holds(found.nuclei["row"].to_numpy(), found.nuclei["col"].to_numpy())
        rows.append(_row(name, region.name, float(part.area), found.nuclei[held], found.mpp))
    return rows


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


def _row(name: str, region: str, area_px: float, nuclei: pd.DataFrame, mpp: float | None) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"image": name, "region": region, "mpp": mpp, "nuclei": len(nuclei), "area_px": round(area_px, 2)}
    if len(nuclei):
        row["mean_nucleus_px"] = round(float(nuclei["area_px"].mean()), 2)
    if mpp is not None:
        row["area_mm2"] = float(f"{area_px * mpp**2 / 1e6:.6g}")
        if len(nuclei):
            row["mean_nucleus_um2"] = round(float(nuclei["area_um2"].mean()), 3)
    if "class" in nuclei:
        positive, negative = (int((nuclei["class"] == name).sum()) for name in (POSITIVE, NEGATIVE))
        row |= {"positive": positive, "negative": negative}
        if len(nuclei):
            index = labelling_index(positive, negative)
            row |= {
                "labelling_index_percent": round(100 * index.value, 2),
                "low_95_percent": round(100 * index.low, 2),
                "high_95_percent": round(100 * index.high, 2),
            }
    return row
