"""Embeddings a pixel as a network gives them, made from known nuclei; and clusters that are hard to part."""

import numpy as np
from scipy import ndimage


def embedding_of(
    instances: np.ndarray,
    *,
    seed: int = 0,
    dimensions: int = 16,
    apart: float = 3.2,
    spread: float = 0.5,
    blur_px: float = 1.5,
) -> np.ndarray:
    """The embedding float32 (D, H, W) of instances (H, W): clusters, with trails between those that touch.

    Every id and the background has a mean, at least `apart` from all others. Blurred, so that the pixels at
    an edge lie between the two means; then noise that is alike in neighbouring pixels, of `spread` on
    average, and a little that is not.
    """
    rng = np.random.default_rng(seed)
    ids, index = np.unique(instances, return_inverse=True)
    means = _spread_means(len(ids), dimensions, apart, rng)
    clean = means[index.reshape(instances.shape)]
    alike = ndimage.gaussian_filter(rng.normal(size=clean.shape), (4, 4, 0))
    alike *= spread / np.sqrt(np.square(alike).sum(axis=2).mean())
    unlike = rng.normal(size=clean.shape) * 0.3 * spread / np.sqrt(dimensions)
    noisy = ndimage.gaussian_filter(clean, (blur_px, blur_px, 0)) + alike + unlike
    return np.moveaxis(noisy, -1, 0).astype(np.float32)


def hard_clusters(seed: int, points: int) -> np.ndarray:
    """Points float32 (N, D) in 3 to 25 clusters, centres 1.2 to 3 from the next, spread 0.3 to 0.6.

    Up to three tenths of them lie on bridges between two centres; D is 2, 3, 8 or 16.
    """
    rng = np.random.default_rng(seed)
    dimensions = int(rng.choice([2, 3, 8, 16]))
    clusters = int(rng.integers(3, 26 if dimensions > 3 else 12))
    centres = np.zeros((1, dimensions))
    while len(centres) < clusters:
        way = rng.normal(size=dimensions)
        way *= rng.uniform(1.2, 3.0) / np.linalg.norm(way)
        candidate = centres[rng.integers(len(centres))] + way
        if np.linalg.norm(centres - candidate, axis=1).min() >= 1.2:
            centres = np.vstack([centres, candidate])
    spread = rng.uniform(0.3, 0.6, clusters) / np.sqrt(dimensions)
    on_bridges = int(points * rng.uniform(0, 0.3))
    own = rng.choice(clusters, points - on_bridges, p=rng.dirichlet(np.full(clusters, 2.0)))
    around = centres[own] + rng.normal(size=(len(own), dimensions)) * spread[own, None]
    (first, second), share = rng.integers(0, clusters, (2, on_bridges)), rng.random((on_bridges, 1))
    bridges = centres[first] * share + centres[second] * (1 - share)
    bridges += rng.normal(size=bridges.shape) * 0.15 / np.sqrt(dimensions)
    return rng.permutation(np.concatenate([around, bridges])).astype(np.float32)


def _spread_means(number: int, dimensions: int, apart: float, rng: np.random.Generator) -> np.ndarray:
    """Means (K, D) that push each other away until all are `apart`."""
    means = rng.normal(size=(number, dimensions)) * apart / np.sqrt(dimensions)
    for _ in range(500):
        between = means[:, None] - means
        distance = np.linalg.norm(between, axis=-1) + 1e-9
        np.fill_diagonal(distance, np.inf)
        lacking = np.maximum(apart - distance, 0)
        if lacking.max() < 1e-3:
            break
        means += 0.25 * (between / distance[..., None] * lacking[..., None]).sum(axis=1)
    return means
