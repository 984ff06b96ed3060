"""How far a difference of two rows could be chance: a paired bootstrap over images."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from maskless.report.table import Interval

#: How often the images are drawn again, and the seed of the draws: the same table, the same interval.
RESAMPLES = 10_000
SEED = 0
#: Draws made at once, so that memory does not grow with the number of images times that of resamples.
_AT_ONCE = 1_000

Scores = NDArray[np.float64]
#: By (metric, definition), the count in each image, (n,).
Counts = Mapping[tuple[str, str], Scores]
#: What a table shows of a row, if image i counts `times[:, i]` times: (m, n) to (m,).
Statistic = Callable[[Scores], Scores]


def interval(row: Statistic, other: Statistic, strata: NDArray[np.int64]) -> Interval | None:
    """The difference of what a table shows of two rows, with its 95 % percentile interval.

    The n images are drawn with replacement, the same for both rows, and within each of the `strata` (n,),
    the folds, by themselves. None if a stratum has one image alone, or a difference is undefined.
    """
    if np.bincount(strata).min() < 2:
        return None
    difference = float((row(np.ones((1, len(strata)))) - other(np.ones((1, len(strata)))))[0])
    resampled = np.concatenate([row(times) - other(times) for times in _drawn(strata)])
    if np.isnan(difference) or np.isnan(resampled).all():
        return None
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Interval(difference, float(low), float(high))


def mean_of_images(values: Scores, folds: Sequence[str]) -> Statistic:
    """The mean over images of each run, averaged over seeds and then over folds.

    `values` (runs, n) are nan for images that a run has not scored, or not defined. `folds` has that of each
    run.
    """
    defined = ~np.isnan(values)
    known = np.where(defined, values, 0.0)

    def statistic(times: Scores) -> Scores:
        with np.errstate(invalid="ignore"):
            return _over_runs((times @ known.T) / (times @ defined.T), folds)

    return statistic


def score_of_counts(
    counts: Sequence[Counts], folds: Sequence[str], score: Callable[[Counts], Scores]
) -> Statistic:
    """One score of all nuclei or pixels of each run, averaged over seeds and then over folds.

    `counts` has those of each run, 0 for images that it has not scored. `score` makes scores (m,) from m sums
    of each.
    """

    def statistic(times: Scores) -> Scores:
        of_runs = [score({key: times @ values for key, values in one.items()}) for one in counts]
        return _over_runs(np.stack(of_runs, axis=1), folds)

    return statistic


def _over_runs(of_runs: Scores, folds: Sequence[str]) -> Scores:
    """(m, runs) to (m,): runs on which a score is undefined are left out, as in a table."""
    members = [[k for k, fold in enumerate(folds) if fold == one] for one in dict.fromkeys(folds)]
    return _nanmean(np.stack([_nanmean(of_runs[:, runs]) for runs in members], axis=1))


def _nanmean(values: Scores) -> Scores:
    count = (~np.isnan(values)).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), count, out=np.full(len(values), np.nan), where=count > 0)


def _drawn(strata: NDArray[np.int64]) -> Iterator[Scores]:
    random = np.random.default_rng(SEED)
    members = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    for _ in range(RESAMPLES // _AT_ONCE):
        times = np.zeros((_AT_ONCE, len(strata)))
        for images in members:
            times[:, images] = random.multinomial(len(images), [1 / len(images)] * len(images), _AT_ONCE)
        yield times
