"""How dark the places of an image are beside its others: nuclei take up the light, whatever the stain."""

import cv2
import numpy as np
from numpy.typing import NDArray

#: Squares around a place that are compared: one on its nucleus, of which points are a few px off the centre,
#: and one of its surroundings, because tissue is darker than glass wherever in it a place lies.
_NUCLEUS_PX, _SURROUNDINGS_PX = 11, 81
#: Fewer places tell nothing.
LEAST_PLACES = 20
#: So much of an image is called its dark places.
DARKEST = 0.4


def darkness_ranks(
    image: NDArray[np.uint8], *sets_of_places: NDArray[np.floating]
) -> list[NDArray[np.float64]]:
    """How many pixels of an image, uint8 (H, W, 3), are less dark than each place of a set: 0 to 1, (N,).

    Dark is what lets less red light pass than its surroundings: haematoxylin and DAB take it up, and eosin
    does not. Places are (N, 2), (row, column) in px; those outside the image have no rank.
    """
    red = image[..., 0].astype(np.float32)
    of_nucleus, around = (cv2.blur(red, (side, side)) for side in (_NUCLEUS_PX, _SURROUNDINGS_PX))
    dark = around - of_nucleus
    sorted_dark = np.sort(dark, axis=None)
    ranks = []
    for places in sets_of_places:
        row, column = places[~outside(places, dark.shape[:2])].astype(np.int64).T
        ranks.append(np.searchsorted(sorted_dark, dark[row, column]) / dark.size)
    return ranks


def share_on_dark_places(places: NDArray[np.floating], image: NDArray[np.uint8]) -> float | None:
    """How many of the places (N, 2), (row, column) in px, lie on the dark places of an image, uint8 (H, W,
    3): 0 to 1. None if nothing can be told: of fewer than 20 places, and of an image of one colour."""
    (ranks,) = darkness_ranks(image, places)
    if len(ranks) < LEAST_PLACES or (image == image[0, 0]).all():
        return None
    return float((ranks > 1 - DARKEST).mean())


def outside(places: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which places (N, 2), (row, column) in px, lie outside an image of `size` (H, W): bool (N,)."""
    return np.asarray(((places < 0) | (places >= np.array(size))).any(axis=1))
