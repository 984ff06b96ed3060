"""Places whose rows and columns were swapped, told by where they lie: outside the image, or off nuclei."""

import numpy as np
from numpy.typing import NDArray

from maskless.data.dark_places import LEAST_PLACES, darkness_ranks, outside

#: Fewer places tell nothing by the image's bounds.
_LEAST_BEYOND = 3
#: So many standard errors darker than chance are places if swapped; as they are, at most this share of it.
_SURE, _SHARE = 5.0, 1 / 3


def swapped_by_bounds(places: NDArray[np.floating], size: tuple[int, int]) -> bool:
    """Whether more than one place in twenty lies outside an image, and at most one in a hundred would if rows
    and columns changed places. Places are (N, 2), (row, column) in px, `size` is (H, W)."""
    if len(places) < _LEAST_BEYOND:
        return False
    as_they_are, swapped = outside(places, size).mean(), outside(places[:, ::-1], size).mean()
    return bool(as_they_are > 0.05 and swapped <= 0.01)


def swapped_by_darkness(places: NDArray[np.floating], image: NDArray[np.uint8]) -> bool:
    """Whether places (N, 2), (row, column) in px, would lie on places of an image, uint8 (H, W, 3), that are
    clearly darker than chance would have it, if rows and columns changed places, and do not as they are.

    Darker than their surroundings, that is. Each place has its rank among all places of the image, 0 to 1,
    whose mean over N places drawn by chance is 1/2 with a standard error of 1 / sqrt(12 N). Places outside
    the image are not looked at.
    """
    both = darkness_ranks(image, places, places[:, ::-1])
    if min(map(len, both)) < LEAST_PLACES:
        return False
    as_they_are, swapped = (float(ranks.mean() - 0.5) * np.sqrt(12 * len(ranks)) for ranks in both)
    return bool(swapped > _SURE and as_they_are < _SHARE * swapped)
