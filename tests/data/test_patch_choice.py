import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest

from maskless.data.patch_choice import choose_patches, nearest_patches, outliers
from maskless.errors import UserError


def patches(seed: int, clusters: int = 5, each: int = 12) -> NDArray[np.float32]:
    """Features of patches of `clusters` kinds, (N, 8), and in the last three rows of nothing like them."""
    random = np.random.default_rng(seed)
    kinds = random.normal(0, 4, (clusters, 8))
    rows = np.concatenate([kind + random.normal(0, 1, (each, 8)) for kind in kinds])
    return np.concatenate([rows, [[60] * 8, [-80] * 8, [90, -90] * 4]]).astype(np.float32)


def slow_choice(features: NDArray[np.float32], clusters: int, all_again: bool) -> list[int]:
    """As the paper says it, patch by patch: the nearest to each centre."""
    kept = [k for k, sign in enumerate(IsolationForest(random_state=0).fit_predict(features)) if sign == 1]
    centres = KMeans(clusters, n_init=10, random_state=0).fit(features[kept]).cluster_centers_
    chosen = []
    for centre in centres:
        best, least = -1, float("inf")
        for k in range(len(features)) if all_again else kept:
            squared = sum((float(a) - float(b)) ** 2 for a, b in zip(features[k], centre, strict=True))
            if squared < least:
                best, least = k, squared
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("search_outliers", [False, True])
def test_the_nearest_to_each_centre_is_kept(seed: int, search_outliers: bool) -> None:
    features = patches(seed)
    choice = choose_patches(features, 5, search_outliers=search_outliers)
    assert choice.chosen.tolist() == slow_choice(features, 5, search_outliers)
    assert choice.cluster[choice.chosen].tolist() == [0, 1, 2, 3, 4]
    assert len({int(k) // 12 for k in choice.chosen}) == 5  # one of each kind
    for k in range(5):
        members = np.flatnonzero((choice.cluster == k) & ~choice.outlier)
        assert members[choice.distance[members].argmin()] == choice.chosen[k]


def test_what_is_like_nothing_else_is_dropped() -> None:
    choice = choose_patches(patches(0), 5)
    assert choice.outlier[-3:].all()
    assert choice.outlier[:-3].mean() < 0.2
    np.testing.assert_array_equal(choice.outlier, outliers(patches(0)))


def test_an_outlier_is_chosen_only_if_outliers_are_searched_again() -> None:
    """Two crowds and a lone patch between them, which is where the centre of the two is."""
    random = np.random.default_rng(0)
    crowds = np.concatenate([random.normal(side, 0.3, (60, 2)) for side in (-5, 5)])
    features = np.concatenate([crowds, [[0.0, 0.0]]])
    plain, again = (choose_patches(features, 1, search_outliers=again) for again in (False, True))
    assert plain.outlier[-1]
    assert again.chosen.tolist() == [120]
    assert plain.chosen[0] < 120
    assert not plain.outlier[plain.chosen[0]]


def test_the_seed_decides() -> None:
    random = np.random.default_rng(1).normal(size=(150, 6))
    first, again, other = (choose_patches(random, 14, seed=seed) for seed in (3, 3, 4))
    for name in ("outlier", "cluster", "distance", "chosen"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.chosen.tolist() != other.chosen.tolist()


def test_one_patch_is_not_chosen_twice() -> None:
    distances = np.array([[1.0, 2.0], [5.0, 9.0], [7.0, 8.0]])
    assert nearest_patches(distances).tolist() == [0, 2]
    assert nearest_patches(distances[:, ::-1]).tolist() == [2, 0]
    two_alike = np.array([[3.0], [1 + 1e-9], [1.0]])
    assert nearest_patches(two_alike).tolist() == nearest_patches(two_alike[[0, 2, 1]]).tolist() == [1]
    alike = choose_patches(np.ones((6, 3)), 4)
    assert len(set(alike.chosen.tolist())) == 4


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(4, 9), st.integers(1, 4)), elements=st.floats(0, 9)))
def test_each_cluster_has_a_patch_of_its_own_and_the_nearest_where_it_can(
    distances: NDArray[np.float64],
) -> None:
    before = distances.copy()
    found = nearest_patches(distances)
    np.testing.assert_array_equal(distances, before)
    assert len(set(found.tolist())) == distances.shape[1]
    for column, row in enumerate(found):
        nearer = np.flatnonzero(distances[:, column] < distances[row, column] * (1 - 1e-4))
        assert set(nearer.tolist()) <= set(np.delete(found, column).tolist())
        for taken in nearer:  # by a cluster that it is at least as near to
            owner = found.tolist().index(taken)
            assert distances[taken, owner] <= distances[taken, column] * (1 + 1e-4)


def test_fewer_than_wanted_are_refused() -> None:
    kept = int((~outliers(patches(0))).sum())
    assert len(choose_patches(patches(0), kept).chosen) == kept
    with pytest.raises(UserError, match=f"{kept} of 63 patches are no outliers, and {kept + 1} are wanted"):
        choose_patches(patches(0), kept + 1)
    with pytest.raises(UserError, match="0 of 0 patches"):
        choose_patches(np.zeros((0, 8)), 1)
