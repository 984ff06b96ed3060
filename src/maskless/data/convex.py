"""Instances made convex, as nuclei mostly are."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def convex(instances: NDArray[np.int32], within: NDArray[np.int32]) -> NDArray[np.int32]:
    """Each instance and its convex hull, as far as this lies in the cell that the instance lies in.

    `instances` int32 (H, W), 0 = none, each within one cell of `within`, int32 (H, W). A pale middle, or a
    nucleus of which only the rim was found, is so filled up.
    """
    filled = instances.copy()
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        inside = instances[box] == number
        cell = within[box][inside][0]
        free = _hull(inside) & (within[box] == cell) & (instances[box] == 0)
        filled[box][free] = number
    return filled


def _hull(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The convex hull (H, W) of the pixels that are `inside`, with every pixel that its outline passes."""
    hull = np.zeros(inside.shape, np.uint8)
    corners = cv2.convexHull(np.argwhere(inside)[:, ::-1].astype(np.int32))
    cv2.fillConvexPoly(hull, corners, 1)
    return hull > 0
