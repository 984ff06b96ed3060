"""Tiles of slides to learn from: where they are, in little memory, and the slides they are read from."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maskless.data.slides import Slide
from maskless.signals import Item

#: Slides that a process holds open at once.
OPEN_SLIDES = 16


class Tiles(Sequence[Item]):
    """The tiles of one power as items, NAME-POWERx-X-Y, made as they are asked for: 12 bytes a tile.

    `slides` are the slides' own items; `slide`, int32 (N,), says of which one a tile is, `x` and `y`, int32
    (N,), where, in px of level 0.
    """

    def __init__(
        self,
        power: float,
        slides: Sequence[Item],
        slide: NDArray[np.int32],
        x: NDArray[np.int32],
        y: NDArray[np.int32],
    ) -> None:
        self.power, self.slides, self.slide, self.x, self.y = power, tuple(slides), slide, x, y

    def __len__(self) -> int:
        return len(self.slide)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return Tiles(self.power, self.slides, self.slide[index], self.x[index], self.y[index])
        slide = self.slides[self.slide[index]]
        return Item(f"{slide.id}-{self.power:g}x-{self.x[index]}-{self.y[index]}", slide.group, slide.case)

    def __iter__(self) -> Iterator[Item]:
        return (self[k] for k in range(len(self)))


def place_of(item: Item) -> tuple[str, float, int, int]:
    """The slide of a tile's item, its power, and x and y in px of level 0. Raises ValueError for others."""
    name, power, x, y = item.id.rsplit("-", 3)
    return name, float(power.removesuffix("x")), int(x), int(y)


def read_tiles(tables: Mapping[Item, Path], powers: Sequence[float]) -> dict[float, Tiles]:
    """The tiles at each of `powers`, of the index of each slide, in their order."""
    columns: dict[float, list[tuple[NDArray[np.int32], ...]]] = {power: [] for power in powers}
    for number, table in enumerate(tables.values()):
        with pq.ParquetFile(table, memory_map=True) as file:
            rows = file.read(["x", "y", "power"], use_threads=False)
        of_power = rows["power"].to_numpy()
        for power, parts in columns.items():
            chosen = of_power == np.float32(power)
            x, y = (rows[key].to_numpy()[chosen] for key in ("x", "y"))
            parts.append((np.full(len(x), number, np.int32), x, y))
    pa.default_memory_pool().release_unused()
    slides, none = tuple(tables), (np.zeros(0, np.int32),) * 3
    return {
        power: Tiles(power, slides, *(np.concatenate(arrays) for arrays in zip(none, *parts, strict=True)))
        for power, parts in columns.items()
    }


class OpenSlides:
    """Slides by name, one handle each and process, of which the last `OPEN_SLIDES` used stay open."""

    def __init__(self, opened: Callable[[str], Slide]) -> None:
        self._opened = opened
        self._slides: OrderedDict[str, Slide] = OrderedDict()
        self._process = os.getpid()

    def __getitem__(self, name: str) -> Slide:
        if self._process != os.getpid():  # a loading process must not move in the files of its parent
            self._slides, self._process = OrderedDict(), os.getpid()
        if name not in self._slides:
            self._slides[name] = self._opened(name)
        self._slides.move_to_end(name)
        while len(self._slides) > OPEN_SLIDES:
            self._slides.popitem(last=False)[1].close()
        return self._slides[name]

    def __reduce__(self) -> tuple[type, tuple[Callable[[str], Slide]]]:
        return OpenSlides, (self._opened,)
