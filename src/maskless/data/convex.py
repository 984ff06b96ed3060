"""Instances made convex, as nuclei mostly are."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def convex(instances: NDArray[np.int32], within: NDArray[np.int32]) -> NDArray[np.int32]:
    """Each instance and its convex hull, as far as this lies in the cell that the instance lies in.

    `instances` int32 (H, W), 0 = none, each within one cell of `within`, int32 (H, W). A pale middle, or a
    nucleus of which only the rim was found, is so filled up. Pixels are taken by their centres.
    """
    filled = instances.copy()
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        inside = instances[box] == number
        columns_rows = np.argwhere(inside)[:, ::-1].astype(np.int32)
        hull = np.zeros(inside.shape, np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(columns_rows), 1)
        cell = within[box][inside][0]
        free = (hull > 0) & (within[box] == cell) & (instances[box] == 0)
        filled[box][free] = number
    return filled
