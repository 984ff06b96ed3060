"""One owner a nucleus: of what neighbouring blocks have found in the same place, one stands.

A nucleus belongs to the block whose core holds its centre. But what a network sees depends a little on the
window, and two blocks may see the centre of one nucleus on different sides of the line between them. So each
keeps all that comes to its core, and here, where nuclei of two blocks overlap, the one whose centre lies
further inside its block's core stands; of two alike, that of the earlier block. Another is the same nucleus,
and goes, if more than half of its pixels are taken by those that stand, or if its centre and that of one of
them lie within each other. If not, it is another nucleus, and loses the few pixels that are taken. One whose
centre is in the core of another block stands only where that block has seen it too, and less well, or where
that block is not looked at.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from maskless.inference.slide.grid import Block, Grid
from maskless.inference.slide.nuclei import BlockNuclei, Ints

OPEN, STANDS, GOES = 0, 1, -1


@dataclass
class Found:
    """The nuclei of a block and what becomes of each: `state`, int8 (N,), OPEN at first.

    `left` gives the pixels of those that have lost some, as row * width + column, by their place.
    """

    block: Block
    nuclei: BlockNuclei
    state: NDArray[np.int8]
    left: dict[int, Ints] = field(default_factory=dict)

    @classmethod
    def of(cls, block: Block, nuclei: BlockNuclei) -> "Found":
        """Of which nothing is decided yet."""
        return cls(block, nuclei, np.full(len(nuclei), OPEN, np.int8))


def decide(
    grid: Grid, row: Sequence[Found], below: Sequence[Found], looked_at: Collection[tuple[int, int]]
) -> None:
    """Decide what becomes of all nuclei of a row of blocks, and of those below that have to do with them.

    The row above is decided already. `looked_at` has (row, column) of every block of the slide that is.
    """
    views = _Views.of(grid, [*row, *below], looked_at)
    for group in views.groups():
        if (views.found[group] < len(row)).any():
            views.settle(group)
    for number, found in enumerate(row):  # those that overlap nothing
        own = np.flatnonzero(views.found == number)
        rest = own[found.state[views.place[own]] == OPEN]
        found.state[views.place[rest]] = np.where(views.may_stand_alone[rest], STANDS, GOES)


@dataclass
class _Views:
    """What blocks have found and has not gone, V views of nuclei, one a row of each array.

    `found` and `place` say whose it is, `depth` how far inside its core its centre lies, px, below 0 outside;
    `centre` is the pixel of that, as row * width + column, and `area` the number of pixels. `overlaps` has
    the number of pixels that two of them share, by the two, the first before the second. Pixels themselves
    are fetched as they are needed: of all nuclei at once they would take hundreds of MiB.
    """

    grid: Grid
    founds: Sequence[Found]
    found: Ints
    place: Ints
    depth: NDArray[np.float64]
    may_stand_alone: NDArray[np.bool_]
    centre: Ints
    area: Ints
    overlaps: dict[tuple[int, int], int]

    @classmethod
    def of(cls, grid: Grid, founds: Sequence[Found], looked_at: Collection[tuple[int, int]]) -> "_Views":
        places = [np.flatnonzero(f.state != GOES) for f in founds]
        found = np.repeat(np.arange(len(founds)), [len(of) for of in places])
        place = np.concatenate([np.empty(0, np.int64), *places])
        nothing = np.empty(0), np.empty(0, bool), np.empty(0, np.int64), np.empty(0, np.int64)
        each = [_seen(grid, f, of, looked_at) for f, of in zip(founds, places, strict=True)]
        depth, alone, centre, area = (np.concatenate(parts) for parts in zip(nothing, *each, strict=True))
        overlaps = _overlaps(grid, founds, found, place)
        return cls(grid, founds, found, place, depth, alone, centre, area, overlaps)

    def state(self, k: int) -> int:
        """What becomes of one of them."""
        return int(self.founds[self.found[k]].state[self.place[k]])

    def set(self, k: int, state: int) -> None:
        """Decide what becomes of one."""
        self.founds[self.found[k]].state[self.place[k]] = state

    def groups(self) -> list[Ints]:
        """Groups of those that overlap each other, of two and more."""
        first, second = np.array(list(self.overlaps), np.int64).reshape(-1, 2).T
        links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(self.found),) * 2)
        group = connected_components(links, directed=False)[1] if len(self.found) else self.found
        order = np.argsort(group, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
        return [part for part in parts if len(part) > 1]

    def settle(self, group: Ints) -> None:
        """Decide all of a group, see above."""
        standing: list[int] = [k for k in group.tolist() if self.state(k) == STANDS]
        undecided = [k for k in group.tolist() if self.state(k) == OPEN]
        undecided.sort(key=lambda k: (-self.depth[k], self.found[k], self.place[k]))
        for k in undecided:
            others = [q for q in standing if self._common(k, q)]
            goes = self._taken(k, others)
            if not goes and not self.may_stand_alone[k]:
                goes = not any(self.state(q) != STANDS and self._same(k, q) for q in undecided if q != k)
            self.set(k, GOES if goes else STANDS)
            if not goes:
                standing.append(k)
                if others:
                    self._leave(k, self._free(k, others), group)

    def _taken(self, k: int, others: Sequence[int]) -> bool:
        """Whether one is the same nucleus as those that stand: most nuclei near a line are, of one other."""
        most = max((self._common(k, q) for q in others), default=0)
        if 2 * (self.area[k] - most) < self.area[k]:
            return True
        if len(others) > 1 and 2 * len(self._free(k, others)) < self.area[k]:
            return True
        return any(self._within_each_other(k, q) for q in others)

    def _leave(self, k: int, pixels: Ints, group: Ints) -> None:
        """Leave to one these pixels of its own."""
        self.founds[self.found[k]].left[int(self.place[k])] = pixels
        self.area[k] = len(pixels)
        for q in group.tolist():
            if self._common(k, q):
                both = np.intersect1d(pixels, self._pixels(q), assume_unique=True)
                self.overlaps[min(k, q), max(k, q)] = len(both)

    def _pixels(self, k: int) -> Ints:
        return _pixels(self.grid, self.founds[self.found[k]], self.place[[k]])[1]

    def _free(self, k: int, others: Sequence[int]) -> Ints:
        free = self._pixels(k)
        for q in others:
            free = free[~np.isin(free, self._pixels(q), assume_unique=True)]
        return free

    def _common(self, p: int, q: int) -> int:
        return self.overlaps.get((p, q) if p < q else (q, p), 0)

    def _same(self, p: int, q: int) -> bool:
        common = self._common(p, q)
        return 2 * common > min(self.area[p], self.area[q]) or (common > 0 and self._within_each_other(p, q))

    def _within_each_other(self, p: int, q: int) -> bool:
        return bool(self.centre[q] in self._pixels(p) and self.centre[p] in self._pixels(q))


def _pixels(grid: Grid, found: Found, places: Ints) -> tuple[Ints, Ints]:
    """Every pixel that some nuclei of a block are left with: whose, by its place in `places`, and which."""
    which, row, col = found.nuclei.pixels(places)
    pixel = row * grid.width_px + col
    lost = {at: found.left[place] for at, place in enumerate(places.tolist()) if place in found.left}
    if not lost:
        return which, pixel
    whole = ~np.isin(which, list(lost))
    left = np.repeat(list(lost), [len(of) for of in lost.values()])
    return np.concatenate([which[whole], left]), np.concatenate([pixel[whole], *lost.values()])


def _seen(
    grid: Grid, found: Found, places: Ints, looked_at: Collection[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], Ints, Ints]:
    """Of some nuclei of a block the depth, whether it may stand without another's word, centre and area."""
    table, core = found.nuclei.table, found.block.core
    row, col = (table[name].to_numpy()[places] + 0.5 for name in ("row", "col"))
    # The slide's border is no line between blocks.
    sides = (
        (core.top > 0, row - core.top),
        (core.left > 0, col - core.left),
        (core.bottom < grid.height_px, core.bottom - row),
        (core.right < grid.width_px, core.right - col),
    )
    depth = np.min([np.where(inner, gap, np.inf) for inner, gap in sides], axis=0)
    owners = zip(
        (row // grid.core_px).astype(int).tolist(), (col // grid.core_px).astype(int).tolist(), strict=True
    )
    own = (found.block.row, found.block.col)
    alone = np.array([owner == own or owner not in looked_at for owner in owners], dtype=bool)
    area = found.nuclei.areas
    for place, left in found.left.items():
        area[place] = len(left)
    return depth, alone, row.astype(np.int64) * grid.width_px + col.astype(np.int64), area[places]


def _overlaps(grid: Grid, founds: Sequence[Found], found: Ints, place: Ints) -> dict[tuple[int, int], int]:
    """The pairs of views of two blocks, the first before the second, that share pixels, and how many."""
    boxes = [f.nuclei.boxes[place[found == number]] for number, f in enumerate(founds)]
    top, left, bottom, right = np.concatenate([np.empty((0, 4), np.int64), *boxes]).T
    outlines = shapely.box(left, top, right - 1, bottom - 1)  # two that only touch share none
    first, second = shapely.STRtree(outlines).query(outlines)
    near = found[first] < found[second]
    first, second = first[near], second[near]
    overlaps: dict[tuple[int, int], int] = {}
    blocks = found[first] * len(founds) + found[second]
    for pair in np.unique(blocks).tolist():
        of = blocks == pair
        here, there = np.unique(first[of]), np.unique(second[of])
        one, one_pixel = _pixels(grid, founds[pair // len(founds)], place[here])
        other, other_pixel = _pixels(grid, founds[pair % len(founds)], place[there])
        _, at, at_other = np.intersect1d(one_pixel, other_pixel, assume_unique=True, return_indices=True)
        codes, common = np.unique(here[one[at]] * len(found) + there[other[at_other]], return_counts=True)
        keys = zip((codes // len(found)).tolist(), (codes % len(found)).tolist(), strict=True)
        overlaps |= dict(zip(keys, common.tolist(), strict=True))
    return overlaps
