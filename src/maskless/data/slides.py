"""Whole slides: any rectangle of one, at any pixel spacing, without ever holding a level."""

from collections.abc import Iterator
from contextlib import suppress
from math import ceil, floor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.slide_levels import DamagedPlace, Levels, is_slide, open_levels
from maskless.data.tiff import damaged
from maskless.errors import UserError
from maskless.resizing import resized
from maskless.spacing import is_plausible, same_spacing, spacing_of

__all__ = ["DamagedPlace", "Place", "Slide", "is_slide"]

#: The longest side of what is read of a level at once; a longer one is read in parts.
_BLOCK_PX = 4096
_MOST_SHIFT = 0.5  # px over a whole rectangle, within which a spacing is that of a level or a multiple
_WHITE = 255


class UnknownSpacing(UserError):
    """A slide of which neither µm/px nor power is known."""


class Place(NamedTuple):
    """A rectangle of a slide, from its top left corner on, in px of level 0."""

    x: int
    y: int
    width_px: int
    height_px: int


class Slide:
    """An open whole slide; a context manager. What OpenSlide opens, an OME-TIFF, a tiled TIFF.

    `width_px` and `height_px` are of level 0, `mpp` its spacing in µm/px, `power` the objective's power, that
    is 10 / mpp where it is not stated.
    """

    def __init__(self, path: Path, levels: Levels, mpp: float, power: float) -> None:
        self.path, self.mpp, self.power = path, mpp, power
        self.width_px, self.height_px = levels.sizes_px[0]
        self._levels = levels
        #: Of each level, how many px of level 0 a px is wide and high.
        self._steps = [_steps_of(levels.sizes_px[0], size) for size in levels.sizes_px]

    @classmethod
    def open(cls, path: str | Path, mpp: float | None = None, power: float | None = None) -> Self:
        """Open a slide whose spacing is what the file states, or what is given of it instead.

        Raises UserError for a file that is no slide or damaged, for a number that is no plausible spacing or
        power, and for a slide of which neither is known.
        """
        path = Path(path)
        levels = open_levels(path)
        try:
            return cls(path, levels, *_scale(path, levels, mpp, power))
        except BaseException:
            levels.close()
            raise

    def read(
        self, x: float, y: float, width_px: int, height_px: int, mpp: float | None = None
    ) -> NDArray[np.uint8]:
        """RGB uint8 (height_px, width_px, 3) at `mpp`, or at level 0's own spacing.

        (x, y) is the top left corner in px of level 0; width_px and height_px are in px at `mpp`. What lies
        outside the slide, or is transparent, is white. Where no level has the spacing, the next finer one is
        resampled by area means. A pixel depends on its own place alone, whatever rectangle it is read with,
        as long as `mpp` is one that `stored_mpp` gives. Raises DamagedPlace for what cannot be decoded.
        """
        step = 1.0 if mpp is None else mpp / self.mpp
        level = self._level_of(step)
        across, down = (step / own for own in self._steps[level])
        times = max(1, round((across + down) / 2))
        # How far the last pixel is off if a pixel is taken for `times` whole pixels of the level.
        shift = max(abs(across / times - 1) * width_px, abs(down / times - 1) * height_px)
        times = times if shift <= _MOST_SHIFT else 0
        side = max(1, int(_BLOCK_PX / max(across, down)))
        if max(width_px, height_px) <= side:
            return self._block(level, x, y, width_px, height_px, step, times)
        canvas = np.empty((height_px, width_px, 3), np.uint8)
        for top in range(0, height_px, side):
            for left in range(0, width_px, side):
                part = canvas[top : top + side, left : left + side]
                height, width = part.shape[:2]
                part[:] = self._block(level, x + left * step, y + top * step, width, height, step, times)
        return canvas

    def thumbnail(self, max_px: int) -> NDArray[np.uint8]:
        """The whole slide, RGB uint8 (H, W, 3), its longer side `max_px`, or less of a smaller slide."""
        step = max(1.0, max(self.width_px, self.height_px) / max_px)
        width, height = max(1, round(self.width_px / step)), max(1, round(self.height_px / step))
        return self.read(0, 0, width, height, self.mpp * step)

    def thumbnail_around_damage(self, max_px: int) -> tuple[NDArray[np.uint8], set[Place]]:
        """The thumbnail, and what of the slide cannot be decoded (see `around_damage`), as far as it shows.

        Raises UserError if nothing can be.
        """
        around, lost = self.around_damage()
        picture = around.thumbnail(max_px)
        if sum(place.width_px * place.height_px for place in lost) == self.width_px * self.height_px:
            raise UserError(damaged(self.path))
        return picture, lost

    def around_damage(self) -> tuple["Slide", set[Place]]:
        """The slide as far as it can be decoded, and a set, to which it adds what cannot be as that is read.

        A place that a coarser level has lost is made of the next finer one. What level 0 has lost too is
        white, in tiles as they are stored. It is open as long as this slide is.
        """
        lost: set[Place] = set()
        return self._first(len(self._steps), lost), lost

    def _first(self, levels: int, lost: set[Place]) -> "Slide":
        """So many of the levels, the finest ones, as far as they can be decoded."""
        return Slide(self.path, _AroundDamage(self, levels, lost), self.mpp, self.power)

    def stored_mpp(self, mpp: float) -> float:
        """The spacing within 1 % of `mpp` that is read without interpolation, or `mpp` if there is none.

        It is that of a level, or a whole multiple of a finer one's.
        """
        across, down = self._steps[self._level_of(mpp / self.mpp)]
        own = self.mpp * (across + down) / 2
        exact = own * max(1, round(mpp / own))
        return exact if same_spacing(exact, mpp) else mpp

    def level_at(self, mpp: float) -> int:
        """The number of the stored level that is read at `mpp`: the coarsest that is fine enough, to 1 %."""
        return self._level_of(mpp / self.mpp)

    def close(self) -> None:
        """Close the file; nothing can be read after."""
        self._levels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _level_of(self, step: float) -> int:
        """The coarsest level that is not coarser than `step` px of level 0 a px, but for 1 %."""
        fine = [k for k, (across, down) in enumerate(self._steps) if (across + down) / 2 <= step * 1.01]
        return max(fine, key=lambda k: self._steps[k]) if fine else 0

    def _block(
        self, level: int, x: float, y: float, width_px: int, height_px: int, step: float, times: int
    ) -> NDArray[np.uint8]:
        """A rectangle from one level: means of `times` x `times` whole pixels, or, for 0, interpolated."""
        (across, down), size = self._steps[level], (height_px, width_px)
        left, top = x / across, y / down
        if times:
            box = self._padded(level, round(left), round(top), width_px * times, height_px * times)
            return box if times == 1 else resized(box, size)
        # Samples no farther apart than the level's pixels, interpolated, then averaged.
        samples = max(1, ceil(step / min(across, down) - 0.01))
        column, row = floor(left) - 1, floor(top) - 1
        box = self._padded(
            level, column, row,
            ceil(left + width_px * step / across) + 2 - column, ceil(top + height_px * step / down) + 2 - row,
        )  # fmt: skip
        each = step / across / samples, step / down / samples
        # The first sample's centre, and centres of pixels lie at halves.
        matrix = np.array(
            [
                [each[0], 0, left - column + each[0] / 2 - 0.5],
                [0, each[1], top - row + each[1] / 2 - 0.5],
            ]
        )
        fine = cv2.warpAffine(
            box, matrix, (width_px * samples, height_px * samples),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(fine) if samples == 1 else resized(np.asarray(fine), size)

    def _padded(self, level: int, x: int, y: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """A rectangle of a level in its own pixels, white outside it."""
        width, height = self._levels.sizes_px[level]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width_px, width), min(y + height_px, height)
        if (left, top, right - left, bottom - top) == (x, y, width_px, height_px):
            return self._levels.read(level, x, y, width_px, height_px)
        canvas = np.full((height_px, width_px, 3), _WHITE, np.uint8)
        if right > left and bottom > top:
            inside = self._levels.read(level, left, top, right - left, bottom - top)
            canvas[top - y : bottom - y, left - x : right - x] = inside
        return canvas


class _AroundDamage(Levels):
    """The first `count` levels of a slide. What none can decode is white, and added to `lost`."""

    def __init__(self, slide: Slide, count: int, lost: set[Place]) -> None:
        self._slide, self._levels, self._lost = slide, slide._levels, lost
        self.sizes_px, self.tiles_px = self._levels.sizes_px[:count], self._levels.tiles_px[:count]
        self.mpp, self.power = self._levels.mpp, self._levels.power

    def read(self, level: int, x: int, y: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        with suppress(DamagedPlace):
            return self._levels.read(level, x, y, width_px, height_px)
        canvas = np.empty((height_px, width_px, 3), np.uint8)
        for rows, tile_y, tile_height in self._tiles(level, 1, y, height_px):
            for columns, tile_x, tile_width in self._tiles(level, 0, x, width_px):
                tile = self._tile(level, tile_x, tile_y, tile_width, tile_height)
                canvas[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x] = tile[
                    rows.start - tile_y : rows.stop - tile_y, columns.start - tile_x : columns.stop - tile_x
                ]
        return canvas

    def close(self) -> None:
        """The slide's own affair."""

    def _tiles(self, level: int, axis: int, start: int, length: int) -> Iterator[tuple[range, int, int]]:
        """Along an axis: the pixels that are wanted of each stored tile, where it begins, and its length."""
        side, end = self.tiles_px[level][axis], self.sizes_px[level][axis]
        for first in range(start // side * side, start + length, side):
            wanted = range(max(start, first), min(start + length, first + side))
            yield wanted, first, min(side, end - first)

    def _tile(self, level: int, x: int, y: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
        with suppress(DamagedPlace):
            return self._levels.read(level, x, y, width_px, height_px)
        if level:
            across, down = self._slide._steps[level]
            finer, mpp = self._slide._first(level, self._lost), self._slide.mpp * (across + down) / 2
            return finer.read(x * across, y * down, width_px, height_px, mpp)
        self._lost.add(Place(x, y, width_px, height_px))
        return np.full((height_px, width_px, 3), _WHITE, np.uint8)


def _steps_of(finest: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """How many px of the finest level a px of a level of this (width, height) is wide and high.

    A whole number wherever the sizes allow it: scanners average whole blocks, and drop what is left at the
    edge or fill it up.
    """
    times = round(finest[0] / size[0])
    if all(part in (whole // times, -(-whole // times)) for whole, part in zip(finest, size, strict=True)):
        return float(times), float(times)
    return finest[0] / size[0], finest[1] / size[1]


def _scale(path: Path, levels: Levels, mpp: float | None, power: float | None) -> tuple[float, float]:
    """µm/px and objective power of level 0: what is given holds, then what the file states."""
    given = spacing_of(mpp, power)
    stated = levels.mpp if is_plausible(levels.mpp) else None
    if given is None:
        try:
            given = spacing_of(stated, levels.power)
        except UserError as error:
            raise UserError(f"{path} states what cannot be: {error}") from error
        power = levels.power
    if given is None:
        raise UnknownSpacing(
            f"{path} states neither µm/px nor objective power: give mpp=0.25 or power=40, say"
        )
    return given, float(power or 10 / given)
