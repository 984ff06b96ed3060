"""Labels from points, straight from their definitions: pixel by pixel, cell by cell, on whole images."""

import numpy as np
from scipy import ndimage
from scipy.spatial import Voronoi
from shapely.geometry import Polygon
from skimage.draw import polygon
from skimage.measure import label
from skimage.morphology import closing, dilation, disk, erosion


def dots(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = np.zeros(size, bool)
    image[tuple(np.transpose(points))] = True
    return image


def edges(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Needs points enough for the far ends of the outer cells to lie outside the image."""
    height, width = size
    box = Polygon([(0, 0), (0, width), (height, width), (height, 0)])
    found, covered = np.zeros(size, bool), np.zeros(size, bool)
    for corners in _cells(points):
        rows, columns = np.array(Polygon(corners).intersection(box).exterior.coords).T
        cell = np.zeros(size, bool)
        cell[polygon(rows, columns, size)] = True
        found |= cell & ~erosion(cell, disk(1))
        covered |= cell
    assert covered.all(), "too few points for this reference"
    return closing(found, disk(1))


def _cells(points: np.ndarray) -> list[np.ndarray]:
    diagram = Voronoi(points)
    far = points.max() - points.min()
    cells = []
    for p, region in enumerate(diagram.point_region):
        corners = [diagram.vertices[k] for k in diagram.regions[region] if k != -1]
        for (a, b), (start, end) in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
            if p not in (a, b) or -1 not in (start, end):
                continue
            row, column = diagram.points[b] - diagram.points[a]
            normal = np.array([-column, row]) / np.hypot(row, column)
            middle = (diagram.points[a] + diagram.points[b]) / 2
            if np.dot(middle - diagram.points.mean(axis=0), normal) < 0:
                normal = -normal
            corners.append(diagram.vertices[max(start, end)] + normal * far)
        centre = np.mean(corners, axis=0)
        corners.sort(key=lambda corner: np.arctan2(*(corner - centre)[::-1]))
        cells.append(np.array(corners))
    return cells


def voronoi_label(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    found = np.full(size, 255, np.uint8)
    found[edges(points, size)] = 0
    found[dilation(dots(points, size), disk(2))] = 1
    return found


def colour_scale(image: np.ndarray, points: np.ndarray, patch_px: int) -> float:
    height, width = image.shape[:2]
    colours = image / 255
    near = dilation(dots(points, (height, width)), np.ones((patch_px, patch_px)))
    distances = []
    for row in range(height):
        for column in range(width):
            for down in range(-4, 5):
                for right in range(-4, 5):
                    r, c = row + down, column + right
                    if (down, right) != (0, 0) and 0 <= r < height and 0 <= c < width and near[r, c]:
                        distances.append(np.linalg.norm(colours[row, column] - colours[r, c]))
    return round(float(np.std(distances)), 4) if distances else 0.0


def features(image: np.ndarray, points: np.ndarray, weight: float, distance_px: float, scale: float):
    """A row a pixel."""
    distance = ndimage.distance_transform_edt(~dots(points, image.shape[:2]))
    distance = np.minimum(distance, distance_px)
    distance = distance / distance.max()
    colours = (weight * (image / np.float32(255)).astype(np.float32) / np.float32(scale)).astype(np.float32)
    return np.concatenate([colours.reshape(-1, 3), distance.reshape(-1, 1)], axis=1)


def kmeans(rows: np.ndarray, clusters: int, starts: int, seed: int) -> np.ndarray:
    """As in scikit-learn 1.0: all rows, every step."""
    rows = rows - rows.mean(axis=0)
    tolerance = 1e-4 * rows.var(axis=0).mean()
    random = np.random.RandomState(seed)
    best = None
    for _ in range(starts):
        centres = _kmeans_plus_plus(rows, clusters, random)
        for _ in range(300):
            labels = _squares(rows, centres).argmin(axis=1)
            means = [
                rows[labels == k].mean(axis=0) if (labels == k).any() else centres[k] for k in range(clusters)
            ]
            shift = ((np.array(means) - centres) ** 2).sum()
            centres = np.array(means)
            if shift <= tolerance:
                break
        squares = _squares(rows, centres)
        if best is None or squares.min(axis=1).sum() < best[0]:
            best = squares.min(axis=1).sum(), squares.argmin(axis=1)
    return best[1]


def _kmeans_plus_plus(rows: np.ndarray, clusters: int, random: np.random.RandomState) -> np.ndarray:
    centres = [rows[random.randint(len(rows))]]
    while len(centres) < clusters:
        nearest = _squares(rows, np.array(centres)).min(axis=1)
        drawn = random.random_sample(2 + int(np.log(clusters))) * nearest.sum()
        tried = [rows[min(k, len(rows) - 1)] for k in np.searchsorted(np.cumsum(nearest), drawn)]
        left = [_squares(rows, np.array([*centres, row])).min(axis=1).sum() for row in tried]
        centres.append(tried[int(np.argmin(left))])
    return np.array(centres)


def _squares(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return ((rows[:, None] - centres) ** 2).sum(axis=2)


def cluster_label(clusters: np.ndarray, points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """From three clusters of the pixels, (H, W)."""
    set_ = dots(points, clusters.shape)
    nucleus = int(np.argmax([(set_ & (clusters == k)).sum() for k in range(3)]))
    near = ndimage.binary_dilation(set_, disk(5))
    others = [k for k in range(3) if k != nucleus]
    background = others[int(np.argmin([(near & (clusters == k)).sum() for k in others]))]
    nuclei = nuclei_of_cells(clusters == nucleus, edges)
    found = np.full(clusters.shape, 255, np.uint8)
    found[(clusters == background) & ~nuclei & ~dilation(set_, disk(10))] = 0
    found[nuclei] = 1
    return found


def nuclei_of_cells(rough: np.ndarray, edges: np.ndarray) -> np.ndarray:
    pieces = label(rough, connectivity=2)
    large = np.isin(pieces, [k for k in range(1, pieces.max() + 1) if (pieces == k).sum() >= 30])
    cells = dilation(label(~edges, connectivity=2), disk(2))
    nuclei = np.zeros(rough.shape, bool)
    for cell in range(1, cells.max() + 1):
        inside = large & (cells == cell)
        filled = ndimage.binary_fill_holes(ndimage.binary_dilation(inside, disk(5)))
        nuclei |= ndimage.binary_erosion(filled, disk(7), border_value=1)
    return nuclei


def instances(points: np.ndarray, probability: np.ndarray, voronoi: np.ndarray) -> list[np.ndarray]:
    """A mask an instance, at the published thresholds."""
    pieces = label(probability >= 0.5, connectivity=2)
    large = np.isin(pieces, [k for k in range(1, pieces.max() + 1) if (pieces == k).sum() >= 20])
    foreground = ndimage.binary_fill_holes(large)
    cells = label(voronoi != 0, connectivity=1)
    found = []
    for cell in range(1, cells.max() + 1):
        pieces = label(foreground & (cells == cell), connectivity=2)
        touching = [k for k in range(1, pieces.max() + 1) if ((pieces == k) & (voronoi == 1)).any()]
        if touching:
            found.append(np.isin(pieces, touching))
    return found
