"""How far a difference of two rows could be chance: a paired bootstrap over images."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from maskless.report.table import Interval

#: How often the images are drawn again, and the seed of the draws: the same table, the same interval.
RESAMPLES = 10_000
SEED = 0
#: Draws made at once, so that memory does not grow with the number of images times that of resamples.
_AT_ONCE = 1_000

Scores = NDArray[np.float64]
#: By (metric, definition), the count in each image.
Counts = Mapping[tuple[str, str], Scores]


def interval_of_means(row: Scores, other: Scores) -> Interval | None:
    """The difference of two rows' means over images, with its 95 % percentile interval.

    `row` and `other` are (n,), the scores of the same images in the same order; images that either leaves
    undefined (nan) are left out of both. The images are drawn with replacement, the same for both rows. None
    if fewer than two images are left.
    """
    gap = row - other
    gap = gap[~np.isnan(gap)]
    if len(gap) < 2:
        return None
    return _interval(float(gap.mean()), len(gap), lambda drawn: gap[drawn].mean(axis=1))


def interval_of_pooled(row: Counts, other: Counts, score: Callable[[Counts], Scores]) -> Interval | None:
    """As `interval_of_means`, of scores over all nuclei or pixels of the drawn images.

    `row` and `other` map each count to its values (n,), one an image. `score` makes scores (m,)
    from m sums of each. None if there are fewer than two images.
    """
    images = len(next(iter(row.values())))
    if images < 2:
        return None

    def difference(drawn: NDArray[np.int64]) -> Scores:
        both = [score({name: values[drawn].sum(axis=1) for name, values in c.items()}) for c in (row, other)]
        return both[0] - both[1]

    return _interval(float(difference(np.arange(images)[None])[0]), images, difference)


def _interval(difference: float, images: int, resampled: Callable[[NDArray[np.int64]], Scores]) -> Interval:
    random = np.random.default_rng(SEED)
    drawn = [
        resampled(random.integers(images, size=(_AT_ONCE, images))) for _ in range(RESAMPLES // _AT_ONCE)
    ]
    low, high = np.nanquantile(np.concatenate(drawn), [0.025, 0.975])
    return Interval(difference, float(low), float(high))
