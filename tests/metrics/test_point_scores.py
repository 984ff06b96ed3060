from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskless.metrics import DEFINITIONS, DIRECTIONS, POINT_SCORES, match_points, point_pairs, point_scores
from maskless.metrics import pooled as pool
from maskless.metrics.counts import POINT_COUNTS, WITHIN
from maskless.metrics.region import centroids
from maskless.metrics.scores import HIGHER_IS_BETTER

places = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6)


def bars(*columns: int) -> np.ndarray:
    """Nuclei of 3x3 px with their centroids at row 5 and these columns, ids 3, 6, 9, ..."""
    labels = np.zeros((12, 60), np.int32)
    for k, column in enumerate(columns, start=1):
        labels[4:7, column - 1 : column + 2] = 3 * k
    return labels


def test_three_points_and_four_nuclei_by_hand():
    """At 0.5 µm/px 3 µm are 6 px: the nuclei at 10 and 26 are near a point, those at 40 and 50 are not."""
    found = point_scores([(5, 10), (5, 32), (0, 55)], bars(10, 26, 40, 50), mpp=0.5)
    assert found == pytest.approx(
        {
            ("point_precision", WITHIN): 2 / 4,
            ("point_recall", WITHIN): 2 / 3,
            ("point_f1", WITHIN): 4 / 7,
            ("true_points", WITHIN): 3,
            ("pred_points", WITHIN): 4,
            ("matched_points", WITHIN): 2,
        }
    )
    # At 0.25 µm/px they are 12 px, and the nucleus at 50 is within them of (0, 55).
    assert (
        point_scores([(5, 10), (5, 32), (0, 55)], bars(10, 26, 40, 50), 0.25)["matched_points", WITHIN] == 3
    )


def test_what_lies_outside_the_region_counts_on_neither_side():
    region = np.zeros((12, 60), np.uint8)
    region[:, :30] = 1
    # The nucleus at 30 reaches into the region, but its centroid is outside.
    found = point_scores([(5, 10), (5, 29), (5, 50)], bars(10, 30, 50), mpp=1, region=region)
    assert [found[name, WITHIN] for name in POINT_COUNTS] == [2, 1, 1]


def test_nothing_to_find_and_nothing_found():
    nothing = np.zeros((4, 4), np.int32)
    assert all(isnan(point_scores([], nothing, 1)[name, WITHIN]) for name in POINT_SCORES)
    assert [point_scores([(1, 1)], nothing, 1)[name, WITHIN] for name in POINT_SCORES] == [0, 0, 0]


def test_pooled_over_images_is_one_big_image():
    images = [
        point_scores([(5, 10), (5, 32)], bars(10), mpp=0.5),
        point_scores([(5, 20)], bars(20, 40, 50), mpp=0.5),
    ]
    assert pool(images) == pytest.approx(
        {("point_precision", WITHIN): 2 / 4, ("point_recall", WITHIN): 2 / 3, ("point_f1", WITHIN): 4 / 7}
    )


def test_points_are_known_to_tables_and_chosen_by_nowhere():
    assert set(DEFINITIONS) == set(DIRECTIONS) == {*HIGHER_IS_BETTER, *POINT_SCORES}
    assert all(DIRECTIONS[name] and DEFINITIONS[name] == WITHIN for name in POINT_SCORES)
    assert not set(POINT_SCORES) & set(HIGHER_IS_BETTER)


def test_centroids_are_the_means_of_the_pixels():
    random = np.random.default_rng(0)
    labels = random.choice([0, 0, 2, 7, 30_000], (20, 31)).astype(np.uint16)
    ids, centres = centroids(labels)
    assert ids.tolist() == [2, 7, 30_000]
    np.testing.assert_allclose(centres, [np.argwhere(labels == k).mean(0) for k in ids], atol=1e-12)
    assert [len(part) for part in centroids(np.zeros((3, 3), int))] == [0, 0]


def fewest_px(true, pred, radius) -> tuple[int, float]:
    """How many pairs there can be, negative, and the least sum of distances of so many, by trying."""
    if not true:
        return 0, 0.0
    (row, column), *rest = true
    best = fewest_px(rest, pred, radius)
    for k, (r, c) in enumerate(pred):
        if (distance := float(np.hypot(row - r, column - c))) <= radius:
            count, total = fewest_px(rest, pred[:k] + pred[k + 1 :], radius)
            best = min(best, (count - 1, total + distance))
    return best


@settings(deadline=None, max_examples=150)
@given(places, places, st.integers(0, 6))
def test_pairs_are_as_many_as_can_be_and_of_these_the_nearest(true, pred, radius):
    pairs = point_pairs(np.array(true), np.array(pred), radius)
    count, total = fewest_px(true, pred, radius)
    assert len(pairs) == -count == match_points(true, pred, radius).matched_points
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    apart = [np.hypot(*np.subtract(true[a], pred[b])) for a, b in pairs]
    assert all(distance <= radius for distance in apart)
    assert sum(apart) == pytest.approx(total, abs=1e-9)
    assert pairs[:, 0].tolist() == sorted(pairs[:, 0])


def test_a_nearer_partner_does_not_cost_a_pair():
    assert point_pairs([(0, 0), (0, 3)], [(0, 2), (0, 6)], 3).tolist() == [[0, 0], [1, 1]]
    assert point_pairs([(0, 0)], [(0, 3), (0, 1)], 0.75, mpp=0.25).tolist() == [[0, 1]]
