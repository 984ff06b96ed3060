import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mock_embeddings import embedding_of, hard_clusters
from scipy.ndimage import binary_dilation
from scipy.spatial.distance import cdist
from sklearn.cluster import MeanShift
from sklearn.metrics import adjusted_rand_score

from maskless.data.synthetic import render
from maskless.errors import UserError
from maskless.postprocess import mean_shift

TRAINED = Path(__file__).with_name("embeddings.npz")


def slow_mean_shift(points: np.ndarray, bandwidth: float) -> np.ndarray:
    """By its definition: a path from every point, no two paths joined."""
    points = points.astype(np.float64)
    places, active = points.copy(), np.arange(len(points))
    ends, numbers = points.copy(), np.zeros(len(points), int)
    for step in range(301):
        within = cdist(places, points) <= bandwidth * (1 + 1e-9)
        numbers[active] = within.sum(axis=1)
        ends[active] = within @ points / numbers[active, None]
        moving = np.linalg.norm(ends[active] - places, axis=1) > 1e-3 * bandwidth
        if step == 300 or not moving.any():
            break
        active = active[moving]
        places = ends[active]
    around = {tuple(end): number for end, number in zip(ends, numbers, strict=True)}
    ranked = np.array(sorted(around, key=lambda end: (around[end], end), reverse=True))
    modes: list[np.ndarray] = []
    for end in ranked:
        if not modes or np.linalg.norm(np.array(modes) - end, axis=1).min() > bandwidth * (1 + 1e-9):
            modes.append(end)
    return cdist(points, modes).argmin(axis=1)


def patch(side_px: int = 224, index: int = 1) -> np.ndarray:
    """Embeddings (N, 16) of the pixels of rendered nuclei and a little around them."""
    instances = render(0, index, size_px=side_px).instances
    return embedding_of(instances)[:, binary_dilation(instances > 0)].T


@pytest.mark.parametrize(
    ("points", "clusters"),
    [
        ([[0], [0.5], [1], [4], [4.6], [9]], [0, 0, 0, 1, 1, 2]),
        ([[0], [1], [2], [3], [4]], [1, 1, 0, 0, 0]),
        ([[0, 0], [1, 0], [0, 1], [5, 5], [6, 5], [2.4, 2.4]], [0, 0, 0, 1, 1, 2]),
    ],
)
def test_known_answers(points: list[list[float]], clusters: list[int]) -> None:
    assert mean_shift(points, 1.5).tolist() == clusters
    assert mean_shift(np.array(points) + 3e4, 1.5).tolist() == clusters
    assert mean_shift(np.array(points) / 4, 1.5 / 4).tolist() == clusters


@pytest.mark.parametrize("seed", range(4))
def test_the_slow_reference_is_scikit_learns(seed: int) -> None:
    points = hard_clusters(seed, 300)
    expected = MeanShift(bandwidth=1.5).fit_predict(points.astype(np.float64))
    np.testing.assert_array_equal(slow_mean_shift(points, 1.5), expected)


@pytest.mark.parametrize("seed", range(16))
def test_hard_clusters_are_parted_as_by_the_slow_reference(seed: int) -> None:
    points = hard_clusters(seed, 1000)
    expected = slow_mean_shift(points, 1.5)
    assert expected.max() > 0
    assert adjusted_rand_score(expected, mean_shift(points, 1.5)) >= 0.99


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 25), st.integers(1, 3)), elements=st.integers(0, 6)))
def test_whole_numbers_are_parted_exactly_as_by_the_slow_reference(points: np.ndarray) -> None:
    """Many points lie just at the bandwidth, and many modes have equally many points."""
    for bandwidth in (1.0, 1.5, 2.0):
        np.testing.assert_array_equal(mean_shift(points, bandwidth), slow_mean_shift(points, bandwidth))


def test_embeddings_of_nuclei_are_parted_as_by_the_slow_reference() -> None:
    points = patch(72)
    assert 2048 < len(points) < 5000, "in single precision, and with lumps"
    expected = slow_mean_shift(points, 1.5)
    assert expected.max() > 4
    assert adjusted_rand_score(expected, mean_shift(points, 1.5)) >= 0.99


@pytest.mark.skipif(not TRAINED.is_file(), reason="no trained embeddings are stored")
def test_trained_embeddings_are_parted_as_by_the_slow_reference() -> None:
    stored = np.load(TRAINED)
    points = stored["embedding"][:, stored["foreground"] > 0.3].T.astype(np.float32)[::4]
    expected = slow_mean_shift(points, 1.5)
    assert expected.max() > 4
    assert adjusted_rand_score(expected, mean_shift(points, 1.5)) >= 0.99


@pytest.mark.long
@pytest.mark.parametrize("kind", ["trained", "rendered", "hard"])
def test_a_whole_patch_is_parted_as_by_scikit_learn(kind: str) -> None:
    points = {"rendered": lambda: patch(160), "hard": lambda: hard_clusters(36, 4000)}.get(
        kind, lambda: None
    )()
    if points is None:
        if not TRAINED.is_file():
            pytest.skip("no trained embeddings are stored")
        stored = np.load(TRAINED)
        points = stored["embedding"][:, stored["foreground"] > 0.3].T.astype(np.float32)
    expected = MeanShift(bandwidth=1.5, n_jobs=os.cpu_count()).fit_predict(points.astype(np.float64))
    assert adjusted_rand_score(expected, mean_shift(points, 1.5)) >= 0.99


def test_clusters_come_from_the_largest_on_and_all_are_used() -> None:
    labels = mean_shift(patch(128), 1.5)
    counts = np.bincount(labels)
    assert counts.min() > 0
    assert counts[0] == counts.max()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.integers(-1000, 1000))
def test_order_and_origin_of_points_do_not_matter(seed: int, shift: int) -> None:
    points = hard_clusters(seed, 200).astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(points))
    np.testing.assert_array_equal(mean_shift(points, 1.5)[order], mean_shift(points[order] + shift, 1.5))


def test_the_same_points_give_the_same_clusters_and_no_random_numbers_are_drawn() -> None:
    points = patch(128)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = mean_shift(points, 1.5)
    np.testing.assert_array_equal(first, mean_shift(points, 1.5))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_types_of_numbers_do_not_matter() -> None:
    points = patch(72).astype(np.float16)
    first = mean_shift(points, 1.5)
    np.testing.assert_array_equal(first, mean_shift(points.astype(np.float64), 1.5))
    np.testing.assert_array_equal(first, mean_shift(np.asfortranarray(points), 1.5))


def test_modes_of_every_fifth_point_part_clear_clusters_as_those_of_all() -> None:
    rng = np.random.default_rng(0)
    own = rng.integers(12, size=4000)
    points = 3 * np.eye(12)[own] + 0.1 * rng.normal(size=(4000, 12))
    labels = mean_shift(points, 1.5, every=5)
    assert adjusted_rand_score(own, labels) == 1
    points[1::5] += 20  # looked at by nobody, and joined to the nearest mode
    assert mean_shift(points, 1.5, every=5).max() == labels.max()
    assert mean_shift(points, 1.5).max() > labels.max()


def test_paths_from_some_points_end_at_the_modes_of_all() -> None:
    """Of every fifth point most lie in the left cluster, of all in the right one: that has number 0."""
    points = np.full((3000, 2), 5.0) + 0.1 * np.random.default_rng(0).normal(size=(3000, 2))
    points[::5] -= 5
    points[::15] += 5
    assert np.sum(points[::5, 0] < 2.5) > np.sum(points[::5, 0] > 2.5)
    np.testing.assert_array_equal(mean_shift(points, 1.5, every=5), points[:, 0] < 2.5)


@pytest.mark.parametrize("every", [0, -1])
def test_some_points_are_taken(every: int) -> None:
    with pytest.raises(UserError, match=f"every={every}"):
        mean_shift(np.zeros((3, 2)), 1.5, every=every)


def test_torch_gives_the_same() -> None:
    points = patch(72)
    assert adjusted_rand_score(mean_shift(points, 1.5), mean_shift(points, 1.5, device="cpu:0")) > 0.999


def test_clusters_far_from_the_origin_and_from_each_other_are_parted() -> None:
    """Where single precision could not tell the points of a cluster from each other."""
    near = hard_clusters(3, 2500).astype(np.float64)
    far = np.concatenate([near, near + 2.0**18])
    once = mean_shift(near, 1.5)
    labels = mean_shift(far, 1.5)
    assert adjusted_rand_score(once, labels[:2500]) == 1
    assert adjusted_rand_score(once, labels[2500:]) == 1
    assert not set(labels[:2500]) & set(labels[2500:])


def test_memory_stays_bounded() -> None:
    """A table of all pairs would take 1.6 GiB."""
    points = patch(256)
    points = np.concatenate([points, points + 0.01])[:20_000]
    assert len(points) == 20_000
    tracemalloc.start()
    mean_shift(points, 1.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150 * 2**20


def test_few_points() -> None:
    assert mean_shift(np.zeros((0, 16)), 1.5).tolist() == []
    assert mean_shift(np.ones((1, 16)), 1.5).tolist() == [0]
    assert mean_shift([[0.0], [10.0]], 1.5).tolist() == [1, 0]
    assert mean_shift(np.full((5000, 16), 0.1), 1.5).tolist() == [0] * 5000


def test_every_point_alone_is_a_cluster() -> None:
    points = 10.0 * np.arange(3000)[:, None]
    assert sorted(mean_shift(points, 1.5)) == list(range(3000))


@pytest.mark.parametrize("bandwidth", [0, -1.5, np.nan, np.inf])
def test_a_bandwidth_is_above_zero(bandwidth: float) -> None:
    with pytest.raises(UserError, match=r"bandwidth of mean shift is .*, and must be above 0"):
        mean_shift(np.zeros((3, 2)), bandwidth)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_embeddings_are_finite(value: float) -> None:
    with pytest.raises(UserError, match="not all finite"):
        mean_shift([[0.0], [value]], 1.5)


def test_embeddings_that_the_bandwidth_cannot_resolve_are_refused() -> None:
    with pytest.raises(UserError, match="check the bandwidth"):
        mean_shift([[0.0], [1e9]], 1.5)


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 3, 4)])
def test_embeddings_are_a_table(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"instead of \(N, D\)"):
        mean_shift(np.zeros(shape), 1.5)
