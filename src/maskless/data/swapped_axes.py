"""Points whose rows and columns were swapped, told by where they lie: outside the image, or off nuclei."""

import cv2
import numpy as np
from numpy.typing import NDArray

#: Squares around a point that are compared: one on its nucleus, of which points are a few px off the centre,
#: and one of its surroundings, because tissue is darker than glass wherever in it a point lies.
_NUCLEUS_PX, _SURROUNDINGS_PX = 7, 61
#: Fewer points tell nothing: by the image's bounds, by what lies beneath them.
_LEAST_BEYOND, _LEAST_POINTS = 3, 20
#: So many standard errors darker than chance are points if swapped; as they are, at most this share of it.
_SURE, _SHARE = 5.0, 1 / 3


def outside(points: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points (N, 2), (row, column) in px, lie outside an image of `size` (H, W): bool (N,)."""
    return np.asarray(((points < 0) | (points >= np.array(size))).any(axis=1))


def swapped_by_bounds(points: NDArray[np.floating], size: tuple[int, int]) -> bool:
    """Whether more than one point in twenty lies outside an image, and at most one in a hundred would if rows
    and columns changed places. Points are (N, 2), (row, column) in px, `size` is (H, W)."""
    if len(points) < _LEAST_BEYOND:
        return False
    as_they_are, swapped = outside(points, size).mean(), outside(points[:, ::-1], size).mean()
    return bool(as_they_are > 0.05 and swapped <= 0.01)


def swapped_by_darkness(points: NDArray[np.floating], image: NDArray[np.uint8]) -> bool:
    """Whether points (N, 2), (row, column) in px, would lie on places of an image, uint8 (H, W, 3), that are
    clearly darker than chance would have it, if rows and columns changed places, and do not as they are.

    Darker than their surroundings, that is. Each place has its rank among all places of the image, 0 to 1,
    whose mean over N places drawn by chance is 1/2 with a standard error of 1 / sqrt(12 N). Points outside
    the image are not looked at.
    """
    grey = image.mean(axis=2, dtype=np.float32)
    of_nucleus, around = (cv2.blur(grey, (side, side)) for side in (_NUCLEUS_PX, _SURROUNDINGS_PX))
    dark = around - of_nucleus
    sorted_dark = np.sort(dark, axis=None)
    excess = []
    for places in (points, points[:, ::-1]):
        row, column = places[~outside(places, dark.shape[:2])].astype(np.int64).T
        if len(row) < _LEAST_POINTS:
            return False
        rank = np.searchsorted(sorted_dark, dark[row, column]) / dark.size
        excess.append(float(rank.mean() - 0.5) * np.sqrt(12 * len(row)))
    return excess[1] > _SURE and excess[0] < _SHARE * excess[1]
