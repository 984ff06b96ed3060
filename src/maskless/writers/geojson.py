"""GeoJSON that QuPath imports: one detection a nucleus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from maskless.atomic import atomic
from maskless.writers.outlines import outlines

_NAMESPACE = UUID("5d1f9c4e-0c0b-5a5e-9d53-6f0f4b1c7a10")


def write_geojson(
    path: str | Path, instances: npt.NDArray[Any], classes: Mapping[int, str] | None = None
) -> None:
    """Write the nuclei of `instances` (H, W), integers, 0 = background, as a GeoJSON FeatureCollection.

    Outlines are exact, in px of the image, x to the right and y down (see `outlines`). `name` is the id in
    `instances`, `classification` what `classes` says of that id, if anything. The same nuclei give the same
    bytes. Features are written one by one, a line each. Raises UserError if the file cannot be written.
    """
    classes = classes or {}
    with atomic(path) as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        separator = b"\n"
        for nucleus, outline in outlines(instances):
            file.write(separator)
            file.write(_feature(nucleus, outline, classes.get(nucleus)))
            separator = b",\n"
        file.write(b"\n]}\n")


def _feature(nucleus: int, outline: shapely.Polygon | shapely.MultiPolygon, name: str | None) -> bytes:
    parts = [_coordinates(part) for part in shapely.get_parts(outline)]
    geometry = orjson.dumps(
        {"type": outline.geom_type, "coordinates": parts[0] if len(parts) == 1 else parts},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    properties: dict[str, Any] = {"objectType": "detection", "name": str(nucleus)}
    if name is not None:
        properties["classification"] = {"name": name}
    # QuPath keeps an id that is a UUID and silently replaces any other by a random one. Derived from the
    # outline it is unique in the file, and two different predictions can be imported side by side.
    identity = str(uuid5(_NAMESPACE, geometry.decode()))
    feature = {
        "type": "Feature",
        "id": identity,
        "geometry": orjson.Fragment(geometry),
        "properties": properties,
    }
    return orjson.dumps(feature)


def _coordinates(polygon: shapely.Polygon) -> list[npt.NDArray[np.int32]]:
    rings = (polygon.exterior, *polygon.interiors)
    return [shapely.get_coordinates(ring).astype(np.int32) for ring in rings]
