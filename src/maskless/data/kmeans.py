"""k-means as scikit-learn 1.0 does it, fast for millions of rows of few numbers."""

import numpy as np
from numpy.typing import NDArray

from maskless.data.row_cells import RowCells, nearest, relative_distances

#: The most steps, and the squared shift of all centres below which it ends, as a part of the mean variance of
#: the columns.
STEPS, TOLERANCE = 300, 1e-4
#: Rows that are looked at together, so that what is being worked on stays in the processor's cache.
_CHUNK = 16_384

Numbers = NDArray[np.float64]


def kmeans(rows: Numbers, *, clusters: int, starts: int, seed: int) -> NDArray[np.uint8]:
    """The cluster, 0 to `clusters` - 1, of each row: uint8 (N,), a function of the arguments alone.

    `rows` is float64 (N, D), one row or more, finite. From each of `starts` by k-means++ (Arthur and
    Vassilvitskii, 2007) go Lloyd's steps, until the centres move little; the least sum of squares wins. Where
    that ends depends on where it began, so draws and steps are those of version 1.0 of
    `sklearn.cluster.KMeans(random_state=seed)`, but for rounding. Of fewer different rows than clusters, some
    clusters have no row.
    """
    rows = rows - rows.mean(axis=0)
    cells = RowCells.of(rows)
    squares = np.einsum("nd,nd->n", rows, rows)
    tolerance = TOLERANCE * float(squares.mean()) / rows.shape[1]  # of what is centred, so the variance
    # The legacy generator, as scikit-learn's: its stream never changes.
    random = np.random.RandomState(seed)
    begun = (_spread(rows, squares, cells, clusters, random) for _ in range(starts))
    found = [_lloyd(cells, centres, tolerance) for centres in begun]
    best = min(found, key=lambda centres: _inertia(cells, centres))
    return np.concatenate([nearest(rows[part], best) for part in _parts(rows)])


def _spread(
    rows: Numbers, squares: Numbers, cells: RowCells, clusters: int, random: np.random.RandomState
) -> Numbers:
    """Centres (K, D) far apart: each is the best of some rows drawn by their squared distance.

    The best is the one that leaves the least sum of squares. `squares` has each row's own.
    """
    tries = 2 + int(np.log(clusters))
    centres = rows[[random.randint(len(rows))]]
    while len(centres) < clusters:
        drawn = rows[_drawn(rows, squares, centres, random.random_sample(tries))]
        candidates = [np.concatenate([centres, row[None]]) for row in drawn]
        centres = min(candidates, key=lambda those: _inertia(cells, those))
    return centres


def _drawn(rows: Numbers, squares: Numbers, centres: Numbers, fractions: Numbers) -> list[int]:
    """The rows at which the sum of squared distances from the nearest centre reaches a part of its total."""
    distances = [
        np.maximum(squares[part] + relative_distances(rows[part], centres).min(axis=0), 0)
        for part in _parts(rows)
    ]
    totals = np.cumsum([part.sum() for part in distances])
    found = []
    for target in fractions * totals[-1]:
        part = int(np.searchsorted(totals, target))
        within = np.cumsum(distances[part])
        row = np.searchsorted(within, target - (totals[part - 1] if part else 0))
        found.append(part * _CHUNK + min(int(row), len(within) - 1))
    return found


def _lloyd(cells: RowCells, centres: Numbers, tolerance: float) -> Numbers:
    """The centres (K, D) after as many steps as it takes. A cluster without a row keeps its centre."""
    for _ in range(STEPS):
        counts, sums = cells.assigned(centres)
        means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
        shift = float(((means - centres) ** 2).sum())
        centres = means
        if shift <= tolerance:
            break
    return centres


def _inertia(cells: RowCells, centres: Numbers) -> float:
    """The sum of squared distances from the nearest centre, less the sum of the rows' own squares."""
    counts, sums = cells.assigned(centres)
    return float(counts @ (centres**2).sum(axis=1) - 2 * (centres * sums).sum())


def _parts(rows: Numbers) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)]
