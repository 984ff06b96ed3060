"""Nuclei from an embedding a pixel: what lies together there belongs together.

After Liu et al., ISBI 2022: a network gives the pixels of one nucleus nearly one embedding, far from those of
every other nucleus and of the background.
"""

import numpy as np
from numpy.typing import NDArray

from maskless.postprocess.modes import mean_shift
from maskless.postprocess.pieces import pieces


def group(
    embedding: NDArray, mask: NDArray, *, bandwidth: float, every: int = 1, device: str = "cpu"
) -> NDArray[np.int32]:
    """The clusters of a mask's pixels, by `mean_shift` on their embeddings; `every` as there.

    `embedding` is real (D, H, W), or (H, W) of one dimension, and `mask` (H, W) non-zero where set. int32
    (H, W): 1 to K, from the cluster whose mode has most pixels around it on, 0 outside the mask. A cluster
    may lie in several places. Raises UserError for an embedding that is not finite in the mask, and for
    a bandwidth that is not above 0.
    """
    inside = np.not_equal(mask, 0)
    clusters = np.zeros(inside.shape, np.int32)
    embeddings = np.reshape(embedding, (-1, *inside.shape))[:, inside]
    clusters[inside] = mean_shift(embeddings.T, bandwidth, every=every, device=device) + 1
    return clusters


def drop_scattered(clusters: NDArray, *, min_pieces: int) -> NDArray[np.int32]:
    """`clusters` without the one in most pieces, which is background, if it is in at least `min_pieces`.

    `clusters` is a label map (H, W); its pieces are connected across corners too. Of several in equally many
    pieces the first goes. int32 (H, W), the other ids as they were.
    """
    clusters = np.asarray(clusters, np.int32)
    parts = pieces(clusters, neighbours=8)
    id_of_part = np.zeros(parts.max(initial=0) + 1, np.int64)
    id_of_part[parts] = clusters
    number = np.bincount(id_of_part[1:], minlength=1)
    scattered = number.argmax()
    if number[scattered] < max(min_pieces, 1):
        return clusters
    return np.where(clusters == scattered, np.int32(0), clusters)
