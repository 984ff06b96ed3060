"""A row a nucleus: where it is, how large, of what shape, and how much of each stain it holds."""

from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from maskless.errors import UserError, did_you_mean
from maskless.nucleus_pixels import NucleusPixels
from maskless.stain import Vectors, stain_matrix, stains

#: Columns of the stain vectors' rows; what two stains do not explain is no stain, and is left out.
STAINS = {
    "H-E-DAB": ("haematoxylin_mean", "eosin_mean", "dab_mean"),
    "H-DAB": ("haematoxylin_mean", "dab_mean"),
    "H-E": ("haematoxylin_mean", "eosin_mean"),
}
#: Rows of the image that are looked at together.
BAND_PX = 512
#: Four directions of lines through pixel centres, as steps, and how far apart the lines are, px.
_LINES = (((0, 1), 1.0), ((1, 0), 1.0), ((1, 1), np.sqrt(0.5)), ((1, -1), np.sqrt(0.5)))


def measured(
    image: NDArray[np.uint8], instances: NDArray[Any], mpp: float | None = None, vectors: Vectors = "H-E-DAB"
) -> pd.DataFrame:
    """Measurements of the nuclei of `instances` (H, W), integers, 0 = background: a row each, by rising id.

    `image` is RGB, uint8 (H, W, 3), at `mpp` µm/px, if known. Columns:

    - `id`, int64, as in `instances`;
    - `row`, `col`, px: the centroid; the centre of the first pixel is (0, 0);
    - `area_px`, and where `mpp` is known `area_um2`;
    - `perimeter_px`: by Crofton's formula, from how often lines in four directions cross the outline
      (Legland, Kiêu & Devaux, "Computation of Minkowski measures on 2D and 3D binary images", Image Analysis
      & Stereology 26, 2007): right for a disk, up to 7 % short for a rectangle along the axes;
    - `major_px`, `minor_px`: axes of the ellipse with the same second moments; `eccentricity`: of that
      ellipse, 0 (circle) to 1 (line);
    - `solidity`: area over that of the convex hull of the pixels, as unit squares; above 0, at most 1;
    - `circularity`: 4 pi area / perimeter², at most 1, which is a disk;
    - one for each stain of `vectors` (a name in `STAINS`, or stains of your own as in `stain.stain_matrix`,
      whose columns are NAME_mean), the mean density of the stain over the nucleus, in decimal optical
      density along its vector (see `stain.stains`); negative where the colours are outside what the stains
      can mix.

    A nucleus in several pieces is measured as one. Raises UserError for stains that are not known, ValueError
    if the shapes do not fit.
    """
    columns = stain_columns(vectors)
    pixels = NucleusPixels(instances)
    area = pixels.area_px.astype(np.float64)
    row, col, major, minor = _ellipses(pixels, area)
    perimeter = _perimeters(instances, pixels.ids)
    with np.errstate(divide="ignore", invalid="ignore"):
        eccentricity = np.sqrt(1 - (minor / major) ** 2)
    table = {"id": pixels.ids, "row": row, "col": col, "area_px": pixels.area_px}
    if mpp is not None:
        table["area_um2"] = area * mpp**2
    table |= {
        "perimeter_px": perimeter,
        "major_px": major,
        "minor_px": minor,
        "eccentricity": np.where(major > 0, eccentricity, 0),
        "solidity": area / _hull_areas(pixels),
        "circularity": np.minimum(4 * np.pi * area / perimeter**2, 1),
    }
    density = pixels.mean(image, lambda rgb: stains(rgb, vectors)[..., : len(columns)])
    return pd.DataFrame(table | dict(zip(columns, density.T, strict=True)))


def stain_columns(vectors: Vectors) -> tuple[str, ...]:
    """The columns of stains that are measured. Raises UserError for stains that are not known or unfit."""
    if isinstance(vectors, str):
        if vectors not in STAINS:
            raise UserError(f"stains={vectors} are no stains that are known{did_you_mean(vectors, STAINS)}")
        return STAINS[vectors]
    stain_matrix(vectors)
    return tuple(f"{name}_mean" for name in vectors)


def _ellipses(pixels: NucleusPixels, area: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Row and column of the centroid, major and minor axis of the ellipse, in px; float64 (N,) each."""
    n, row, col = (of_runs.astype(np.float64) for of_runs in (pixels.length, pixels.row, pixels.col))
    # Of n pixels in a row: their mean column, and the variance of n whole numbers that follow each other.
    middle, variance = col + (n - 1) / 2, (n * n - 1) / 12
    mean_row, mean_col = pixels.total(n * row) / area, pixels.total(n * middle) / area
    down, right = row - mean_row[pixels.nucleus], middle - mean_col[pixels.nucleus]
    rows = pixels.total(n * down * down) / area
    cols = pixels.total(n * (right * right + variance)) / area
    both = pixels.total(n * down * right) / area
    mean, spread = (rows + cols) / 2, np.hypot((rows - cols) / 2, both)
    major, minor = (4 * np.sqrt(np.maximum(value, 0)) for value in (mean + spread, mean - spread))
    return mean_row, mean_col, major, minor


def _hull_areas(pixels: NucleusPixels) -> NDArray[np.float64]:
    """The area of the convex hull of each nucleus, px, float64 (N,): of the corners of its runs' ends."""
    by_nucleus = np.argsort(pixels.nucleus, kind="stable")
    row, col, length = (of_runs[by_nucleus] for of_runs in (pixels.row, pixels.col, pixels.length))
    x = np.stack([col, col + length, col, col + length], axis=1).ravel()
    y = np.stack([row, row, row + 1, row + 1], axis=1).ravel()
    # As a line, which has the same hull, and is made of coordinates at once.
    through_corners = shapely.linestrings(
        np.column_stack([x, y]).astype(np.float64), indices=np.repeat(pixels.nucleus[by_nucleus], 4)
    )
    return shapely.area(shapely.convex_hull(through_corners))


def _perimeters(instances: NDArray[Any], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """The perimeter of each nucleus in px, float64 (N,), by Crofton's formula."""
    height, width = instances.shape
    crossed = np.zeros(len(ids))
    for top in range(0, height + 1, BAND_PX):
        # From each row but the last to itself and to the next one, with the padding around the image.
        bottom = min(top + BAND_PX, height + 1)
        band = np.zeros((bottom - top + 1, width + 2), instances.dtype)
        first, last = max(top - 1, 0), min(bottom, height)
        band[first - top + 1 : last - top + 1, 1:-1] = instances[first:last]
        for (down, right), apart_px in _LINES:
            here = band[:-1, max(-right, 0) : width + 2 - max(right, 0)]
            there = band[down : len(band) - 1 + down, max(right, 0) : width + 2 + min(right, 0)]
            differ = here != there
            for side in (here[differ], there[differ]):
                of = np.searchsorted(ids, side[side > 0])
                crossed += apart_px * np.bincount(of, minlength=len(ids))
    return np.pi / 8 * crossed
