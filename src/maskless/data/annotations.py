"""Regions drawn in QuPath, as it exports them: GeoJSON annotations, read back."""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from maskless.errors import UserError, did_you_mean

#: The longest text, unpacked: some two million points as QuPath writes them, each of which takes 1 kB then.
MOST_BYTES = 2**29
_AREAS = ("Polygon", "MultiPolygon")
_NO_AREAS = ("Point", "MultiPoint", "LineString", "MultiLineString")
#: What QuPath exports beside annotations when all objects are selected: results, which limit nothing.
_NO_REGION = frozenset({"detection", "cell", "tile", "tmacore", "tma_core", "root"})


@dataclass(frozen=True)
class Region:
    """An area of an image by name.

    `outline` is in px, x to the right and y down from the corner of the image: pixel (row, col) covers
    [col, col + 1] x [row, row + 1].
    """

    name: str
    outline: shapely.Polygon | shapely.MultiPolygon

    def holds(self, row: NDArray[Any], col: NDArray[Any]) -> NDArray[np.bool_]:
        """Which points, px, with (0, 0) the centre of the first pixel, lie within: bool, of their shape.

        What is exactly on the outline does.
        """
        shapely.prepare(self.outline)
        return shapely.intersects_xy(self.outline, np.asarray(col) + 0.5, np.asarray(row) + 0.5)

    def within(self, height_px: int, width_px: int) -> shapely.Polygon | shapely.MultiPolygon:
        """The outline's part in an image of this size; empty if it lies outside."""
        return shapely.intersection(self.outline, shapely.box(0, 0, width_px, height_px))


def read_regions(path: str | Path, notes: list[str] | None = None) -> list[Region]:
    """The annotations of a GeoJSON file (.geojson, .json, or either with .gz), in its order.

    It is a FeatureCollection, a Feature, or a list of Features, as QuPath writes them. What is no annotation
    (a detection, a cell) is passed over, and so are points and lines beside areas, of which a sentence goes
    to `notes`. A region's name is that of the annotation, else of its class, else
    'region 1', 'region 2', ...; a name that occurs again is numbered. Outlines that cross themselves are
    taken by the even-odd rule. Raises UserError, naming file and feature, for what cannot be read, for an
    area of nothing, for a file without annotations, and for one of points and lines alone.
    """
    path = Path(path)
    annotations = list(_annotations(path))
    areas = [annotation for annotation in annotations if _kind(annotation[1]) not in _NO_AREAS]
    drawn = [
        (_name(properties) or f"region {k}", _outline(where, geometry))
        for k, (where, geometry, properties) in enumerate(areas or annotations, 1)
    ]
    if not drawn:
        raise UserError(f"{path} has no annotations: draw a region in QuPath, and export it as GeoJSON")
    if notes is not None and len(areas) < len(annotations):
        kinds = sorted({_kind(geometry) for _, geometry, _ in annotations} - set(_AREAS))
        passed = len(annotations) - len(areas)
        notes.append(
            f"{path}: {passed} of {len(annotations)} annotations passed over ({', '.join(kinds)}), which are "
            "no areas"
        )
    return [
        Region(name, outline)
        for name, (_, outline) in zip(_numbered([name for name, _ in drawn]), drawn, strict=True)
    ]


def regions_file(path: str | Path, stem: str) -> Path:
    """The file of the regions of the image called `stem`: in the folder `path`, STEM.geojson or .geojson.gz.

    Raises UserError if there is none.
    """
    folder = Path(path)
    for ending in (".geojson", ".geojson.gz"):
        if (folder / f"{stem}{ending}").is_file():
            return folder / f"{stem}{ending}"
    known = [file.name for file in folder.glob("*.geojson*")]
    raise UserError(f"{folder} has no {stem}.geojson for this image{did_you_mean(f'{stem}.geojson', known)}")


def refuse_outside(path: Path, regions: list[Region], height_px: int, width_px: int) -> None:
    """Raise UserError for the first region of which nothing lies in an image of this size."""
    for region in regions:
        if region.within(height_px, width_px).area == 0:
            left, top, right, bottom = region.outline.bounds
            raise UserError(
                f"{path}: {region.name} lies outside the image, which is {width_px} x {height_px} px: it is "
                f"at x {left:g} to {right:g}, y {top:g} to {bottom:g}; was it drawn on another image?"
            )


def features(path: Path) -> list[dict[str, Any]]:
    """The features of a GeoJSON file, in its order. Raises UserError for a file that is damaged or none."""
    content = _content(path)
    if isinstance(content, dict) and content.get("type") == "Feature":
        found = [content]
    elif isinstance(content, dict) and isinstance(content.get("features"), list):
        found = content["features"]
    elif isinstance(content, list):
        found = content
    else:
        raise UserError(f"{path} is no GeoJSON of features: export the annotations in QuPath as GeoJSON")
    for k, feature in enumerate(found, 1):
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise UserError(f"{path}: number {k} of {len(found)} is no GeoJSON feature")
    return found


def properties_of(feature: dict[str, Any]) -> dict[str, Any]:
    """The properties of a feature; empty if it has none."""
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def kind_of(feature: dict[str, Any]) -> str:
    """What QuPath calls the object: 'annotation', 'detection', 'cell', ...; '' if it does not say."""
    properties = properties_of(feature)
    # Before QuPath 0.3 the type of the object was the feature's id, as in PathAnnotationObject.
    kind = properties.get("objectType") or properties.get("object_type") or feature.get("id") or ""
    return str(kind).removeprefix("Path").removesuffix("Object").lower()


def class_of(properties: dict[str, Any]) -> str:
    """The class that QuPath gave an object, 'Tumor: Positive' if it has several names; or ''."""
    kind = properties.get("classification")
    if not isinstance(kind, dict):
        return ""
    if isinstance(names := kind.get("names"), list):
        return ": ".join(map(str, names))
    return str(kind.get("name") or "").strip()


def _annotations(path: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Where each annotation stands, for sentences, its geometry and its properties."""
    for k, feature in enumerate(features(path), 1):
        if kind_of(feature) in _NO_REGION:
            continue
        properties = properties_of(feature)
        named = f", {_name(properties)}," if _name(properties) else ""
        yield f"{path}: feature {k}{named}", feature.get("geometry"), properties


def _content(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.open(file) if packed else file as stream:
                data = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:  # a small .gz can hold any amount
            raise UserError(
                f"{path} holds more than {MOST_BYTES // 2**20} MiB of text: export fewer objects at a time"
            )
        return _parsed(data)
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder, where a GeoJSON file is expected") from error
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}: give region=FILE.geojson") from error
    except orjson.JSONDecodeError as error:
        raise UserError(
            f"{path} is no valid JSON (line {error.lineno}, column {error.colno}): export it again"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is cut short or damaged: export it again") from error
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}") from error


def _parsed(data: bytes) -> Any:
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:  # QuPath 0.4 writes a bare NaN where a measurement is missing: null, once it went through orjson
            return orjson.loads(orjson.dumps(json.loads(data)))
        except (ValueError, TypeError, RecursionError):
            pass
        raise


def _kind(geometry: Any) -> str:
    """The type of a geometry, or '' if it is none."""
    return str(geometry.get("type") or "") if isinstance(geometry, dict) else ""


def _outline(where: str, geometry: Any) -> shapely.Polygon | shapely.MultiPolygon:
    kind = _kind(geometry)
    if kind not in _AREAS:
        raise UserError(
            f"{where} is {f'a {kind}' if kind else 'without a geometry'}: a region is an area, a Polygon or "
            "MultiPolygon (draw it with QuPath's rectangle, ellipse, polygon, brush or wand)"
        )
    try:
        outline = shape(geometry)
        finite = np.isfinite(shapely.get_coordinates(outline)).all()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.GEOSException) as error:
        raise UserError(f"{where} has coordinates that make no {kind}: export it again") from error
    areas = _even_odd(outline) if finite else None
    if areas is None or areas.is_empty:
        raise UserError(f"{where} encloses nothing: draw it again")
    return areas


def _even_odd(outline: shapely.Geometry) -> shapely.Polygon | shapely.MultiPolygon | None:
    """The valid area of an outline, without the lines and points that mending leaves."""
    mended = shapely.force_2d(outline if outline.is_valid else shapely.make_valid(outline))
    areas = [part for part in shapely.get_parts(mended) if part.geom_type in _AREAS and part.area > 0]
    return shapely.union_all(areas) if areas else None


def _name(properties: dict[str, Any]) -> str:
    """The name of an annotation, or of its class, or ''."""
    return str(properties.get("name") or "").strip() or class_of(properties)


def _numbered(names: list[str]) -> list[str]:
    """The names, each once: 'Tumor', 'Tumor (2)', ..."""
    found: dict[str, None] = {}
    last: dict[str, int] = {}
    for name in names:
        candidate, k = name, last.get(name, 1)
        while candidate in found:
            k += 1
            candidate = f"{name} ({k})"
        found[candidate], last[name] = None, k
    return list(found)
