"""The labels of a whole slide as a pyramid of compressed chunks: OME-Zarr, written in bounded memory."""

import shutil
from collections import OrderedDict
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from maskless.errors import UserError

#: Of OME-NGFF. Readers of 0.5 read 0.4 too, and QuPath, Bio-Formats and Fiji read no chunks of zarr 3 yet.
_VERSION = "0.4"
#: Deflate is in every reader, and gives the same bytes however many threads there are; Blosc does not.
_COMPRESSOR: Mapping[str, Any] = {"id": "zlib", "level": 1}
_HELD_BYTES = 64 * 2**20

Chunk = tuple[int, int]


class LabelPyramid:
    """The nuclei of a slide of `height_px` x `width_px` at `mpp` µm/px, in the folder `path` (NAME.ome.zarr).

    A context manager. Level 0 holds the ids that were painted, uint32, 0 = background; each further level
    every second pixel of every second row of the one before, so that labels stay labels, down to one chunk.
    Chunks of `chunk_px` square are compressed, and those without a nucleus are not stored. In memory are some
    64 MiB of chunks, and four more while levels are made, whatever the slide: paint block by block, in raster
    order, for a chunk that is left is written, and read again when it is come back to.

    The folder takes its name when the block ends without an error, in place of one of that name; until then,
    and for good if the block raises, what was there stays. The same nuclei in the same order give the same
    bytes. Raises UserError if it cannot be written.
    """

    def __init__(
        self, path: str | Path, height_px: int, width_px: int, mpp: float, chunk_px: int = 1024
    ) -> None:
        self.path = Path(path)
        self._mpp = mpp
        self._chunk_px = chunk_px
        self._shapes = [(height_px, width_px)]
        while max(self._shapes[-1]) > chunk_px:
            height, width = self._shapes[-1]
            self._shapes.append((-(-height // 2), -(-width // 2)))
        self._held: OrderedDict[Chunk, NDArray[np.uint32]] = OrderedDict()
        self._most_held = max(_HELD_BYTES // (4 * chunk_px**2), 4)
        self._stored: set[Chunk] = set()
        # Not a name of its own for each attempt: a killed one would leave gigabytes that nothing removes.
        self._part = self.path.with_name(f".{self.path.name}.part")

    def __enter__(self) -> Self:
        try:
            shutil.rmtree(self._part, ignore_errors=True)
            group = zarr.create_group(self._part, zarr_format=2, attributes=self._attributes())
            self._levels = [self._level(group, n, shape) for n, shape in enumerate(self._shapes)]
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def paint(self, row: int, col: int, labels: NDArray[Any]) -> None:
        """Paint nuclei: `labels` (h, w), their ids, 1 to 2**32 - 1, 0 = background, from (`row`, `col`) on.

        Where one lies on an earlier one it takes its pixels. Raises ValueError for labels beyond the slide.
        """
        height, width = labels.shape
        if row < 0 or col < 0 or row + height > self._shapes[0][0] or col + width > self._shapes[0][1]:
            raise ValueError(
                f"labels of {height} x {width} px at ({row}, {col}) are not within {self._shapes[0]}"
            )
        side = self._chunk_px
        across = range(row // side, (row + height - 1) // side + 1)
        along = range(col // side, (col + width - 1) // side + 1)
        for down, right in product(across, along):
            top, left = down * side - row, right * side - col  # of the chunk, in the labels
            part = labels[max(top, 0) : top + side, max(left, 0) : left + side]
            if part.any():
                first_row, first_col = max(-top, 0), max(-left, 0)
                chunk = self._chunk((down, right))
                place = chunk[first_row : first_row + part.shape[0], first_col : first_col + part.shape[1]]
                np.copyto(place, part, where=part > 0, casting="unsafe")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        except OSError as failure:
            raise self._unwritable(failure) from failure
        finally:
            shutil.rmtree(self._part, ignore_errors=True)

    def _finish(self) -> None:
        while self._held:
            self._store(*self._held.popitem(last=False))
        stored = self._stored
        for finer, coarser in zip(self._levels, self._levels[1:], strict=False):
            stored = {(down // 2, right // 2) for down, right in stored}
            for chunk in sorted(stored):
                coarser[self._place(chunk)] = finer[self._place(chunk, 2 * self._chunk_px)][::2, ::2]
        if self.path.exists():
            shutil.rmtree(self.path)
        self._part.replace(self.path)

    def _chunk(self, chunk: Chunk) -> NDArray[np.uint32]:
        """The pixels of a chunk, to be painted on."""
        if chunk in self._held:
            self._held.move_to_end(chunk)
            return self._held[chunk]
        if len(self._held) >= self._most_held:
            self._store(*self._held.popitem(last=False))
        pixels = np.zeros((self._chunk_px, self._chunk_px), np.uint32)
        if chunk in self._stored:
            stored = self._levels[0][self._place(chunk)]
            pixels[: stored.shape[0], : stored.shape[1]] = stored
        self._held[chunk] = pixels
        return pixels

    def _store(self, chunk: Chunk, pixels: NDArray[np.uint32]) -> None:
        rows, cols = self._place(chunk)
        height, width = self._shapes[0]
        try:
            self._levels[0][rows, cols] = pixels[: height - rows.start, : width - cols.start]
        except OSError as error:
            raise self._unwritable(error) from error
        self._stored.add(chunk)

    def _place(self, chunk: Chunk, side_px: int | None = None) -> tuple[slice, slice]:
        side = side_px or self._chunk_px
        return tuple(slice(n * side, (n + 1) * side) for n in chunk)  # type: ignore[return-value]

    def _level(self, group: zarr.Group, number: int, shape: tuple[int, int]) -> Any:
        return group.create_array(
            str(number),
            shape=shape,
            chunks=(self._chunk_px, self._chunk_px),
            dtype="uint32",
            compressors=_COMPRESSOR,
            fill_value=0,
            chunk_key_encoding={"name": "v2", "separator": "/"},
            config={"write_empty_chunks": False},
        )

    def _attributes(self) -> dict[str, Any]:
        datasets = [
            {
                "path": str(number),
                "coordinateTransformations": [{"type": "scale", "scale": [self._mpp * 2**number] * 2}],
            }
            for number in range(len(self._shapes))
        ]
        multiscale = {
            "version": _VERSION,
            "name": self.path.name.split(".")[0],
            "type": "nearest",
            "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"],
            "datasets": datasets,
        }
        return {"multiscales": [multiscale], "image-label": {"version": _VERSION}}

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(f"{self.path} cannot be written: {error.strerror}; choose another folder or name")
