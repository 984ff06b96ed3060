"""The stored levels of a whole slide, whatever the file: by OpenSlide, or of a TIFF by tifffile."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import openslide
from numpy.typing import NDArray
from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tifffile import TiffFile, TiffPage

from maskless.data.ome import ome_power
from maskless.data.pixels import over_white
from maskless.data.stated_spacing import believed, tiff_statements
from maskless.data.tiff import DESCRIPTION, SIGNATURES, damaged, needs_codec, unlogged
from maskless.errors import UserError
from maskless.resizing import MAX_PIXELS

#: The format of OpenSlide's that is any tiled TIFF: it knows neither OME-XML nor levels below a page.
_GENERIC = "generic-tiff"
_DECODED_BYTES = 64 * 2**20
_TILE_PX = 256  # of a format that does not say its own
_OPAQUE = 0xFF000000  # of a pixel's four bytes, the last the alpha


class DamagedPlace(UserError):
    """A place of a slide that cannot be decoded."""


class Levels(Protocol):
    """`sizes_px` has (width, height) of each level, the finest first; what the file states of it, if it does.

    `tiles_px` has (width, height) of the tiles of each level: what cannot be decoded is some of these.
    `read` gives RGB uint8 (height_px, width_px, 3) of a rectangle inside a level, in its own pixels, white
    where nothing is stored or seen. Raises DamagedPlace, naming the place, for what cannot be decoded; what
    lies elsewhere can be read after. Raises another UserError if nothing can be read of the file.
    """

    sizes_px: list[tuple[int, int]]
    tiles_px: list[tuple[int, int]]
    mpp: float | None
    power: float | None

    def read(self, level: int, x: int, y: int, width_px: int, height_px: int) -> NDArray[np.uint8]: ...

    def close(self) -> None: ...


def open_levels(path: Path) -> Levels:
    """The levels of a slide. Raises UserError for what is none or damaged."""
    if not path.exists():
        raise UserError(f"{path} does not exist")
    try:
        vendor = OpenSlide.detect_format(path)
        if vendor not in (None, _GENERIC):
            return OpenSlideLevels(path)
        if not _is_tiff(path):
            raise UserError(f"{path} is no slide that OpenSlide opens, and no TIFF: convert it to OME-TIFF")
        with unlogged(), TiffFile(path) as file:
            if vendor is None or file.is_ome:
                return TiffLevels(path)
            try:
                return OpenSlideLevels(path, *_stated(file.pages.first))
            except OpenSlideError:  # in a compression that OpenSlide does not know
                return TiffLevels(path)
    except UserError:
        raise
    except Exception as error:  # a damaged file raises anything at all
        raise UserError(damaged(path)) from error


def is_slide(path: Path) -> bool:
    """Whether to read a file by tiles: what OpenSlide knows as a slide, a tiled TIFF with several levels.

    So is a TIFF of more pixels than are held at once (150 million). Never raises.
    """
    try:
        vendor = OpenSlide.detect_format(path) if path.is_file() else None
        if vendor not in (None, _GENERIC):
            return True
        if not _is_tiff(path):
            return False
        with unlogged(), TiffFile(path) as file:
            page = file.pages.first
            large = page.imagelength * page.imagewidth > MAX_PIXELS
            return large or (page.is_tiled and _level_count(path, vendor, file) > 1)
    except Exception:
        return False


class OpenSlideLevels:
    """A slide that OpenSlide opens; see `Levels`. `mpp` and `power` hold before what it knows."""

    def __init__(self, path: Path, mpp: float | None = None, power: float | None = None) -> None:
        self._path = path
        self._slide: OpenSlide | None = _opened(path)
        self.sizes_px = [(int(w), int(h)) for w, h in self._slide.level_dimensions]
        self._downsamples = [float(d) for d in self._slide.level_downsamples]
        stated = self._slide.properties
        self.tiles_px = [_tile_px(stated, level) for level in range(len(self.sizes_px))]
        x, y = (_number(stated.get(f"openslide.mpp-{axis}")) for axis in "xy")
        self.mpp = mpp or (believed(x, y) if x and y else None)
        self.power = power or _number(stated.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER))

    def read(self, level: int, x: int, y: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        downsample = self._downsamples[level]
        place = (round(x * downsample), round(y * downsample))
        if self._slide is None:
            try:
                self._slide = _opened(self._path)
            except OpenSlideError as error:
                raise UserError(_gone(self._path)) from error
        try:
            pixels = np.asarray(self._slide.read_region(place, level, (width_px, height_px)))
        except OpenSlideError as error:
            self.close()  # a slide that has failed once fails for good: a new one need not
            raise DamagedPlace(undecodable(self._path, level, x, y)) from error
        return _on_white(pixels)

    def close(self) -> None:
        if self._slide is not None:
            self._slide.close()
            self._slide = None


class TiffLevels:
    """An OME-TIFF, or a TIFF that OpenSlide does not open; see `Levels`. 8 bits, grey or RGB."""

    def __init__(self, path: Path) -> None:
        import zarr  # slow to import, and seldom needed

        self._path = path
        self._file = TiffFile(path)
        try:
            series = self._file.series[0]
            page = series.keyframe
            self._axes = series.axes
            self._check(series, page)
            # fillvalue: of tiles that are not stored.
            self._arrays: list[Any] = [
                zarr.open_array(series.aszarr(level=level, fillvalue=255), mode="r")
                for level in range(len(series.levels))
            ]
            y, x = series.axes.index("Y"), series.axes.index("X")
            self.sizes_px = [(int(a.shape[x]), int(a.shape[y])) for a in self._arrays]
            self.tiles_px = [(int(a.chunks[x]), int(a.chunks[y])) for a in self._arrays]
            self.mpp, self.power = _stated(self._file.pages.first)
        except BaseException:
            self._file.close()
            raise

    def _check(self, series: Any, page: TiffPage) -> None:
        samples = dict(zip(series.axes, series.shape, strict=True))
        colours = samples.pop("S", None) or samples.pop("C", 1)
        samples.pop("Y"), samples.pop("X")
        if any(length > 1 for length in samples.values()) or colours not in (1, 3, 4):
            held = " x ".join(f"{n} {axis}" for axis, n in zip(series.axes, series.shape, strict=True))
            raise UserError(f"{self._path} holds {held}, where grey or RGB is wanted: save it as that")
        if series.dtype != np.uint8:
            raise UserError(f"{self._path} holds {series.dtype} samples: save it as 8-bit RGB")

    def read(self, level: int, x: int, y: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        within = {
            "Y": slice(y, y + height_px),
            "X": slice(x, x + width_px),
            "S": slice(None),
            "C": slice(None),
        }
        try:
            pixels = self._arrays[level][tuple(within.get(axis, 0) for axis in self._axes)]
        except MemoryError:
            raise
        except Exception as error:
            if needs_codec(error):
                raise UserError(
                    f"{self._path} is compressed in a way that needs another package: pip install "
                    "'maskless[codecs]'"
                ) from error
            if isinstance(error, OSError) and error.errno is not None:
                raise UserError(_gone(self._path)) from error
            raise DamagedPlace(undecodable(self._path, level, x, y)) from error
        if "C" in self._axes and "S" not in self._axes:
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.ndim == 2 or pixels.shape[-1] == 1:
            pixels = np.repeat(pixels.reshape(height_px, width_px, 1), 3, axis=2)
        pixels = np.ascontiguousarray(pixels)
        return _on_white(pixels) if pixels.shape[2] == 4 else pixels

    def close(self) -> None:
        self._file.close()


def _opened(path: Path) -> OpenSlide:
    slide = OpenSlide(path)
    slide.set_cache(_decoded(os.getpid()))
    return slide


@lru_cache(1)
def _decoded(process: int) -> OpenSlideCache:
    """What a process keeps decoded of all of its slides together."""
    return OpenSlideCache(_DECODED_BYTES)


def _level_count(path: Path, vendor: str | None, file: TiffFile) -> int:
    stored = len(file.series[0].levels)
    if stored > 1 or vendor is None:
        return stored
    with OpenSlide(path) as slide:
        return int(slide.level_count)


def _stated(page: TiffPage) -> tuple[float | None, float | None]:
    """µm/px and power of the first page of a TIFF, None for what it does not state."""

    def tag(number: int) -> Any:
        value = page.tags.valueof(number)
        return value[0] / value[1] if isinstance(value, tuple) and number in _RATIONAL else value

    found = next(tiff_statements(tag), None)
    return (believed(*found) if found else None), ome_power(tag(DESCRIPTION))


_RATIONAL = (282, 283)  # the resolutions


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in SIGNATURES


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA uint8 (H, W, 4), each pixel's bytes one after the other, as seen on white."""
    if (rgba.view("<u4") >= _OPAQUE).all():
        return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))
    return over_white(rgba[..., :3], rgba[..., 3])


def undecodable(path: Path, level: int, x: int, y: int) -> str:
    """The sentence for a place (x, y), px of a level, that cannot be decoded."""
    return f"{path} cannot be decoded at column {x}, row {y} of level {level}: it is damaged there"


def _gone(path: Path) -> str:
    return f"{path} cannot be read any more: see that it, and the disk that holds it, are there"


def _tile_px(stated: Mapping[str, str], level: int) -> tuple[int, int]:
    width, height = (
        _number(stated.get(f"openslide.level[{level}].tile-{side}")) for side in ("width", "height")
    )
    return int(width or _TILE_PX), int(height or _TILE_PX)
