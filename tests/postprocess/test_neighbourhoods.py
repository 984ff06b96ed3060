from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_embeddings import hard_clusters
from scipy.spatial.distance import cdist

from maskless.postprocess import neighbourhoods as module
from maskless.postprocess.neighbourhoods import Neighbourhoods, nearest
from maskless.postprocess.neighbourhoods_on_device import NeighbourhoodsOnDevice

MAKERS = {
    "lumps": Neighbourhoods,
    "torch": lambda points, radius: NeighbourhoodsOnDevice(points, radius, "cpu"),
}


def asked(points: np.ndarray, places: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """The means and numbers, with every distance written down."""
    within = cdist(places, points) <= radius
    number = within.sum(axis=1)
    means = within @ points.astype(np.float64) / np.maximum(number, 1)[:, None]
    return np.where(number[:, None] > 0, means, places), number


def assert_equal_to_asking(balls, points: np.ndarray, places: np.ndarray, radius: float, atol: float) -> None:
    means, number = balls.means(places)
    expected_means, expected_number = asked(points, places, radius)
    np.testing.assert_array_equal(number, expected_number)
    np.testing.assert_allclose(means, expected_means, rtol=0, atol=atol)
    assert means.dtype == number.dtype == points.dtype


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("points", [600, 3000])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), radius=st.sampled_from([0.3, 1.5, 4.0]))
def test_means_are_those_of_asking_every_point(make: Callable, points: int, seed: int, radius: float) -> None:
    """600 points are few enough to be asked without lumps, 3,000 are not."""
    cloud = hard_clusters(seed, points).astype(np.float64)
    away = np.full((1, cloud.shape[1]), 50.0)  # no point is near
    places = np.concatenate([cloud[::3] + 0.1, away])
    assert_equal_to_asking(make(cloud, radius), cloud, places, radius, 1e-9)


def test_single_precision_serves_too() -> None:
    cloud = hard_clusters(1, 4000)
    assert_equal_to_asking(Neighbourhoods(cloud, 1.5), cloud, cloud[::2], 1.5, 1e-4)


@pytest.mark.parametrize(
    ("constant", "value"),
    [("_PAIRS", 1000), ("_BOUNDS", 5000), ("_MOST_LUMPS", 3), ("_FEW_PAIRS", 0), ("_FEW_PAIRS_AT_FIRST", 0)],
)
def test_blocks_and_lumps_change_nothing(constant: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, constant, value)
    cloud = hard_clusters(2, 1500).astype(np.float64)
    assert_equal_to_asking(Neighbourhoods(cloud, 1.5), cloud, cloud, 1.5, 1e-9)


def test_most_points_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lumps are for: of clusters no wider than the ball, few pairs are in question."""
    pairs = 0
    within = module._within

    def counted(seeking: np.ndarray, sought: np.ndarray) -> np.ndarray:
        nonlocal pairs
        pairs += len(seeking) * sought.shape[1]
        return within(seeking, sought)

    monkeypatch.setattr(module, "_within", counted)
    rng = np.random.default_rng(0)
    centres = 3 * np.eye(16)[rng.integers(16, size=4000)]
    cloud = centres + rng.normal(size=centres.shape) * 0.5 / 4
    Neighbourhoods(cloud, 1.5).means(cloud)
    assert 0 < pairs < 0.05 * len(cloud) ** 2


def test_nearest_is_the_first_of_equally_near_ones() -> None:
    centres = np.array([[2.0, 0.0], [0.0, 0.0], [4.0, 0.0], [2.0, 0.0]])
    points = np.array([[1.0, 0.0], [3.0, 5.0], [2.1, 0.0], [-9.0, 1.0]])
    assert nearest(points, centres).tolist() == [0, 0, 0, 1]
