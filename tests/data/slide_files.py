"""Small slides as scanners write them: tiled pyramids of known objects, a writer for each kind of header."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from tifffile import TiffFile, TiffWriter

from maskless.data.synthetic import render

GLASS = (243, 243, 243)
TISSUE = (222, 170, 206)  # its saturation is 0.23
NUCLEUS = (92, 62, 140)
_JPEG = 7


def disc_image(
    height_px: int, width_px: int, mpp: float, centres_um: ArrayLike, diameter_um: float, ground: Any = TISSUE
) -> NDArray[np.uint8]:
    """Discs on plain tissue, uint8 (H, W, 3), with soft rims a pixel wide.

    `centres_um` is (N, 2), row and column in µm from the top left corner of the image.
    """
    inside = np.zeros((height_px, width_px), np.float32)
    reach_px = int(diameter_um / mpp / 2) + 2
    for row, col in np.asarray(centres_um, float) / mpp:
        top, left = (max(int(x) - reach_px, 0) for x in (row, col))
        rows, cols = np.ogrid[top : int(row) + reach_px + 1, left : int(col) + reach_px + 1]
        distance_px = np.hypot(rows + 0.5 - row, cols + 0.5 - col)
        part = inside[top : int(row) + reach_px + 1, left : int(col) + reach_px + 1]
        shown = np.clip(diameter_um / mpp / 2 - distance_px + 0.5, 0, 1)[: part.shape[0], : part.shape[1]]
        np.maximum(part, shown, out=part)
    weight = inside[..., None]
    return np.rint(weight * NUCLEUS + (1 - weight) * np.asarray(ground)).astype(np.uint8)


def tissue_image(
    height_px: int, width_px: int, power: float = 40, glass_px: int = 0, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Rendered H&E, uint8 (H, W, 3), and its nuclei, int32 (H, W), with glass around it, `glass_px` wide.

    Nuclei that the glass cuts are kept as far as they are seen.
    """
    tissue = render(seed, 0, size_px=max(height_px, width_px) - 2 * glass_px, power=power)
    image = np.full((height_px, width_px, 3), GLASS, np.uint8)
    nuclei = np.zeros((height_px, width_px), np.int32)
    inner = slice(glass_px, height_px - glass_px), slice(glass_px, width_px - glass_px)
    shown = slice(0, height_px - 2 * glass_px), slice(0, width_px - 2 * glass_px)
    image[inner], nuclei[inner] = tissue.image[shown], tissue.instances[shown]
    return image, nuclei


def write_aperio(
    path: Path,
    image: NDArray[np.uint8],
    mpp: float | None = 0.25,
    power: float | None = 40,
    downsamples: Sequence[float] = (1, 4),
    tile_px: int = 256,
) -> Path:
    """An Aperio SVS of JPEG tiles: what of `mpp` and `power` is None is not in its description."""
    height, width = image.shape[:2]
    said = {"AppMag": power, "MPP": mpp}
    description = f"Aperio Image Library v1.0\n{width}x{height} ({tile_px}x{tile_px}) JPEG/RGB Q=90"
    description += "".join(f"|{key} = {value:g}" for key, value in said.items() if value is not None)
    return _write_jpegs(path, image, downsamples, tile_px, description=description)


def write_tiled(
    path: Path,
    image: NDArray[np.uint8],
    mpp: float | None = None,
    downsamples: Sequence[float] = (1, 4),
    tile_px: int = 256,
) -> Path:
    """A generic tiled TIFF of JPEG tiles; `mpp` is said by its resolution, in pixels a centimetre."""
    said: dict[str, Any] = {}
    if mpp is not None:
        said = {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "centimeter"}
    return _write_jpegs(path, image, downsamples, tile_px, **said)


def write_ome(
    path: Path,
    image: NDArray[np.uint8],
    mpp: float | None = 0.25,
    downsamples: Sequence[float] = (1, 4),
    tile_px: int = 256,
    compression: str = "zlib",
) -> Path:
    """An OME-TIFF of deflated tiles, whose smaller levels hang below the first one (SubIFDs).

    Another `compression` than zlib and lzma needs imagecodecs.
    """
    metadata: dict[str, Any] = {"axes": "YXS"}
    if mpp is not None:
        metadata |= {"PhysicalSizeX": mpp, "PhysicalSizeXUnit": "µm"}
        metadata |= {"PhysicalSizeY": mpp, "PhysicalSizeYUnit": "µm"}
    options: dict[str, Any] = {"photometric": "rgb", "tile": (tile_px, tile_px), "compression": compression}
    with TiffWriter(path, ome=True) as file:
        first, *others = (level(image, downsample) for downsample in downsamples)
        file.write(first, subifds=len(others), metadata=metadata, **options)
        for other in others:
            file.write(other, subfiletype=1, **options)
    return path


def level(image: NDArray[np.uint8], downsample: float) -> NDArray[np.uint8]:
    """The image so many times smaller, each pixel the mean of those that it covers."""
    height, width = image.shape[:2]
    size = int(width / downsample), int(height / downsample)
    return image if downsample == 1 else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def claim_compression(path: Path, number: int) -> Path:
    """Write into a TIFF that its tiles are compressed in another way than they are, by the tag's value."""
    with TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            for each in (page, *(page.pages or ())):
                each.tags["Compression"].overwrite(number)
    return path


def damage_tile(path: Path, number: int, page: int = 0) -> None:
    """Write zeros over one tile, counted in raster order, of a level of a slide of JPEG tiles."""
    with TiffFile(path) as file:
        offset = file.pages[page].dataoffsets[number]
        length = file.pages[page].databytecounts[number]
    with path.open("r+b") as slide:
        slide.seek(offset)
        slide.write(bytes(length))


def _write_jpegs(
    path: Path, image: NDArray[np.uint8], downsamples: Sequence[float], tile_px: int, **tags: Any
) -> Path:
    """Levels of JPEG tiles in RGB, as OpenSlide's Aperio and generic readers know them.

    tifffile writes encoded tiles as they are. It is told of another compression, so that it needs no package
    that encodes JPEG, and the tag is set right after.
    """
    tags |= {"photometric": "rgb", "tile": (tile_px, tile_px), "metadata": None, "dtype": "uint8"}
    tags |= {"compression": "zlib"}
    with TiffWriter(path) as file:
        for number, downsample in enumerate(downsamples):
            pixels = level(image, downsample)
            file.write(_jpegs(pixels, tile_px), shape=pixels.shape, subfiletype=int(number > 0), **tags)
    return claim_compression(path, _JPEG)


def _jpegs(pixels: NDArray[np.uint8], tile_px: int) -> Iterator[bytes]:
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % tile_px), (0, -width % tile_px), (0, 0)), mode="edge")
    for row in range(0, height, tile_px):
        for col in range(0, width, tile_px):
            encoded = io.BytesIO()
            tile = Image.fromarray(padded[row : row + tile_px, col : col + tile_px])
            tile.save(encoded, "JPEG", quality=90, subsampling=0, keep_rgb=True)
            yield encoded.getvalue()
