"""Nuclei drawn in QuPath, as it exports them: points and polygons of a GeoJSON file, with their classes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.data.annotations import class_of, features, kind_of, properties_of
from maskless.errors import UserError

#: Objects that are no nuclei. Detections and cells are: a person may have corrected what a program found.
_NO_NUCLEI = frozenset({"tile", "tmacore", "tma_core", "root"})
_FARTHEST_PX = 1e7  # no slide is as wide

Ring = NDArray[np.float64]


@dataclass(frozen=True)
class Outline:
    """A closed outline, in the order of its file.

    `name` is for messages. `rings` are float64 (N, 2) each, (x, y) in px from the top left corner of the
    image, x to the right: one or more, not closed, holes wound the other way; N may be anything. `word` is
    the class, '' if there is none. `hole` is true for what the file calls a negative region.
    """

    name: str
    rings: list[Ring]
    word: str = ""
    hole: bool = False


@dataclass(frozen=True)
class Drawing:
    """What a file holds.

    `points` are float64 (N, 2), (x, y) in px from the top left corner, and `words` the class of each, '' if
    there is none. `others` names what is neither point nor outline, and is passed over.
    """

    outlines: list[Outline]
    points: NDArray[np.float64]
    words: list[str]
    others: list[str]


def read_drawing(path: Path) -> Drawing:
    """The annotations, detections and cells of a GeoJSON file as QuPath writes it. Of a cell, its nucleus.

    Lines are passed over. A file without any object is an image without nuclei. Raises UserError, naming file
    and feature, for what cannot be read and for coordinates that are no place in an image.
    """
    outlines: list[Outline] = []
    points, words, others = [np.zeros((0, 2))], list[str](), list[str]()
    for k, feature in enumerate(features(path), 1):
        if kind_of(feature) in _NO_NUCLEI:
            continue
        name, word = f"feature {k}", class_of(properties_of(feature))
        geometry: Any = feature.get("nucleusGeometry") or feature.get("geometry")
        kind = str(geometry.get("type") or "") if isinstance(geometry, dict) else ""
        try:
            coordinates: Any = geometry["coordinates"] if kind else None
            if kind in ("Point", "MultiPoint"):
                places = _places([coordinates] if kind == "Point" else coordinates)
                points.append(places)
                words += [word] * len(places)
            elif kind in ("Polygon", "MultiPolygon"):
                polygons = [coordinates] if kind == "Polygon" else coordinates
                outlines.append(Outline(name, [ring for rings in polygons for ring in _rings(rings)], word))
            elif kind:
                others.append(f"{name} (a {kind})")
            else:
                raise UserError(f"{path}: {name} is without a geometry: export it again")
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise UserError(
                f"{path}: {name} has coordinates that make no {kind or 'geometry'}: export it again"
            ) from error
    return Drawing(outlines, np.concatenate(points), words, others)


def _places(coordinates: Any) -> NDArray[np.float64]:
    """Positions (x, y[, z]) as float64 (N, 2). Raises ValueError for what are none."""
    found = np.asarray(coordinates, np.float64)
    if found.size == 0:
        return np.zeros((0, 2))
    if found.ndim != 2 or found.shape[1] < 2 or not (np.abs(found[:, :2]) <= _FARTHEST_PX).all():
        raise ValueError("no positions in an image")
    return found[:, :2]


def _rings(polygon: Any) -> list[Ring]:
    """The outline of a polygon, then its holes, wound the other way."""
    rings = [_open(_places(ring)) for ring in polygon]
    return [ring[::-1] if (_turn(ring) > 0) != (k == 0) else ring for k, ring in enumerate(rings)]


def _open(ring: Ring) -> Ring:
    """Without the last vertex, if it is the first once more."""
    return ring[:-1] if len(ring) > 1 and (ring[0] == ring[-1]).all() else ring


def _turn(ring: Ring) -> float:
    """Twice the area that a ring encloses, below 0 if it is wound the other way."""
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
