"""GeoJSON that QuPath imports: one detection a nucleus, streamed."""

import colorsys
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import cache
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from maskless.writers import outlines as exact
from maskless.writers.compression import LIMIT_BYTES, GrowingFile
from maskless.writers.geometry import Outline, geometries, mended

#: What QuPath's tables call a column. A column that is not here keeps its name, in words.
MEASUREMENTS: Mapping[str, str] = {
    "area_px": "Area px^2",
    "area_um2": "Area µm^2",
    "perimeter_px": "Perimeter px",
    "major_px": "Major axis px",
    "minor_px": "Minor axis px",
    "haematoxylin_mean": "Hematoxylin: Mean",
    "eosin_mean": "Eosin: Mean",
    "dab_mean": "DAB: Mean",
}
# The id is the name, and centroids are QuPath's own affair.
_NO_MEASUREMENTS = ("id", "row", "col")
_COLOURS: Mapping[str, tuple[int, int, int]] = {"Positive": (250, 62, 62), "Negative": (112, 112, 225)}

_NAMESPACE = UUID("5d1f9c4e-0c0b-5a5e-9d53-6f0f4b1c7a10").bytes
_BATCH = 4096


class GeoJSONFile:
    """A GeoJSON FeatureCollection at `path`, or gzipped at `path`.gz if it exceeds `limit_bytes`.

    A context manager, written as `add` is called, in bounded memory. It takes its name when the block ends
    without an error (see `GrowingFile`), and `path` is then the file that was written; QuPath 0.4 and later
    open either. The same nuclei give the same bytes, however many are added at a time. Raises UserError if
    the file cannot be written.
    """

    def __init__(self, path: str | Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._file = GrowingFile(path, limit_bytes)
        self._separator = b"\n"

    @property
    def path(self) -> Path:
        """PATH, or PATH.gz once the file is large."""
        return self._file.path

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self._file)
            self._file.write(b'{"type":"FeatureCollection","features":[')
            opened.push(self._finish)
            self._opened = opened.pop_all()
        return self

    def add(self, outlines: Iterable[tuple[int, Outline]], nuclei: pd.DataFrame | None = None) -> None:
        """Append a feature, on a line of its own, for each (id, outline).

        Outlines are polygons in px of the image, x to the right and y down, as `writers.outlines.outlines`
        yields them; others are mended so that QuPath takes them (see `mended`). `name` is the id; the
        feature's `id` is a UUID that follows from the outline.

        `nuclei` has a row for each id, in any order, in its column `id`. The column `class` becomes the
        classification, other columns of text metadata, numbers measurements (see `MEASUREMENTS`) of six
        significant digits. What is missing or not finite is left out. Raises ValueError for an outline
        without area, and for an id that `nuclei` does not have, or twice.
        """
        table = None if nuclei is None else _Table(nuclei)
        pending = iter(outlines)
        while batch := list(islice(pending, _BATCH)):
            ids = [nucleus for nucleus, _ in batch]
            shapes = geometries(mended(ids, [outline for _, outline in batch]))
            properties: list[dict[str, Any]] = [{"objectType": "detection", "name": str(i)} for i in ids]
            if table is not None:
                table.fill(properties, ids)
            features = map(_feature, _uuids(shapes), shapes, properties)
            self._file.write(self._separator + b",\n".join(features))
            self._separator = b",\n"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._file.write(b"\n]}\n")


def write_geojson(path: str | Path, instances: npt.NDArray[Any], nuclei: pd.DataFrame | None = None) -> Path:
    """Write the nuclei of `instances` (H, W), integers, 0 = background; give the path of the file.

    Outlines are exact (see `outlines`), `nuclei` is as for `GeoJSONFile.add`. Raises as that does.
    """
    with GeoJSONFile(path) as file:
        file.add(exact.outlines(instances), nuclei)
    return file.path


class _Table:
    """The rows of nuclei, found by id, as properties of features."""

    def __init__(self, nuclei: pd.DataFrame) -> None:
        self._nuclei = nuclei
        self._ids = pd.Index(nuclei["id"])
        if not self._ids.is_unique:
            raise ValueError(f"nucleus {self._ids[self._ids.duplicated()][0]} has more than one row")
        kinds = {str(name): pd.api.types.is_numeric_dtype(kind) for name, kind in nuclei.dtypes.items()}
        self._numbers = [name for name, numeric in kinds.items() if numeric and name not in _NO_MEASUREMENTS]
        self._texts = [name for name, numeric in kinds.items() if not numeric and name != "class"]

    def fill(self, properties: list[dict[str, Any]], ids: list[int]) -> None:
        found = self._ids.get_indexer(pd.Index(ids))
        if (found < 0).any():
            raise ValueError(f"nucleus {ids[int(np.argmin(found))]} has an outline but no row")
        rows = self._nuclei.iloc[found]
        if "class" in rows:
            for into, name in zip(properties, _words(rows["class"]), strict=True):
                if name is not None:
                    into["classification"] = _classification(name)
        _fill(
            properties, "measurements", {_measurement(name): _numbers(rows[name]) for name in self._numbers}
        )
        _fill(properties, "metadata", {name: _words(rows[name]) for name in self._texts})


def _fill(properties: list[dict[str, Any]], key: str, columns: Mapping[str, list[Any]]) -> None:
    # Without columns there are no rows either: then the first zip ends at once.
    for row, into in zip(zip(*columns.values(), strict=True), properties, strict=False):
        if known := {name: value for name, value in zip(columns, row, strict=True) if value is not None}:
            into[key] = known


def _measurement(column: str) -> str:
    words = column.replace("_", " ")
    return MEASUREMENTS.get(column, words[:1].upper() + words[1:])


def _numbers(column: pd.Series) -> list[float | int | None]:
    """Six significant digits, or all those before the point; None where there is no finite number."""
    values = column.to_numpy(np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0)
    if pd.api.types.is_float_dtype(column):
        digits = np.floor(np.log10(np.abs(values, where=values != 0, out=np.ones_like(values))))
        scale = 10.0 ** np.clip(5 - digits, 0, 22)
        values = np.round(values * scale) / scale
    else:
        values = values.astype(np.int64)
    listed: list[float | int | None] = values.tolist()
    for missing in np.flatnonzero(~finite).tolist():
        listed[missing] = None
    return listed


def _words(column: pd.Series) -> list[str | None]:
    return [None if gone else str(word) for word, gone in zip(column, column.isna(), strict=True)]


@cache
def _classification(name: str) -> dict[str, Any]:
    """QuPath's own class and colour if it has one of that name, else a colour that follows from the name.

    QuPath fails on a classification without a colour.
    """
    known = name.capitalize()
    if known in _COLOURS:
        return {"name": known, "color": _COLOURS[known]}
    hue = hashlib.sha1(name.encode(), usedforsecurity=False).digest()[0] / 256
    return {"name": name, "color": [round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.7, 0.9)]}


def _feature(identity: str, geometry: bytes, properties: dict[str, Any]) -> bytes:
    return b'{"type":"Feature","id":"%b","geometry":%b,"properties":%b}' % (
        identity.encode(),
        geometry,
        orjson.dumps(properties),
    )


def _uuids(shapes: list[bytes]) -> list[str]:
    """`uuid.uuid5` of each.

    QuPath keeps an id that is a UUID and silently replaces any other by a random one. Derived from the
    outline it is unique in the file, and two different predictions can be imported side by side.
    """
    digests = b"".join(hashlib.sha1(_NAMESPACE + shape, usedforsecurity=False).digest() for shape in shapes)
    number = np.frombuffer(digests, np.uint8).reshape(-1, 20)[:, :16].copy()
    number[:, 6] = number[:, 6] & 0x0F | 0x50
    number[:, 8] = number[:, 8] & 0x3F | 0x80
    digits = number.tobytes().hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}"
        f"-{digits[at + 16 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, len(digits), 32)
    ]
