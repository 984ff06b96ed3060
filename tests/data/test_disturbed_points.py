import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.data.disturbed_points import check_disturbance, disturbed_points
from maskless.errors import UserError

SIZE = (300, 400)
POINTS = np.random.default_rng(0).uniform((50, 50), (250, 350), (1000, 2))


def disturbed(
    points: np.ndarray = POINTS, keep: float = 1.0, jitter_px: float = 0.0, seed: int = 0
) -> np.ndarray:
    return disturbed_points(points, SIZE, keep=keep, jitter_px=jitter_px, seed=seed)


def test_nothing_is_done_unasked() -> None:
    np.testing.assert_array_equal(disturbed(), POINTS)
    assert disturbed(np.zeros((0, 2))).shape == (0, 2)
    assert disturbed(np.zeros((0, 2)), keep=0.5, jitter_px=1).shape == (0, 2)


def test_a_fraction_is_kept_in_order() -> None:
    kept = disturbed(keep=0.3)
    assert len(kept) == 300
    where = [int(np.flatnonzero((point == POINTS).all(axis=1))[0]) for point in kept]
    assert where == sorted(where)
    assert np.mean(where) == pytest.approx(500, abs=60)  # from everywhere


def test_less_is_a_part_of_more_and_moved_alike() -> None:
    little, much = disturbed(keep=0.2, jitter_px=2), disturbed(keep=0.7, jitter_px=2)
    assert set(map(tuple, little)) < set(map(tuple, much))


def test_moves_have_the_asked_deviation_in_both_directions() -> None:
    moves = disturbed(jitter_px=3) - POINTS
    np.testing.assert_allclose(moves.std(axis=0), 3, rtol=0.1)
    np.testing.assert_allclose(moves.mean(axis=0), 0, atol=0.4)
    assert abs(np.corrcoef(moves.T)[0, 1]) < 0.1


def test_draws_are_a_function_of_seed_and_points() -> None:
    first = disturbed(keep=0.5, jitter_px=1)
    np.testing.assert_array_equal(disturbed(keep=0.5, jitter_px=1), first)
    np.testing.assert_array_equal(disturbed(POINTS.copy(), keep=0.5, jitter_px=1), first)
    assert not np.array_equal(disturbed(keep=0.5, jitter_px=1, seed=1), first)
    assert not np.array_equal(disturbed(POINTS + 1, keep=0.5, jitter_px=1) - 1, first)


@given(st.lists(st.tuples(st.integers(0, 299), st.integers(0, 399)), min_size=1), st.floats(0.1, 50))
def test_no_point_leaves_the_image(points: list, jitter_px: float) -> None:
    moved = disturbed(np.array(points), jitter_px=jitter_px)
    assert moved.shape == (len(points), 2)
    assert (moved >= 0).all()
    assert (moved <= np.subtract(SIZE, 1)).all()


def test_a_point_outside_stays_there() -> None:
    assert disturbed(np.array([[-5.0, 3.0]]), jitter_px=2).tolist() == [[-5, 3]]


def test_values_that_cannot_be_are_refused() -> None:
    check_disturbance("L", 1, 0, 2**32 - 1)
    for keep, jitter_px, seed in (
        (0, 0, 0),
        (1.1, 0, 0),
        (np.nan, 0, 0),
        (1, -1, 0),
        (1, np.inf, 0),
        (1, 0, -1),
    ):
        with pytest.raises(UserError, match=r"^L "):
            check_disturbance("L", keep, jitter_px, seed)
    with pytest.raises(UserError, match="seed"):
        check_disturbance("L", 1, 0, 2**32)
