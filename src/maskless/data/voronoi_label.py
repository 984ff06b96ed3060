"""The Voronoi label: each nucleus' point, and the lines half-way between neighbouring points.

Of Qu et al. (MIDL 2019) and Liu et al. (ISBI 2022).
"""

from collections.abc import Iterable

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from skimage.draw import polygon

from maskless.data.voronoi_cells import enclosed_cells, published_cells
from maskless.postprocess.disk import disk
from maskless.postprocess.morphology import closing
from maskless.signals import IGNORE

#: The other values of a label, beside `IGNORE`.
BACKGROUND, NUCLEUS = 0, 1
#: Around each point so much is certainly nucleus.
POINT_RADIUS_PX = 2


def voronoi_label(points: NDArray[np.integer], edges: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 within 2 px of a point, else 0 on the edges of the points' Voronoi cells, else 255; uint8 (H, W).

    `points` and `edges`, bool (H, W), as in `voronoi_edges`.
    """
    label = np.full(edges.shape, IGNORE, np.uint8)
    label[edges] = BACKGROUND
    label[discs(points, edges.shape, radius_px=POINT_RADIUS_PX)] = NUCLEUS
    return label


def voronoi_edges(points: NDArray[np.integer], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where neighbouring Voronoi cells meet, about two pixels wide; bool (H, W).

    `points` are the pixels (row, column) of the points, whole numbers (N, 2), all of them inside an image of
    `size` (H, W) and no two alike. Each cell is a polygon, of which the pixels with their centre inside are
    taken; its edge is what an erosion by a disk of radius 1 takes off, though nothing is taken off from the
    border of the image. The union of the edges is closed by the same disk. One point has no edge.
    """
    edges, covered = _edges_of(published_cells(points), size)
    if not covered:  # too few points, or far from a border
        edges, _ = _edges_of(enclosed_cells(points, size), size)
    return closing(edges, radius_px=1)


def discs(points: NDArray[np.integer], size: tuple[int, int], *, radius_px: int) -> NDArray[np.bool_]:
    """Where a point is at most `radius_px` away; bool (H, W). `points` and `size` as in `voronoi_edges`."""
    dots = np.zeros(size, np.uint8)
    dots[points[:, 0], points[:, 1]] = 1
    return np.asarray(cv2.dilate(dots, disk(radius_px)), bool)


def _edges_of(cells: Iterable[NDArray[np.float64]], size: tuple[int, int]) -> tuple[NDArray[np.bool_], bool]:
    """The edges of polygons (row, column), and whether every pixel lies in one."""
    edges, covered = np.zeros(size, bool), np.zeros(size, bool)
    for vertices in _clipped(cells, size):
        rows, columns = polygon(vertices[:, 0], vertices[:, 1], size)
        if not rows.size:
            continue
        # The cell and a pixel around it, so that only the border of the image is beyond the array.
        top, left = max(rows.min() - 1, 0), max(columns.min() - 1, 0)
        bottom, right = min(rows.max() + 2, size[0]), min(columns.max() + 2, size[1])
        cell = np.zeros((bottom - top, right - left), np.uint8)
        cell[rows - top, columns - left] = 1
        inside = cv2.erode(cell, disk(1), borderType=cv2.BORDER_CONSTANT, borderValue=1)
        edges[top:bottom, left:right] |= cell > inside
        covered[rows, columns] = True
    return edges, bool(covered.all())


def _clipped(cells: Iterable[NDArray[np.float64]], size: tuple[int, int]) -> list[NDArray[np.float64]]:
    """The corners of what of each cell lies in the image.

    Clipping moves corners by rounding errors, which decide on pixels whose centres lie on an edge: here as in
    the published labels.
    """
    polygons = [shapely.polygons(cell) for cell in cells]
    inside = shapely.intersection(polygons, shapely.box(0, 0, *size)) if polygons else []
    polygonal = [found for found in inside if found.geom_type == "Polygon" and not found.is_empty]
    return [shapely.get_coordinates(found) for found in polygonal]
