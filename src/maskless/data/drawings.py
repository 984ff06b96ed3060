"""What a person has drawn on an image in QuPath or ImageScope: outlines and points, with their classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.data import imagescope, qupath
from maskless.data.dark_places import outside
from maskless.data.placed_points import refuse_swapped, remarks_on_places
from maskless.data.polygons import rasterise
from maskless.data.qupath import Drawing, Outline
from maskless.errors import UserError, listed

#: Endings of the files that can be read.
ENDINGS = frozenset({".geojson", ".json", ".gz", ".xml"})
_LEAST_VERTICES = 3
#: So many outlines outside of their image are more than slips of the hand.
_MANY = 3


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
    labels = rasterise([o.rings if _is_nucleus(o, areas) else [] for o in drawing.outlines], size)
    labels[_covered([o for o in drawing.outlines if o.hole and not _is_area(o, areas)], size)] = 0
    return labels


def region(drawing: Drawing, areas: Areas, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Where the annotation is complete, uint8 (H, W): in the areas of that class, everywhere if there is
    none, but not in those that are to be ignored."""
    within = [o for o in drawing.outlines if o.word == areas.region]
    complete = _area(within, size) if within else np.ones(size, bool)
    ignored = _area([o for o in drawing.outlines if o.word == areas.ignore], size)
    return (complete & ~ignored).astype(np.uint8)


def middles(drawing: Drawing, areas: Areas) -> NDArray[np.float64]:
    """The middle of each outline of a nucleus, of its bounding box: (row, column) in px, (N, 2).

    As points are, it is counted from the centre of the first pixel.
    """
    vertices = [np.concatenate(o.rings) for o in _nuclei(drawing, areas) if _vertices(o)]
    boxes = [(xy.min(axis=0) + xy.max(axis=0)) / 2 - 0.5 for xy in vertices]
    return np.reshape(boxes, (-1, 2))[:, ::-1]


def refuse_elsewhere(
    path: Path, drawing: Drawing, areas: Areas, labels: NDArray[np.int32], what: str = "outline"
) -> None:
    """Raise UserError if the outlines of a file are no drawing of its image, whose `instances` are `labels`.

    That is so if three or more have their middle outside, where it would not be if x and y changed places;
    or if there are some, and none lies in the image. `what` is one of them in the sentence.
    """
    places, size = middles(drawing, areas), labels.shape[:2]
    if outside(places, size).sum() >= _MANY:
        refuse_swapped(path, "outlines", places, size)
    if _nuclei(drawing, areas) and not labels.any():
        raise UserError(
            f"{path} has no {what} that lies in its image of {size[0]} x {size[1]} px: is it another's?"
        )


def remarks_on_outlines(path: Path, drawing: Drawing, areas: Areas, image: NDArray[np.uint8]) -> list[str]:
    """What is left out of the outlines of nuclei, and what looks wrong with them, a sentence each."""
    labels = instances(drawing, areas, image.shape[:2])
    found = remarks_on_places(path, "outlines", middles(drawing, areas), image)
    return found + _without_nucleus(path, drawing, areas, labels)


def _without_nucleus(path: Path, drawing: Drawing, areas: Areas, labels: NDArray[np.int32]) -> list[str]:
    """A sentence on the outlines that gave no nucleus in `labels`, which are `instances`; none if all did."""
    drawn = set(np.unique(labels).tolist())
    nuclei = [(k, o) for k, o in enumerate(drawing.outlines, 1) if _is_nucleus(o, areas)]
    lost = [
        f"{o.name} with {_vertices(o)} vertices" if _vertices(o) < _LEAST_VERTICES else o.name
        for k, o in nuclei
        if k not in drawn
    ]
    return [
        f"{path}: {len(lost)} of {len(nuclei)} outlines without a pixel of their own, left out: "
        f"{listed(lost)}"
    ] * bool(lost)


def _vertices(outline: Outline) -> int:
    return max((len(ring) for ring in outline.rings), default=0)


def _nuclei(drawing: Drawing, areas: Areas) -> list[Outline]:
    return [outline for outline in drawing.outlines if _is_nucleus(outline, areas)]


def _is_nucleus(outline: Outline, areas: Areas) -> bool:
    return not outline.hole and not _is_area(outline, areas)


def _is_area(outline: Outline, areas: Areas) -> bool:
    return outline.word in (areas.region, areas.ignore)


def _area(outlines: Sequence[Outline], size: tuple[int, int]) -> NDArray[np.bool_]:
    """What the outlines cover together, without the holes among them: bool (H, W)."""
    return _covered([o for o in outlines if not o.hole], size) & ~_covered(
        [o for o in outlines if o.hole], size
    )


def _covered(outlines: Sequence[Outline], size: tuple[int, int]) -> NDArray[np.bool_]:
    return rasterise([outline.rings for outline in outlines], size) > 0
