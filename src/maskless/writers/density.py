"""Where the nuclei of a slide are: their number per mm² as a heat map over the thumbnail."""

import io
from math import ceil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from maskless.atomic import write_atomically
from maskless.resizing import resized

#: The side of the squares in which nuclei are counted: a hundredth of a mm², some tens of nuclei of a tumour.
CELL_UM = 100.0
_UM2_PER_MM2 = 1e6
_OPACITY = 0.65
_WIDTH_INCHES, _DPI = 8.0, 150


class Density:
    """Nuclei counted in squares of `cell_um`, of a slide of `height_px` x `width_px` at `mpp` µm/px.

    What is kept grows with the squares, not with the nuclei: a slide of 20 mm x 40 mm has 80,000. The last
    square of a row or column ends with the slide, and is that much smaller.
    """

    def __init__(self, height_px: int, width_px: int, mpp: float, cell_um: float = CELL_UM) -> None:
        self.size_um = height_px * mpp, width_px * mpp
        self._mpp = mpp
        self.cell_um = cell_um
        self.counts: NDArray[np.int64] = np.zeros([ceil(side / cell_um) for side in self.size_um], np.int64)

    def add(self, row: ArrayLike, col: ArrayLike) -> None:
        """Count nuclei by their centres (N,), in px of the slide; those beyond it in the square beside."""
        within = [
            np.clip(np.asarray(place, float) * self._mpp // self.cell_um, 0, squares - 1).astype(np.int64)
            for place, squares in zip((row, col), self.counts.shape, strict=True)
        ]
        np.add.at(self.counts, tuple(within), 1)

    @property
    def per_mm2(self) -> NDArray[np.float64]:
        """Nuclei per mm² of each square, float64 (rows, columns)."""
        sides = [
            np.diff(np.minimum(np.arange(squares + 1) * self.cell_um, size))
            for squares, size in zip(self.counts.shape, self.size_um, strict=True)
        ]
        return self.counts / np.multiply.outer(*sides) * _UM2_PER_MM2


def write_density(path: str | Path, density: Density, thumbnail: NDArray[np.uint8]) -> None:
    """Draw `density` over the thumbnail of its slide, uint8 (h, w, 3), with a colour bar, as a PNG.

    Squares without nuclei show the thumbnail, in grey as everywhere below. The colours end at the 99th
    percentile of the squares with nuclei, so that one blot does not make all others pale. Raises UserError if
    the file cannot be written.
    """
    per_mm2 = density.per_mm2
    filled = per_mm2[per_mm2 > 0]
    most = float(np.percentile(filled, 99)) if len(filled) else 1.0
    height_mm, width_mm = (side / 1e3 for side in density.size_um)
    figure = Figure(figsize=_inches(height_mm / width_mm), dpi=_DPI, layout="compressed")
    axes = figure.subplots()
    axes.imshow(_grey(thumbnail), cmap="gray", vmin=0, vmax=255, extent=(0, width_mm, height_mm, 0))
    rows, cols = (squares * density.cell_um / 1e3 for squares in per_mm2.shape)
    shown: Any = np.ma.masked_equal(per_mm2, 0)
    heat = axes.imshow(
        shown, cmap="YlOrRd", vmin=0, vmax=most, alpha=_OPACITY, extent=(0, cols, rows, 0),
        interpolation="nearest",
    )  # fmt: skip
    axes.set(xlim=(0, width_mm), ylim=(height_mm, 0), xlabel="mm")
    figure.colorbar(
        heat, ax=axes, label="nuclei per mm²", extend="max" if per_mm2.max() > most else "neither"
    )
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    write_atomically(path, file.getvalue())


def _grey(thumbnail: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without its colours, and no larger than it is drawn: a figure holds some twenty bytes a pixel."""
    times = min(1.0, _WIDTH_INCHES * _DPI / max(thumbnail.shape))
    size = tuple(max(1, round(side * times)) for side in thumbnail.shape[:2])
    return np.asarray(cv2.cvtColor(resized(thumbnail, size), cv2.COLOR_RGB2GRAY))


def _inches(height_to_width: float) -> tuple[float, float]:
    """Of the figure: wide enough for the bar, no taller than a page."""
    return _WIDTH_INCHES, float(np.clip(_WIDTH_INCHES * 0.8 * height_to_width, 2, 1.5 * _WIDTH_INCHES)) + 0.5
