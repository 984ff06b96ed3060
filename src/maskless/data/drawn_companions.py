"""Drawings beside images: what a file of QuPath or ImageScope says of its image, by signal."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.data.conventions import Conventions, Size
from maskless.data.drawings import instances, read_drawing, refuse_elsewhere, region, remarks_on_outlines
from maskless.data.imagescope import microns_per_pixel
from maskless.data.placed_points import placed, remarks_on
from maskless.data.points_csv import PointTable
from maskless.data.qupath import Drawing
from maskless.errors import UserError, listed
from maskless.signals import Signal

_NUCLEI = {Signal.INSTANCES: "outlines", Signal.POINTS: "points"}


def given_by(path: Path, conventions: Conventions) -> frozenset[Signal]:
    """The signals that a file holds; none if it cannot be read, or is of an image without nuclei."""
    try:
        drawing = read_drawing(path)
    except UserError:  # as it will be told when it is read
        return frozenset()
    nuclei = _words_of_nuclei(drawing, conventions)
    holds = {
        Signal.INSTANCES: bool(nuclei),
        Signal.POINTS: bool(len(drawing.points)),
        Signal.CLASSES: any(nuclei) or any(drawing.words),
        Signal.REGION: len(nuclei) < sum(not outline.hole for outline in drawing.outlines),
    }
    return frozenset(signal for signal, there in holds.items() if there)


def stated_mpp(path: Path) -> float | None:
    """The pixel spacing in µm/px that a file of ImageScope states, None without one, and of QuPath. Raises
    UserError for what is no plausible spacing."""
    return microns_per_pixel(path) if path.suffix.lower() == ".xml" else None


def uneven(files: Mapping[Path, frozenset[Signal]]) -> list[str]:
    """A sentence for each file that has only points or only outlines where others have the other."""
    kinds = {file: frozenset(given) & set(_NUCLEI) for file, given in files.items()}
    all_kinds = frozenset[Signal]().union(*kinds.values())
    return [
        f"{file} has no {_NUCLEI[lacking]}, though others do: draw one kind in all files, or both in each"
        for file, there in kinds.items()
        if there
        for lacking in sorted(all_kinds - there)
    ]


def read(path: Path, size: Size, conventions: Conventions, wanted: Collection[Signal]) -> dict[Signal, Any]:
    """The wanted signals of a drawing; read alone, without nuclei, if the size of its image is not known.

    Instances are numbered by the outlines of the file, and classes go by their ids; without outlines, by
    points. Raises UserError as `refuse_elsewhere` and `placed` do.
    """
    drawing = read_drawing(path)
    found: dict[Signal, Any] = {}
    if Signal.REGION in wanted:
        found[Signal.REGION] = region(drawing, conventions.areas, size or (0, 0))
    table = placed(path, _points(drawing, conventions), size)
    by_ids = bool(_words_of_nuclei(drawing, conventions))
    if Signal.POINTS in wanted:
        found[Signal.POINTS] = table.points
    if Signal.CLASSES in wanted and not by_ids:
        found[Signal.CLASSES] = {k: word for k, word in enumerate(table.classes or ()) if word}
    if Signal.INSTANCES in wanted or (Signal.CLASSES in wanted and by_ids):
        labels = found[Signal.INSTANCES] = _instances(path, drawing, size, conventions)
        words = {
            k: conventions.named(outline.word)
            for k, outline in enumerate(drawing.outlines, 1)
            if outline.word
        }
        found[Signal.CLASSES] = {k: words[k] for k in np.unique(labels).tolist() if k in words}
    return found


def remarks(path: Path, image: NDArray[np.uint8], conventions: Conventions) -> list[str]:
    """What is left out of a drawing, and what looks wrong with it, a sentence each."""
    drawing = read_drawing(path)
    table = _points(drawing, conventions)
    found = remarks_on(path, table, image) if len(table.points) else []
    if drawing.others:
        found.append(f"{path}: passed over {listed(drawing.others)}: no points and no areas")
    return found + remarks_on_outlines(path, drawing, conventions.areas, image)


def _points(drawing: Drawing, conventions: Conventions) -> PointTable:
    """The points of a drawing, which counts from the corner of the image, as (row, column) of pixel centres.

    In the half pixel along the left and upper edge they are moved onto the centre of their pixel.
    """
    corner = drawing.points[:, ::-1]
    places = np.where((corner >= 0) & (corner < 0.5), 0.0, corner - 0.5).astype(np.float32)
    words = [conventions.named(word) for word in drawing.words]
    return PointTable(places, words, list(range(1, len(words) + 1)), "point")


def _instances(path: Path, drawing: Drawing, size: Size, conventions: Conventions) -> NDArray[np.int32]:
    labels = instances(drawing, conventions.areas, size or (0, 0))
    if size is not None:
        refuse_elsewhere(path, drawing, conventions.areas, labels)
    return labels


def _words_of_nuclei(drawing: Drawing, conventions: Conventions) -> list[str]:
    """The class of each outline of a nucleus, '' if it has none."""
    areas = (conventions.areas.region, conventions.areas.ignore)
    return [outline.word for outline in drawing.outlines if outline.word not in areas and not outline.hole]
