"""Polygons of the Voronoi cells of points, closed where they go on for ever."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import QhullError, Voronoi

Corners = NDArray[np.float64]


def published_cells(points: NDArray[np.integer]) -> list[Corners]:
    """The cells as Qu et al. (2019) and Liu et al. (2022) close them: corners (row, column), a cell a point.

    `points` are (row, column), whole numbers (N, 2), no two alike. An endless edge ends at the distance
    max(points) - min(points) from its corner, so that the cells need not reach the border of an image, and of
    few points not even the points themselves: check that they do, and take `enclosed_cells` if not. Empty for
    fewer than three points and for points on a line, which have no corners.
    """
    try:
        diagram = Voronoi(points)
    except (QhullError, ValueError):
        return []
    corners, ends = diagram.vertices, _far_ends(diagram)
    cells = []
    for point, region in enumerate(diagram.point_region):
        finite = [corners[k] for k in diagram.regions[region] if k >= 0]
        if not ends[point]:
            cells.append(np.array(finite))
            continue
        cell = np.array(finite + ends[point])
        row, column = (cell - cell.mean(axis=0)).T
        cells.append(cell[np.argsort(np.arctan2(column, row))])
    return cells


def enclosed_cells(points: NDArray[np.integer], size: tuple[int, int]) -> list[Corners]:
    """The cells inside a rectangle one pixel around an image of `size` (H, W): corners (row, column).

    `points` lie in the image, (N, 2), no two alike; any number of them has cells, and these cover the image.
    What mirrors the points behind each side closes every cell on that side.
    """
    if not len(points):
        return []
    mirrored = [points]
    for axis in (0, 1):
        for side in (-1, size[axis]):
            behind = points.copy()
            behind[:, axis] = 2 * side - points[:, axis]
            mirrored.append(behind)
    diagram = Voronoi(np.concatenate(mirrored))
    return [diagram.vertices[diagram.regions[region]] for region in diagram.point_region[: len(points)]]


def _far_ends(diagram: Voronoi) -> list[list[Corners]]:
    """For each point, where the endless edges of its cell are ended."""
    points = diagram.points
    centre, distance = points.mean(axis=0), points.max() - points.min()
    ends: list[list[Corners]] = [[] for _ in points]
    for pair, corners in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        if min(corners) >= 0:
            continue
        along = points[pair[1]] - points[pair[0]]
        along = along / np.linalg.norm(along)
        normal = np.array([-along[1], along[0]])
        outwards = np.sign(np.dot(points[pair].mean(axis=0) - centre, normal)) * normal
        end = diagram.vertices[max(corners)] + outwards * distance
        for point in pair:
            ends[point].append(end)
    return ends
