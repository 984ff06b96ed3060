"""Very many rows of numbers, sorted into small cells, so that few need to be looked at one by one."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: The width of a cell, as a part of the rows' standard deviation.
_WIDTH = 1 / 8


@dataclass(frozen=True)
class RowCells:
    """Rows in a grid of D dimensions: B cells that are not empty.

    `rows` is float64 (D, N), sorted by cell; `first` and `counts` say where each cell's rows begin and how
    many there are, (B,); `sums` is their sum, `middle` and `half` the smallest box around them, each (D, B).
    """

    rows: Numbers
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: Numbers
    middle: Numbers
    half: Numbers

    @classmethod
    def of(cls, columns: Numbers) -> "RowCells":
        """Sort rows, given as columns, float64 (D, N), finite."""
        order, first = _sorted(columns)
        rows = columns[:, order]
        low, high = (extreme.reduceat(rows, first, axis=1) for extreme in (np.minimum, np.maximum))
        counts = np.diff(first, append=len(order))
        sums = np.add.reduceat(rows, first, axis=1)
        return cls(rows, first, counts, sums, (low + high) / 2, (high - low) / 2)

    def assigned(self, centres: Numbers) -> tuple[Numbers, Numbers]:
        """How many rows are nearest to each of the centres (K, D), and their sums: (K,) and (K, D).

        A row as near to two counts for one of them. A cell in whose box every place is nearest to one centre
        counts as a whole, so the result is that of looking at every row (Kanungo et al., PAMI 2002), but for
        the order in which is summed.
        """
        owns = self._owned(centres)
        shared = np.flatnonzero(~owns.any(axis=0))
        owned = owns.astype(np.float64)
        rows = self._rows_of(shared)
        nearest = relative_distances(rows, centres).argmin(axis=0)
        members = (nearest == np.arange(len(centres))[:, None]).astype(np.float64)
        counts = owned @ self.counts + members.sum(axis=1)
        return counts, owned @ self.sums.T + members @ rows.T

    def _owned(self, centres: Numbers) -> NDArray[np.bool_]:
        """Whether all of a cell's box is nearer to a centre than to every other: (K, B)."""
        squares = (centres**2).sum(axis=1)
        owns = np.ones((len(centres), len(self.first)), bool)
        for one, other in combinations(range(len(centres)), 2):
            towards = 2 * (centres[one] - centres[other])
            # By how much the square of the distance to `other` is the greater one, in the middle, and by how
            # much that may differ in a corner.
            lead = towards @ self.middle + (squares[other] - squares[one])
            spread = np.abs(towards) @ self.half
            owns[one] &= lead > spread
            owns[other] &= -lead > spread
        return owns

    def _rows_of(self, cells: NDArray[np.int64]) -> Numbers:
        counts = self.counts[cells]
        starts = self.first[cells] - np.cumsum(counts) + counts
        return self.rows[:, np.repeat(starts, counts) + np.arange(counts.sum())]


def relative_distances(rows: Numbers, centres: Numbers) -> Numbers:
    """The squared distances of rows (D, N) from centres (K, D), less the rows' own squares: (K, N)."""
    # |x - c|^2 = |x|^2 + (|c|^2 - 2 x c), of which the first part is the same for all centres.
    return (centres**2).sum(axis=1, keepdims=True) - 2 * (centres @ rows)


def _sorted(columns: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order of the rows by their cell, and where in it each cell begins."""
    width = _WIDTH * float(np.sqrt(columns.var(axis=1).mean())) or 1.0
    keys = np.zeros(columns.shape[1], np.int64)
    for column in columns:
        steps = ((column - column.min()) / width).astype(np.int64)
        keys = keys * (int(steps.max(initial=0)) + 1) + steps
    order = np.argsort(keys)
    keys = keys[order]
    return order, np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
