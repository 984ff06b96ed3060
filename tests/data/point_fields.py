"""Small fields with points, for the tests of labels from points."""

import numpy as np
from scipy.ndimage import gaussian_filter

from maskless.data.voronoi_label import discs

SIZE = (56, 72)


def spread_points(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """One in each square of a grid, so that the outer cells reach beyond the image."""
    random = np.random.default_rng(seed)
    corners = np.argwhere(np.ones([side // 8 for side in size])) * 8
    return corners + random.integers(0, 7, corners.shape)


def tissue(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Purple discs around points on pink, with noise, and the points."""
    random = np.random.default_rng(seed)
    points = spread_points(seed, SIZE)[::3]
    image = np.where(discs(points, SIZE, radius_px=5)[..., None], (110, 60, 150), (225, 170, 200))
    image = gaussian_filter(image.astype(float), (1, 1, 0)) + random.normal(0, 12, (*SIZE, 3))
    return np.clip(image, 0, 255).astype(np.uint8), points
