import numpy as np
import pytest

from maskless.report.bootstrap import interval_of_means, interval_of_pooled

random = np.random.default_rng(1)


def test_the_interval_of_means_is_that_of_the_normal_law_for_many_images():
    row, other = random.normal(0.6, 0.1, 2_000), random.normal(0.5, 0.1, 2_000)
    found = interval_of_means(row, other)
    gap = row - other
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    assert found.difference == pytest.approx(gap.mean())
    assert found.low == pytest.approx(gap.mean() - half, rel=0.05)
    assert found.high == pytest.approx(gap.mean() + half, rel=0.05)


def test_pairing_sees_a_constant_gain_that_lies_far_inside_the_spread_of_the_images():
    row = random.normal(0.5, 0.2, 14)
    found = interval_of_means(row + 0.01, row)
    assert (found.low, found.high) == pytest.approx((0.01, 0.01))


def test_a_row_does_not_differ_from_itself():
    row = random.random(14)
    found = interval_of_means(row, row)
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_images_that_one_row_leaves_undefined_are_left_out_of_both():
    found = interval_of_means(np.array([1.0, np.nan, 3.0, 3.0]), np.array([0.0, 5.0, np.nan, 2.0]))
    assert found.difference == 1
    assert interval_of_means(np.array([1.0, np.nan]), np.array([1.0, 1.0])) is None


def test_the_same_scores_have_the_same_interval():
    row, other = random.random(14), random.random(14)
    assert interval_of_means(row, other) == interval_of_means(row, other)


def test_swapping_the_rows_turns_the_interval_round():
    row, other = random.random(14), random.random(14)
    there, back = interval_of_means(row, other), interval_of_means(other, row)
    assert (there.difference, there.low, there.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )


HIT, ALL = ("hit", ""), ("all", "")


def ratio(counts):
    return counts[HIT] / counts[ALL]


def test_pooled_scores_weigh_images_by_their_nuclei():
    row = {HIT: np.array([9.0, 1.0]), ALL: np.array([10.0, 90.0])}
    other = {HIT: np.array([0.0, 0.0]), ALL: np.array([10.0, 90.0])}
    found = interval_of_pooled(row, other, ratio)
    assert found.difference == 0.1  # and not (0.9 + 1 / 90) / 2
    assert (found.low, found.high) == pytest.approx((1 / 90, 0.9))  # one image alone, drawn twice


def test_of_images_of_one_size_pooled_scores_are_their_mean():
    hits, others, size = random.integers(0, 50, 30), random.integers(0, 50, 30), np.full(30, 50)
    pooled = interval_of_pooled({HIT: hits, ALL: size}, {HIT: others, ALL: size}, ratio)
    means = interval_of_means(hits / 50, others / 50)
    assert (pooled.difference, pooled.low, pooled.high) == pytest.approx(
        (means.difference, means.low, means.high)
    )


def test_one_image_has_no_interval():
    assert interval_of_means(np.array([1.0]), np.array([0.5])) is None
    assert interval_of_pooled({HIT: np.ones(1)}, {HIT: np.ones(1)}, ratio) is None
