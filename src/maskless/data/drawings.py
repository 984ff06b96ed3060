"""What a person has drawn on an image in QuPath or ImageScope: outlines and points, with their classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.data import imagescope, qupath
from maskless.data.polygons import rasterise
from maskless.data.qupath import Drawing, Outline

#: Endings of the files that can be read.
ENDINGS = frozenset({".geojson", ".json", ".gz", ".xml"})
_LEAST_VERTICES = 3


@dataclass(frozen=True)
class Areas:
    """The classes of outlines that are no nuclei.

    Within those of class `region` the annotation is complete; of what lies in those of class `ignore` nothing
    is known. The defaults are classes that QuPath comes with.
    """

    region: str = "Region*"
    ignore: str = "Ignore*"


def read_drawing(path: Path) -> Drawing:
    """A file of QuPath (GeoJSON, .geojson, .json or either with .gz) or of ImageScope (.xml).

    Of ImageScope the class is the name of the layer, if that has one. Raises UserError naming the file for
    what cannot be read.
    """
    if path.suffix.lower() != ".xml":
        return qupath.read_drawing(path)
    regions = imagescope.read_regions(path)
    outlines = [Outline(r.name, [r.vertices], r.layer, r.hole) for r in regions]
    return Drawing(outlines, np.zeros((0, 2)), [], [])


def instances(drawing: Drawing, areas: Areas, size: tuple[int, int]) -> NDArray[np.int32]:
    """Labels int32 (H, W): the k-th outline of the file has id k, background where a hole is.

    What `rasterise` says holds: of two that overlap the earlier has the pixel, and an id can be absent.
    """
    nuclei = [o for o in drawing.outlines if not _is_area(o, areas)]
    labels = rasterise([[] if o.hole or _is_area(o, areas) else o.rings for o in drawing.outlines], size)
    labels[_covered([o for o in nuclei if o.hole], size)] = 0
    return labels


def region(drawing: Drawing, areas: Areas, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Where the annotation is complete, uint8 (H, W): in the areas of that class, everywhere if there is
    none, but not in those that are to be ignored."""
    within = [o for o in drawing.outlines if o.word == areas.region]
    complete = _area(within, size) if within else np.ones(size, bool)
    ignored = _area([o for o in drawing.outlines if o.word == areas.ignore], size)
    return (complete & ~ignored).astype(np.uint8)


def without_nucleus(path: Path, drawing: Drawing, areas: Areas, labels: NDArray[np.int32]) -> list[str]:
    """A sentence on the outlines that gave no nucleus in `labels`, which are `instances`; none if all did."""
    drawn = set(np.unique(labels).tolist())
    nuclei = [(k, o) for k, o in enumerate(drawing.outlines, 1) if not o.hole and not _is_area(o, areas)]
    lost = [
        f"{o.name} with {_vertices(o)} vertices" if _vertices(o) < _LEAST_VERTICES else o.name
        for k, o in nuclei
        if k not in drawn
    ]
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return [
        f"{path}: {len(lost)} of {len(nuclei)} outlines without a pixel of their own, left out: "
        f"{', '.join(lost[:3])}{more}"
    ] * bool(lost)


def _vertices(outline: Outline) -> int:
    return max((len(ring) for ring in outline.rings), default=0)


def _is_area(outline: Outline, areas: Areas) -> bool:
    return outline.word in (areas.region, areas.ignore)


def _area(outlines: Sequence[Outline], size: tuple[int, int]) -> NDArray[np.bool_]:
    """What the outlines cover together, without the holes among them: bool (H, W)."""
    return _covered([o for o in outlines if not o.hole], size) & ~_covered(
        [o for o in outlines if o.hole], size
    )


def _covered(outlines: Sequence[Outline], size: tuple[int, int]) -> NDArray[np.bool_]:
    return rasterise([outline.rings for outline in outlines], size) > 0
