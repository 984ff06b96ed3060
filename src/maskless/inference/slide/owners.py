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
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from maskless.inference.slide.grid import Block, Grid
from maskless.inference.slide.nuclei import BlockNuclei, Ints

OPEN, STANDS, GOES = 0, 1, -1
#: Cores meet in fours: no pixel is seen by more blocks whose nuclei can come to it.
_MOST_VIEWS = 4


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
    founds = [*row, *below]
    reach = max((_reach(found) for found in founds), default=0)
    views = _Views.of(grid, founds, reach, looked_at)
    for found in row:  # those that no other block's can have come to
        found.state[(found.state == OPEN) & ~_near_lines(found, reach)] = STANDS
    single, groups = views.groups()
    for k in single[views.found[single] < len(row)]:
        if views.state(k) == OPEN:
            views.set(k, STANDS if views.may_stand_alone[k] else GOES)
    for group in groups:
        if (views.found[group] < len(row)).any():
            views.settle(group)


def _reach(found: Found) -> int:
    """How far nuclei of a block come out of its core, px."""
    box, core = found.nuclei.boxes, np.array(found.block.core)
    return max(0, *(core[:2] - box[:, :2]).ravel(), *(box[:, 2:] - core[2:]).ravel()) if len(box) else 0


def _near_lines(found: Found, reach: int) -> NDArray[np.bool_]:
    """Which nuclei of a block are as near to a side of its core as nuclei of others can come, bool (N,)."""
    box, core = found.nuclei.boxes, np.array(found.block.core)
    return np.any((box[:, :2] < core[:2] + reach) | (box[:, 2:] > core[2:] - reach), axis=1)


@dataclass
class _Views:
    """What blocks have found near the lines between them, C views of nuclei, one a row of each array.

    `found` and `place` say whose it is, `depth` how far inside its core its centre lies, px, below 0 outside;
    `centre` is the pixel of that, and `pixels` those of all, as row * width + column. `overlaps` has the
    number of pixels that two of them share.
    """

    founds: Sequence[Found]
    found: Ints
    place: Ints
    depth: NDArray[np.float64]
    may_stand_alone: NDArray[np.bool_]
    centre: Ints
    pixels: list[Ints]
    overlaps: dict[tuple[int, int], int]

    @classmethod
    def of(
        cls, grid: Grid, founds: Sequence[Found], reach: int, looked_at: Collection[tuple[int, int]]
    ) -> "_Views":
        places = [np.flatnonzero((f.state != GOES) & _near_lines(f, reach)) for f in founds]
        found = np.repeat(np.arange(len(founds)), [len(place) for place in places])
        place = np.concatenate([np.empty(0, np.int64), *places])
        pixels = [one for f, near in zip(founds, places, strict=True) for one in _pixels(grid, f, near)]
        depth, alone, centre = (
            np.concatenate(parts)
            for parts in zip(
                (np.empty(0), np.empty(0, bool), np.empty(0, np.int64)),
                *(_centres(grid, f, near, looked_at) for f, near in zip(founds, places, strict=True)),
                strict=True,
            )
        )
        return cls(founds, found, place, depth, alone, centre, pixels, _overlaps(found, pixels))

    def state(self, k: int) -> int:
        """What becomes of one of them."""
        return int(self.founds[self.found[k]].state[self.place[k]])

    def set(self, k: int, state: int) -> None:
        """Decide what becomes of one."""
        self.founds[self.found[k]].state[self.place[k]] = state

    def groups(self) -> tuple[Ints, list[Ints]]:
        """Those that overlap nothing, and groups of those that overlap each other."""
        first, second = np.array(list(self.overlaps), np.int64).reshape(-1, 2).T
        links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(self.found),) * 2)
        group = connected_components(links, directed=False)[1] if len(self.found) else self.found
        order = np.argsort(group, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
        single = [part for part in parts if len(part) == 1]
        return np.concatenate([np.empty(0, np.int64), *single]), [part for part in parts if len(part) > 1]

    def settle(self, group: Ints) -> None:
        """Decide all of a group, see above."""
        standing: list[int] = [k for k in group.tolist() if self.state(k) == STANDS]
        undecided = [k for k in group.tolist() if self.state(k) == OPEN]
        undecided.sort(key=lambda k: (-self.depth[k], self.found[k], self.place[k]))
        for k in undecided:
            others = [q for q in standing if self._common(k, q)]
            free = self.pixels[k]
            for q in others:
                free = free[~np.isin(free, self.pixels[q], assume_unique=True)]
            goes = 2 * len(free) < len(self.pixels[k]) or any(self._within_each_other(k, q) for q in others)
            if not goes and not self.may_stand_alone[k]:
                goes = not any(self.state(q) != STANDS and self._same(k, q) for q in undecided if q != k)
            self.set(k, GOES if goes else STANDS)
            if not goes:
                standing.append(k)
                if len(free) < len(self.pixels[k]):
                    self.founds[self.found[k]].left[int(self.place[k])] = self.pixels[k] = free

    def _common(self, p: int, q: int) -> int:
        return self.overlaps.get((p, q) if p < q else (q, p), 0)

    def _same(self, p: int, q: int) -> bool:
        least = min(len(self.pixels[p]), len(self.pixels[q]))
        return 2 * self._common(p, q) > least or self._within_each_other(p, q)

    def _within_each_other(self, p: int, q: int) -> bool:
        return _holds(self.pixels[p], self.centre[q]) and _holds(self.pixels[q], self.centre[p])


def _pixels(grid: Grid, found: Found, places: Ints) -> list[Ints]:
    """The pixels of some nuclei of a block, sorted: those that they were left with, if they have lost any."""
    which, row, col = found.nuclei.pixels(places)
    ends = np.cumsum(np.bincount(which, minlength=len(places)))[:-1]
    pixels = np.split(row * grid.width_px + col, ends) if len(places) else []
    return [found.left.get(int(place), own) for place, own in zip(places, pixels, strict=True)]


def _centres(
    grid: Grid, found: Found, places: Ints, looked_at: Collection[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], Ints]:
    """Of some nuclei of a block the depth, whether it may stand without another's word, and the centre."""
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
    return depth, alone, row.astype(np.int64) * grid.width_px + col.astype(np.int64)


def _overlaps(found: Ints, pixels: Sequence[Ints]) -> dict[tuple[int, int], int]:
    """The pairs of views, the first before the second, that share pixels, and how many."""
    if not len(pixels):
        return {}
    view = np.repeat(np.arange(len(pixels)), [len(one) for one in pixels])
    pixel = np.concatenate(pixels)
    order = np.argsort(pixel, kind="stable")
    view, pixel = view[order], pixel[order]
    pairs = []
    for away in range(1, _MOST_VIEWS):
        same = pixel[away:] == pixel[:-away]
        pairs.append(view[:-away][same] * len(pixels) + view[away:][same])
    codes, common = np.unique(np.concatenate(pairs), return_counts=True)
    return {
        (int(code) // len(pixels), int(code) % len(pixels)): int(n)
        for code, n in zip(codes, common, strict=True)
    }


def _holds(pixels: Ints, pixel: int) -> bool:
    at = np.searchsorted(pixels, pixel)
    return bool(at < len(pixels) and pixels[at] == pixel)
