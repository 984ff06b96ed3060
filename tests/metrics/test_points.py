from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_map_examples import TOLERANCE

from maskless.metrics import match_points

points = st.lists(st.tuples(st.integers(-1, 9), st.integers(-1, 9)), max_size=7)


def most_matches(true, pred, radius) -> int:
    """The most one-to-one pairs, by trying: each true point is left out, or takes a free one in reach."""
    if not true:
        return 0
    (row, column), *rest = true
    best = most_matches(rest, pred, radius)
    for k, (r, c) in enumerate(pred):
        if (row - r) ** 2 + (column - c) ** 2 <= radius**2:
            best = max(best, 1 + most_matches(rest, pred[:k] + pred[k + 1 :], radius))
    return best


@settings(deadline=None, max_examples=200)
@given(points, points, st.integers(0, 5), st.booleans())
def test_equals_the_definition(true, pred, radius, with_region):
    region = None
    kept_true, kept_pred = true, pred
    if with_region:
        region = np.zeros((8, 8), np.uint8)
        region[1:6, :5] = 1
        kept_true, kept_pred = ([p for p in side if 1 <= p[0] < 6 and 0 <= p[1] < 5] for side in (true, pred))
    found = match_points(np.array(true), np.array(pred), radius, region=region)
    tp = most_matches(kept_true, kept_pred, radius)
    undefined = 0.0 if kept_true or kept_pred else nan
    assert (found.true_points, found.pred_points) == (len(kept_true), len(kept_pred))
    assert found.matched_points == tp
    expected = (
        tp / len(kept_pred) if kept_pred else undefined,
        tp / len(kept_true) if kept_true else undefined,
        2 * tp / (len(kept_true) + len(kept_pred)) if kept_true or kept_pred else nan,
    )
    values = (found.precision, found.recall, found.f1)
    assert values == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_the_nearest_pair_first_would_leave_others_without():
    true, pred = [(0, 0), (0, 3)], [(0, 2), (0, 6)]
    assert match_points(true, pred, 3).matched_points == 2
    assert match_points(true, pred, 2).matched_points == 1


def test_a_point_at_the_radius_is_within_it():
    assert match_points([(0, 0)], [(3, 4)], 5).f1 == 1
    assert match_points([(0, 0)], [(3, 4)], 4.9999).f1 == 0


@pytest.mark.parametrize("mpp", [0.1, 0.2, 0.25, 0.2468, 0.3, 0.499])
def test_a_radius_in_micrometres(mpp):
    for distance_px in range(1, 30):
        radius_um = distance_px * mpp
        assert match_points([(7, 0)], [(7, distance_px)], radius_um, mpp=mpp).f1 == 1
        assert match_points([(7, 0)], [(7, distance_px)], radius_um - 1e-6, mpp=mpp).f1 == 0


def test_a_point_matches_once_and_two_at_one_place_are_two():
    assert match_points([(5, 5)], [(5, 5), (5, 5), (5, 6)], 3).matched_points == 1
    assert match_points([(5, 5), (5, 5)], [(5, 5), (5, 5), (5, 6)], 3).matched_points == 2
    assert match_points([(5, 5)], [(5, 5)], 0).matched_points == 1


def test_a_point_lies_in_the_pixel_whose_centre_is_nearest():
    region = np.array([[0, 1, 1, 0]])
    inside = [(0, 0.5), (0, 2.49), (0.49, 1), (-0.5, 1)]
    outside = [(0, 0.49), (0, 2.5), (0.5, 1), (-0.51, 1), (0, -3), (0, 4), (9, 1)]
    assert match_points(inside, outside, 1, region=region).true_points == len(inside)
    assert match_points(inside, outside, 1, region=region).pred_points == 0


def test_many_points_need_no_table_of_all_pairs():
    random = np.random.default_rng(0)
    true = random.uniform(0, 100_000, (50_000, 2))
    pred = true[random.permutation(len(true))[:40_000]]
    found = match_points(true, pred, 0.1)
    assert (found.matched_points, found.precision, found.recall) == (40_000, 1, 0.8)


def test_no_points():
    some, none = [(1, 1)], np.zeros((0, 2))
    assert (match_points(some, none, 1).precision, match_points(some, none, 1).f1) == (0, 0)
    assert (match_points([], some, 1).recall, match_points([], some, 1).f1) == (0, 0)
    nothing = match_points(none, [], 1)
    assert all(isnan(value) for value in (nothing.precision, nothing.recall, nothing.f1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"true": [(1, 2, 3)]}, r"true must be points \(N, 2\)"),
        ({"pred": [1, 2]}, r"pred must be points \(N, 2\)"),
        ({"pred": [(1, nan)]}, "pred has a point that is not finite"),
        ({"radius": -1}, "the radius is 0 or more"),
        ({"radius": nan}, "the radius is 0 or more"),
        ({"mpp": 0}, "mpp"),
        ({"region": np.ones((2, 2))}, "region must be"),
        ({"region": np.ones(4, bool)}, "region must be"),
    ],
)
def test_what_are_no_points_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        match_points(**{"true": [(1, 1)], "pred": [(1, 1)], "radius": 1, **arguments})
