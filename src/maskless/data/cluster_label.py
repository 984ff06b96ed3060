"""The cluster label: what by its colour and its distance to the points is nucleus, and what background.

Of Qu et al. (MIDL 2019), with the adaptive colours of Liu et al. (ISBI 2022).
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.colour_scale import colour_scale
from maskless.data.kmeans import kmeans
from maskless.data.nuclei_of_cells import nuclei_of_cells
from maskless.data.voronoi_label import BACKGROUND, NUCLEUS, discs
from maskless.signals import IGNORE

Colours = Literal["adaptive", "global"]
#: The background cluster is the one with fewer pixels so near to the points.
NEAR_PX = 5
#: Background is nowhere so near to a point.
SAFE_PX = 10
#: In the place of a cluster, where a pixel is in none.
_OUTSIDE = 3


def cluster_label(
    image: NDArray[np.uint8],
    points: NDArray[np.integer],
    edges: NDArray[np.bool_],
    *,
    colours: Colours,
    colour_weight: float,
    distance_px: float,
    patch_px: int,
    starts: int,
    seed: int,
    inside: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """0 background, 1 nucleus, 255 what the clusters do not tell; uint8 (H, W).

    `image` is RGB, uint8 (H, W, 3); `points` the pixels (row, column) of one point or more in it, whole
    numbers (N, 2); `edges` those of the points' Voronoi cells, bool (H, W). With `inside`, bool (H, W), only
    pixels for which it is true are in a cluster. The other arguments are explained in `PointLabels`.

    Of three clusters of colour and distance, the one with most of the points is nucleus, refined in each
    cell; of the others the one with fewer pixels near the points is background, where it is not nucleus nor
    within 10 px of a point.
    """
    distance = clipped_distance(points, edges.shape, distance_px)
    kept = np.ones(edges.shape, bool) if inside is None else inside
    distance[~kept] = 0
    if colours == "adaptive":
        scale = colour_scale(image, points, patch_px=patch_px, inside=inside)
        features = adaptive_features(image, distance, colour_weight, scale)
    else:
        features = global_features(image, distance)
    clusters = np.full(edges.shape, _OUTSIDE, np.uint8)
    clusters[kept] = kmeans(features[kept.ravel()], clusters=3, starts=starts, seed=seed)
    nucleus = int(np.bincount(clusters[points[:, 0], points[:, 1]], minlength=3).argmax())
    near = np.bincount(clusters[discs(points, edges.shape, radius_px=NEAR_PX)], minlength=3)
    # Often neither comes so near; then it is the first one, as in the published labels.
    background = min((k for k in range(3) if k != nucleus), key=lambda k: near[k])
    nuclei = nuclei_of_cells(clusters == nucleus, edges)
    label = np.full(edges.shape, IGNORE, np.uint8)
    label[(clusters == background) & ~discs(points, edges.shape, radius_px=SAFE_PX)] = BACKGROUND
    label[nuclei] = NUCLEUS
    return label


def clipped_distance(
    points: NDArray[np.integer], size: tuple[int, int], distance_px: float
) -> NDArray[np.float64]:
    """The Euclidean distance to the nearest of `points`, in px, but no more than `distance_px`; (H, W)."""
    elsewhere = np.ones(size, np.uint8)
    elsewhere[points[:, 0], points[:, 1]] = 0
    found = cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    # Between pixels its square is a whole number, which the float32 of OpenCV is near enough to tell.
    return np.minimum(np.sqrt(np.rint(found**2)), distance_px)


def adaptive_features(
    image: NDArray[np.uint8], distance: NDArray[np.float64], colour_weight: float, scale: float
) -> NDArray[np.float64]:
    """RGB from 0 to 1 times `colour_weight` / `scale`, and the distance from 0 to 1; float64 (H * W, 4).

    `scale` is the image's `colour_scale`; where it is 0, the image has no colours to tell by, and they are 0.
    The distance is that of `clipped_distance`, divided by its greatest value.
    """
    # In float32, as the published labels.
    values = np.float32(colour_weight) * (np.arange(256, dtype=np.float32) / np.float32(255))
    values = values / np.float32(scale) if scale > 0 else np.zeros_like(values)
    greatest = distance.max()
    return _features(values[image], distance / (greatest or 1))


def global_features(image: NDArray[np.uint8], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB from 0 to 25.5, and the distance in px, for every image alike (Qu et al.); float64 (H * W, 4)."""
    return _features(image / 10, distance)


def _features(colours: NDArray[np.floating], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([colours, distance[..., None]], axis=2, dtype=np.float64).reshape(-1, 4)
