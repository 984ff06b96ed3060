"""Rendered tissue as a source: every signal, known truth, no files."""

import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from maskless.address import generator
from maskless.data.derive import complete
from maskless.data.source import PARTS, Source, Split
from maskless.data.synthetic import Tissue, check, render
from maskless.errors import UserError, did_you_mean
from maskless.signals import Item, Sample, Signal

_TILES = {"train": 64, "val": 8, "test": 16}

#: Indices of a part begin at this times its place in PARTS, so a part never reaches into the next one, and
#: train-0003 is the same tissue however many tiles there are.
_PART_LENGTH = 2**20

#: Objective powers of the `scales` signal.
_SCALES = (40.0, 20.0, 10.0)

#: Larger tiles are rendered anew each time: a cache of them would fill the memory.
_CACHED_UP_TO_PX = 512


class Synthetic(Source):
    """H&E, Ki67 or HER2 tissue that maskless renders; see `maskless.data.synthetic.render`.

    There are no files: a tile is a pure function of `seed` and its part and number. `stain` is 'he' (classes
    epithelial, lymphocyte, stromal), 'her2' (the same) or 'ki67' (positive, negative): the same nuclei;
    tiles are `size_px` square at objective `power`, 10 / power µm/px. Of a pair of powers each tile draws its
    own (`power_of`) and states the middle, 40 of 25 to 64: in published sets, too, the stated power is not
    always the true one, and who learns from both holds at both. `tiles` says how many there are of each part.
    `scales` shows the tile's own field at 40x, 20x and 10x, in proportionate sizes.

    Splits: one, 'official'. Each tile is a patient of its own, 'train-0003' for one.

    Licence: Apache-2.0. How to get: it is rendered as it is read. Citation: maskless itself.
    """

    name: ClassVar[str] = "synthetic"
    may_offer: ClassVar[frozenset[Signal]] = frozenset(
        {
            Signal.IMAGE,
            Signal.INSTANCES,
            Signal.MASK,
            Signal.POINTS,
            Signal.CLASSES,
            Signal.REGION,
            Signal.SCALES,
        }
    )
    licence: ClassVar[str] = "Apache-2.0 (rendered by maskless itself)"
    how_to_get: ClassVar[str] = "There is nothing to get: maskless renders it."
    rendered: bool = True
    power: float

    def __init__(
        self,
        stain: str = "he",
        power: float | Sequence[float] = 40.0,
        size_px: int = 256,
        tiles: Mapping[str, int] = _TILES,
        seed: int = 0,
        split: str = "official",
        drawn: bool = False,
    ) -> None:
        """Raises UserError for an argument that cannot be, without rendering anything.

        With `drawn` its annotation counts as what a person would have had to draw, to compare costs.
        """
        self.rendered = not drawn
        self.powers = _checked_powers(power, seed, size_px, stain)
        self.staining = "H&E" if stain == "he" else "IHC"
        self.stain, self.size_px, self.seed, self.split = stain, size_px, seed, split
        low, high = self.powers
        self.power = round(math.sqrt(low * high), 6) if low < high else high
        self.mpp = 10 / self.power
        self.tiles = _checked_tiles(tiles)
        self.items("train")  # complains of a split that is not there

    @property
    def place(self) -> None:
        """Nowhere: there are no files."""

    def __repr__(self) -> str:
        return (
            f"Synthetic(stain={self.stain!r}, powers={self.powers!r}, size_px={self.size_px}, "
            f"tiles={self.tiles}, seed={self.seed}, split={self.split!r})"
        )

    def splits(self) -> Mapping[str, Split]:
        """'official': disjoint tiles, `tiles` of them a part."""
        names = {part: [_name(part, n) for n in range(count)] for part, count in self.tiles.items()}
        return {"official": Split({part: tuple(Item(name, name) for name in names[part]) for part in names})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Render one tile. Raises UserError for an item that is not of this source."""
        index = self._index(item)
        own_power = self.power_of(item)
        tissue = self._render(index, self.size_px, own_power)
        # Copies, because what is read belongs to the reader and the cache must not change.
        sample = Sample(
            item,
            {
                Signal.IMAGE: tissue.image.copy(),
                Signal.INSTANCES: tissue.instances.copy(),
                Signal.POINTS: tissue.points.copy(),
                Signal.CLASSES: dict(tissue.classes),
            },
            mpp=self.mpp,
            power=self.power,
        )
        if Signal.SCALES in signals:
            sample.signals[Signal.SCALES] = {
                power: self._render(index, _at(power, own_power, self.size_px), power).image.copy()
                for power in _SCALES
            }
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """None: what a tile is follows from the arguments and the version of maskless."""
        return []

    def problems(self) -> list[str]:
        """None: arguments that cannot be are refused at once."""
        return []

    def _index(self, item: Item) -> int:
        part, _, digits = item.id.rpartition("-")
        n = int(digits) if digits.isdecimal() else -1
        if not 0 <= n < self.tiles.get(part, 0) or item.id != _name(part, n):
            raise UserError(f"synthetic has no tile {item.id!r}: it renders {self.tiles}")
        return PARTS.index(part) * _PART_LENGTH + n

    def power_of(self, item: Item) -> float:
        """The true objective power of a tile: of a pair, drawn evenly on a logarithmic scale."""
        low, high = self.powers
        if low == high:
            return high
        return low * (high / low) ** generator(self.seed, self._index(item), "power").uniform()

    def _render(self, index: int, size_px: int, power: float) -> Tissue:
        tile = _remembered if size_px <= _CACHED_UP_TO_PX else _rendered
        return tile(self.seed, index, size_px, self.stain, power)


def _rendered(seed: int, index: int, size_px: int, stain: str, power: float) -> Tissue:
    return render(seed, index, size_px=size_px, stain=stain, power=power)


_remembered = lru_cache(maxsize=128)(_rendered)


def _name(part: str, n: int) -> str:
    return f"{part}-{n:04d}"


def _at(power: float, own_power: float, own_size_px: int) -> int:
    """Size in px, at another power, of a field of a tile's own power and size."""
    return max(round(own_size_px * power / own_power), 1)


def _checked_powers(
    power: float | Sequence[float], seed: int, size_px: int, stain: str
) -> tuple[float, float]:
    """The least and the greatest power of tiles. Raises UserError for what cannot be rendered."""
    pair = [power, power] if isinstance(power, str) or not isinstance(power, Sequence) else list(power)
    for one in pair:
        check(seed, 0, size_px, stain, one)
    if len(pair) != 2 or pair[0] > pair[1]:
        raise UserError(f"synthetic takes a power, 40, or a pair from small to great, [20, 40], not {power}")
    return float(pair[0]), float(pair[1])


def _checked_tiles(tiles: Mapping[str, int]) -> dict[str, int]:
    """The number of tiles of each part, 0 where none is given."""
    for part, count in tiles.items():
        if part not in PARTS:
            raise UserError(f"synthetic has no part {part!r} for tiles{did_you_mean(str(part), PARTS)}")
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= _PART_LENGTH:
            raise UserError(f"synthetic cannot render tiles.{part}={count!r}: give a whole number, 0 or more")
    return {part: tiles.get(part, 0) for part in PARTS}
