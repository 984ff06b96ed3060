"""Slides for tests: held in memory or small files, and segmenters that see what is drawn on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from slide_files import disc_image, write_tiled

from maskless.inference.analysis import Analysis
from maskless.inference.kinds import Slides
from maskless.inference.records import Records
from maskless.inference.slide.analysis import SlideFound
from maskless.inference.slide.watcher import Silent
from maskless.segmenter import MapSegmenter

MPP = 0.5
DIAMETER_UM = 8.0


def dark_spots(mpp: float | None = MPP, **settings: Any) -> MapSegmenter:
    """A Segmenter of no more support than a pixel: what is dark in red, in its four-connected pieces."""
    return MapSegmenter(
        predict=lambda batch: {"dark": 1 - batch[:, 0]},
        chain=lambda maps: ndimage.label(maps["dark"] > 0.4)[0],
        **{"mean": (0, 0, 0), "std": (1, 1, 1), "mpp": mpp, "window_px": 256, "overlap_px": 32, **settings},
    )


def spread_centres(height_px: int, width_px: int, apart_px: int = 23, seed: int = 0) -> NDArray[np.float64]:
    """Centres in µm, (N, 2), on a disturbed lattice, so that some lie on any line between blocks."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[
        apart_px : height_px - apart_px : apart_px, apart_px : width_px - apart_px : apart_px
    ]
    centres = np.stack([rows.ravel(), cols.ravel()], axis=1) + rng.uniform(-3, 3, (rows.size, 2))
    return centres * MPP


def written(path: Path, height_px: int = 700, width_px: int = 820, **said: Any) -> Path:
    """A slide of discs, each a nucleus, on tissue: NAME.tif, of two levels."""
    image = disc_image(height_px, width_px, MPP, spread_centres(height_px, width_px), DIAMETER_UM)
    return write_tiled(path, image, **{"mpp": MPP, **said})


def found_on(
    path: Path,
    output: Path,
    segmenter: Any = None,
    core_px: int | None = 192,
    regions: Path | None = None,
    **analysis: Any,
) -> SlideFound:
    """What is found on a slide in blocks of that side."""
    output.mkdir(exist_ok=True)
    kind = Slides(Analysis(segmenter or dark_spots(), **analysis), Records(output), Silent(), core_px)
    return kind.find(path, regions, {})


def content(folder: Path, but: Sequence[str] = ()) -> dict[str, bytes]:
    """Every file below a folder, but for those of some names."""
    files = (f for f in folder.rglob("*") if f.is_file() and f.name not in but)
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}
