"""Very many rows of numbers, sorted into small cells, so that few need to be looked at one by one."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: The width of a cell, as a part of the rows' standard deviation.
_WIDTH = 1 / 10


@dataclass(frozen=True)
class RowCells:
    """Rows in a grid of D dimensions: B cells that are not empty.

    `rows` is float64 (N, D), sorted by cell; `first` and `counts` say where each cell's rows begin and how
    many there are, (B,); `sums` is their sum, `middle` and `half` the smallest box around them, each (B, D).
    """

    rows: Numbers
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: Numbers
    middle: Numbers
    half: Numbers

    @classmethod
    def of(cls, rows: Numbers) -> "RowCells":
        """Sort rows, float64 (N, D), one or more, finite."""
        order, first = _sorted(rows)
        rows = rows.take(order, axis=0)
        low, high = np.minimum.reduceat(rows, first), np.maximum.reduceat(rows, first)
        counts = np.diff(first, append=len(rows))
        return cls(rows, first, counts, np.add.reduceat(rows, first), (low + high) / 2, (high - low) / 2)

    def assigned(self, centres: Numbers) -> tuple[Numbers, Numbers]:
        """How many rows are nearest to each of the centres (K, D), and their sums: (K,) and (K, D).

        A row as near to two counts for one of them. A cell in whose box every place is nearest to one centre
        counts as a whole, so the result is that of looking at every row (Kanungo et al., PAMI 2002), but for
        the order in which is summed.
        """
        owns = self._owned(centres)
        rows = self._rows_of(np.flatnonzero(~owns.any(axis=0)))
        owned = owns.astype(np.float64)
        members = (nearest(rows, centres) == np.arange(len(centres))[:, None]).astype(np.float64)
        return owned @ self.counts + members.sum(axis=1), owned @ self.sums + members @ rows

    def _owned(self, centres: Numbers) -> NDArray[np.bool_]:
        """Whether all of a cell's box is nearer to a centre than to every other: (K, B)."""
        squares = (centres**2).sum(axis=1)
        owns = np.ones((len(centres), len(self.first)), bool)
        for one, other in combinations(range(len(centres)), 2):
            towards = 2 * (centres[one] - centres[other])
            # By how much the square of the distance to `other` is the greater one, in the middle, and by how
            # much that may differ in a corner.
            lead = self.middle @ towards + (squares[other] - squares[one])
            spread = self.half @ np.abs(towards)
            owns[one] &= lead > spread
            owns[other] &= -lead > spread
        return owns

    def _rows_of(self, cells: NDArray[np.int64]) -> Numbers:
        counts = self.counts[cells]
        starts = self.first[cells] - np.cumsum(counts) + counts
        return self.rows.take(np.repeat(starts, counts) + np.arange(counts.sum()), axis=0)


def relative_distances(rows: Numbers, centres: Numbers) -> Numbers:
    """The squared distances of rows (N, D) from centres (K, D), less the rows' own squares: (K, N)."""
    # |x - c|^2 = |x|^2 + (|c|^2 - 2 x c), of which the first part is the same for all centres.
    return (centres**2).sum(axis=1, keepdims=True) - 2 * (centres @ rows.T)


def nearest(rows: Numbers, centres: Numbers) -> NDArray[np.uint8]:
    """The nearest of the centres (K, D) to each of the rows (N, D), of equally near ones the first: (N,)."""
    distances = relative_distances(rows, centres)
    found, least = np.zeros(len(rows), np.uint8), distances[0]
    for k in range(1, len(centres)):  # several times as fast as argmin
        found = np.where(distances[k] < least, np.uint8(k), found)
        least = np.minimum(least, distances[k])
    return found


def _sorted(rows: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order of the rows by their cell, and where in it each cell begins."""
    width = _WIDTH * float(np.sqrt(rows.var(axis=0).mean())) or 1.0
    keys = np.zeros(len(rows), np.int64)
    for column in rows.T:
        steps = ((column - column.min()) / width).astype(np.int64)
        keys = keys * (int(steps.max()) + 1) + steps
    order = np.argsort(keys)
    keys = keys[order]
    return order, np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
