"""The files of one image, by format."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.atomic import write_atomically
from maskless.classify import POSITIVE
from maskless.errors import UserError
from maskless.inference.analysis import Analysed
from maskless.writers.cells import write_cells
from maskless.writers.geojson import write_geojson
from maskless.writers.labels import write_labels
from maskless.writers.overlay import Colour, outline_overlay, write_overlay
from maskless.writers.steps import steps_png
from maskless.writers.tables import TableFile

#: Beside green, which is what negative nuclei and those without a class are drawn in.
MAGENTA: Colour = (255, 0, 255)


def _labels(path: Path, found: Analysed) -> Path:
    write_labels(path, found.instances)
    return path


def _geojson(path: Path, found: Analysed) -> Path:
    return write_geojson(path, found.instances, found.nuclei)


def _table(path: Path, found: Analysed) -> Path:
    with TableFile(path) as file:
        file.add(found.nuclei)
    return file.path


def _overlay(path: Path, found: Analysed) -> Path:
    others = found.instances
    image = found.image
    if "class" in found.nuclei:
        positive = np.where(_is_positive(found), found.instances, 0)
        image = outline_overlay(image, positive, MAGENTA)
        others = found.instances - positive
    write_overlay(path, image, others)
    return path


def _steps(path: Path, found: Analysed) -> Path:
    write_atomically(path, steps_png(found.image, found.steps))
    return path


def _lyon19(path: Path, found: Analysed) -> Path:
    if "class" not in found.nuclei:
        raise UserError("formats=lyon19 lists positive cells: tell them apart with classify=hsi, say")
    cells = found.nuclei[found.nuclei["class"] == POSITIVE]
    return write_cells(path, path.name.removesuffix(FORMATS["lyon19"][0]), cells["row"], cells["col"])


def _is_positive(found: Analysed) -> NDArray[np.bool_]:
    """Which pixels are of positive nuclei."""
    return np.isin(found.instances, found.nuclei["id"][found.nuclei["class"] == POSITIVE])


#: What can be written of an image: the ending of the file, and how it is written.
FORMATS: Mapping[str, tuple[str, Callable[[Path, Analysed], Path]]] = {
    "labels": (".tif", _labels),
    "geojson": (".geojson", _geojson),
    "csv": (".csv", _table),
    "parquet": (".parquet", _table),
    "overlay": (".png", _overlay),
    "steps": ("_steps.png", _steps),
    "lyon19": ("_lyon19.csv", _lyon19),
}


#: Which of them end in .gz when they are large.
_GROWING = (".geojson", ".csv")


def possible_names(stem: str, formats: Iterable[str]) -> list[str]:
    """The names that `write_outputs` may give to its files."""
    return and_compressed([f"{stem}{FORMATS[name][0]}" for name in formats])


def and_compressed(names: list[str]) -> list[str]:
    """The names, and those that some of them have when the file is large."""
    return names + [f"{name}.gz" for name in names if name.endswith(_GROWING)]


def write_outputs(folder: Path, stem: str, found: Analysed, formats: Iterable[str]) -> dict[str, Path]:
    """Write what was found in the image called `stem`; the file of each format, which may end in .gz.

    NAME.tif holds the labels, NAME.geojson outlines, classes and measurements for QuPath, NAME.csv and
    NAME.parquet a row a nucleus, NAME.png the image with outlines: green, positive ones magenta;
    NAME_steps.png what led to them; NAME_lyon19.csv the positive cells. Raises UserError for a file that
    cannot be written.
    """
    written = {}
    for name in formats:
        ending, write = FORMATS[name]
        written[name] = write(folder / f"{stem}{ending}", found)
    return written
