"""A few patches that stand for many: outliers dropped, the rest clustered, the most central ones kept."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning

from maskless.errors import UserError

#: Starts of k-means, of which the best is taken; what scikit-learn did by itself when the paper was written.
_STARTS = 10
#: Distances that differ by less, relatively, are equal, and differ by rounding alone.
_TIE = 1e-5


@dataclass(frozen=True)
class PatchChoice:
    """What became of N patches.

    `outlier` is bool (N,). `cluster`, int64 (N,), is the centre that a patch was chosen for, else the one
    nearest to it, and `distance`, float64 (N,), how far that is, in the unit of the features. `chosen`, int64
    (clusters,), has the patch kept for each cluster, all different.
    """

    outlier: NDArray[np.bool_]
    cluster: NDArray[np.int64]
    distance: NDArray[np.float64]
    chosen: NDArray[np.int64]


def choose_patches(
    features: NDArray[np.floating], clusters: int, *, seed: int = 0, search_outliers: bool = False
) -> PatchChoice:
    """Choose `clusters` patches by their features (N, D), as Le Bescond et al. (MICCAI 2022) do.

    An isolation forest drops outliers, k-means divides the rest, and the patch nearest to each centre is
    kept. Where one patch is the nearest to two centres, the nearer of them has it and the other the next
    best. With `search_outliers`, as in the paper's code, the outliers have no say in where the centres are
    but may be kept. A function of the arguments alone. Raises UserError if there are fewer patches to choose
    from than clusters.
    """
    outlier = outliers(features, seed)
    kept = np.flatnonzero(~outlier)
    if len(kept) < clusters:
        raise UserError(f"{len(kept)} of {len(features)} patches are no outliers, and {clusters} are wanted")
    distances = cdist(features, _centres(features[kept], clusters, seed))
    candidates = np.arange(len(features)) if search_outliers else kept
    chosen = candidates[nearest_patches(distances[candidates])]
    cluster = distances.argmin(axis=1)
    cluster[chosen] = np.arange(clusters)
    return PatchChoice(outlier, cluster, distances[np.arange(len(features)), cluster], chosen)


def outliers(features: NDArray[np.floating], seed: int = 0) -> NDArray[np.bool_]:
    """Which rows of (N, D) an isolation forest (Liu et al., 2008) takes for outliers: bool (N,)."""
    if not len(features):
        return np.zeros(0, bool)
    return IsolationForest(random_state=seed).fit_predict(features) == -1


def nearest_patches(distances: NDArray[np.floating]) -> NDArray[np.int64]:
    """The row of (N, K), N >= K, nearest to each column: int64 (K,), all different, nearest pair first.

    Of rows that are equally near, as the two of a pair are to their middle, it is the first.
    """
    left = distances.astype(np.float64)
    found = np.zeros(left.shape[1], np.int64)
    for _ in range(left.shape[1]):
        _, column = np.unravel_index(left.argmin(), left.shape)
        row = (left[:, column] <= left[:, column].min() * (1 + _TIE)).argmax()
        found[column] = row
        left[row, :] = left[:, column] = np.inf
    return found


def _centres(features: NDArray[np.floating], clusters: int, seed: int) -> NDArray[np.floating]:
    with warnings.catch_warnings():
        # Of patches that are alike to the bit there are fewer clusters, which matters to nobody.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(clusters, n_init=_STARTS, random_state=seed).fit(features).cluster_centers_
