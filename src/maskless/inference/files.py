"""Image files through a Segmenter, each to its label TIFF, GeoJSON and overlay."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskless.data.images import SUFFIXES, read_image
from maskless.errors import UserError
from maskless.segmenter import Segmenter
from maskless.writers.geojson import write_geojson
from maskless.writers.labels import write_labels
from maskless.writers.overlay import write_overlay


@dataclass(frozen=True)
class Predicted:
    """One file: how many nuclei were found, or why it was skipped."""

    path: Path
    nuclei: int = 0
    problem: str | None = None


def image_files(path: Path) -> list[Path]:
    """The file itself, or the images straight in a folder, by name. Raises UserError if there are none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"there is no file or folder {path}: give input=FILE or input=FOLDER")
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))
    if not files:
        raise UserError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))})")
    same = sorted({f.stem for f in files if sum(g.stem == f.stem for g in files) > 1})
    if same:
        raise UserError(f"{path} holds images that differ in their ending alone ({same[0]}): rename one")
    return files


def predict_files(
    segmenter: Segmenter, files: list[Path], output: Path, mpp: float | None
) -> Iterator[Predicted]:
    """Segment one file after another into `output`; a file that cannot be read is named and skipped.

    Writes NAME.tif (labels), NAME.geojson (outlines for QuPath) and NAME.png (overlay). The folder is made
    when the first image has been read. `mpp` is the pixel spacing of the images in µm/px, if known. Raises
    UserError if `output` cannot be written.
    """
    for path in files:
        try:
            image = read_image(path)
        except UserError as error:
            yield Predicted(path, problem=str(error))
            continue
        _make(output)
        instances = segmenter.segment(image, mpp=mpp)
        write_labels(output / f"{path.stem}.tif", instances)
        write_geojson(output / f"{path.stem}.geojson", instances)
        write_overlay(output / f"{path.stem}.png", image, instances)
        yield Predicted(path, nuclei=int(np.count_nonzero(np.unique(instances))))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write to output={folder}: {str(error.strerror).lower()}; choose another folder"
        ) from error
