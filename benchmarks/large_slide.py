"""A slide of any size, streamed to disk: a piece of rendered tissue beside itself, in an ellipse on glass."""

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import TiffFile, TiffWriter

from maskless.data.synthetic import render

TILE_PX = 256
DOWNSAMPLES = (1, 4, 16)
_PIECE_PX = 2048
_GLASS = 243
_JPEG = 7


def write_slide(path: Path, height_px: int, width_px: int, power: int = 40, tissue: float = 0.6) -> Path:
    """An SVS of JPEG tiles, of which the share `tissue` shows tissue; like tiles are encoded once."""
    piece = render(0, 1, size_px=_PIECE_PX, power=power).image
    mask = _ellipse(-(-height_px // TILE_PX), -(-width_px // TILE_PX), tissue)
    description = f"Aperio Image Library v1.0\n{width_px}x{height_px} JPEG/RGB Q=80"
    description += f"|AppMag = {power}|MPP = {10 / power}"
    with TiffWriter(path, bigtiff=True) as file:
        for number, times in enumerate(DOWNSAMPLES):
            size = height_px // times, width_px // times
            file.write(
                _tiles(piece, mask, times, *size), shape=(*size, 3), dtype="uint8", photometric="rgb",
                tile=(TILE_PX, TILE_PX), compression="zlib", description=description, metadata=None,
                subfiletype=int(number > 0),
            )  # fmt: skip
    with TiffFile(path, mode="r+b") as file:  # what was written is JPEG, which it need not know
        for page in file.pages:
            page.tags["Compression"].overwrite(_JPEG)
    return path


def _ellipse(rows: int, cols: int, share: float) -> NDArray[np.bool_]:
    """Which tiles of level 0 show tissue."""
    row, col = (np.arange(n)[:, None] * 2 / max(n - 1, 1) - 1 for n in (rows, cols))
    distance = row**2 + col.T**2
    return np.asarray(distance <= np.quantile(distance, share))


def _tiles(
    piece: NDArray[np.uint8], mask: NDArray[np.bool_], times: int, height: int, width: int
) -> Iterator[bytes]:
    """The encoded tiles of a level, `times` smaller than level 0, in raster order."""
    side = _PIECE_PX // times
    small = np.asarray(cv2.resize(piece, (side, side), interpolation=cv2.INTER_AREA))
    known: dict[tuple[int, int, tuple[int, ...], bytes], bytes] = {}
    for row in range(0, height, TILE_PX):
        for col in range(0, width, TILE_PX):
            rows, cols = row + np.arange(TILE_PX), col + np.arange(TILE_PX)
            shown = [
                np.minimum(places * times // TILE_PX, n - 1)
                for places, n in zip((rows, cols), mask.shape, strict=True)
            ]
            cells = mask[np.ix_(*(np.unique(n) for n in shown))]
            key = row % side, col % side, cells.shape, cells.tobytes()
            if key not in known:
                tissue = mask[np.ix_(*shown)][..., None]
                known[key] = _encoded(np.where(tissue, small[np.ix_(rows % side, cols % side)], _GLASS))
            yield known[key]


def _encoded(tile: NDArray[np.integer]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(tile.astype(np.uint8)).save(file, "JPEG", quality=80, subsampling=0, keep_rgb=True)
    return file.getvalue()
