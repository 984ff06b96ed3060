"""Nuclei out of a rough mask of them, one Voronoi cell after the other."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from maskless.postprocess.binary import fill_holes, label, remove_small
from maskless.postprocess.disk import disk

#: Smaller pieces of the rough mask are noise.
MIN_AREA_PX = 30
#: What lies in a cell is dilated, filled and eroded by so much: gaps close, and thin parts go.
DILATION_PX, EROSION_PX = 5, 7
#: By so much a cell reaches over its edges.
CELL_MARGIN_PX = 2


def nuclei_of_cells(rough: NDArray[np.bool_], edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The refined mask of nuclei; bool (H, W).

    `rough` is nucleus or not, `edges` the edges of the Voronoi cells, both bool (H, W). As Qu et al. (2019):
    8-connected pieces below 30 px go; in each cell the rest is dilated by a disk of radius 5, its holes are
    filled, and it is eroded by a disk of radius 7, as if all beyond the image were set.
    """
    inside = np.where(remove_small(rough, min_area_px=MIN_AREA_PX, neighbours=8), _cells(edges), 0)
    nuclei = np.zeros(rough.shape, bool)
    # So much around a cell's pixels holds all that comes of them, and leaves pixels that are not set
    # towards every side on which the image goes on.
    margin = DILATION_PX + EROSION_PX + 1
    for cell, box in enumerate(find_objects(inside), start=1):
        if box is None:
            continue
        around = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
        nuclei[around] |= _refined(inside[around] == cell)
    return nuclei


def _cells(edges: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers of the 8-connected cells between the edges, dilated; the higher number where two meet."""
    # Edges that meet diagonally let cells run into each other. So it is in the published labels.
    cells = label(~edges, neighbours=8).astype(np.float32)  # of which OpenCV can dilate, exact up to 2^24
    return np.asarray(cv2.dilate(cells, disk(CELL_MARGIN_PX))).astype(np.int32)


def _refined(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    dilated = cv2.dilate(mask.astype(np.uint8), disk(DILATION_PX))
    filled = fill_holes(dilated).astype(np.uint8)
    eroded = cv2.erode(filled, disk(EROSION_PX), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(eroded, bool)
