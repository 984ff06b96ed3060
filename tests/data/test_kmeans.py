import numpy as np
import pytest
import slow_pseudo_labels as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from maskless.data.kmeans import kmeans
from maskless.data.row_cells import RowCells, nearest, relative_distances


def blobs(seed: int, count: int = 3000, spread: float = 1.0) -> np.ndarray:
    """Rows (N, D) around three centres, of which a third are there twice."""
    random = np.random.default_rng(seed)
    rows = random.normal(0, spread, (count, 4)) + random.uniform(-2, 2, (3, 4))[random.integers(0, 3, count)]
    rows[: count // 3] = rows[-(count // 3) :]
    return rows


def assert_same_parts(found: np.ndarray, expected: np.ndarray) -> None:
    """The same but for numbers: of starts that end alike, rounding decides which is the best."""
    pairs = set(zip(found.tolist(), expected.tolist(), strict=True))
    assert len(pairs) == len(np.unique(found)) == len(np.unique(expected))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spread", [0.2, 1.0])
def test_it_is_what_looking_at_every_row_gives(seed: int, spread: float) -> None:
    rows = blobs(seed, spread=spread)
    for clusters in (2, 3, 5):
        found = kmeans(rows, clusters=clusters, starts=3, seed=seed)
        assert_same_parts(found, slow.kmeans(rows, clusters, 3, seed))


def test_draws_far_into_many_rows_are_the_same() -> None:
    rows = blobs(1, count=40_000)
    assert_same_parts(kmeans(rows, clusters=3, starts=2, seed=5), slow.kmeans(rows, 3, 2, 5))


def test_separate_blobs_are_found() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 500)
    rows = np.array([[0, 0], [9, 0], [0, 9]])[truth] + random.normal(0, 0.5, (500, 2))
    found = kmeans(rows, clusters=3, starts=5, seed=0)
    assert found.dtype == np.uint8
    assert_same_parts(found, truth)


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0, 2.0]] * 7, [[0.0, 0.0], [5.0, 1.0]] * 4])
def test_fewer_different_rows_than_clusters(rows: list) -> None:
    found = kmeans(np.array(rows), clusters=3, starts=2, seed=0)
    assert len(found) == len(rows)
    assert found.max() < 3
    for row, label in zip(rows, found, strict=True):
        assert set(found[np.equal(rows, row).all(axis=1)].tolist()) == {label}


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 400),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([0.0, 1e-3, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_sums_by_cells_are_those_of_all_rows(
    seed: int, count: int, dimensions: int, clusters: int, spread: float
) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(0, spread, (count, dimensions)).round(3)
    rows[0] += 5  # far from the rest
    centres = random.normal(0, 1, (clusters, dimensions))
    counts, sums = RowCells.of(rows).assigned(centres)
    of = np.array([((rows - centre) ** 2).sum(axis=1) for centre in centres]).argmin(axis=0)
    np.testing.assert_array_equal(counts, np.bincount(of, minlength=clusters))
    for k in range(clusters):
        np.testing.assert_allclose(sums[k], rows[of == k].sum(axis=0), atol=1e-9)


def test_the_nearest_centre_is_the_first_of_equally_near_ones() -> None:
    rows = np.array([[0.0, 0.0], [3.0, 4.0], [2.0, 0.0]])
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
    assert relative_distances(rows, centres)[:2].tolist() == [[0, 0, 0], [16, -8, 0]]
    assert nearest(rows, centres).tolist() == [0, 1, 0]
