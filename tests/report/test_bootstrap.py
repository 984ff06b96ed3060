import numpy as np
import pytest

from maskless.report.bootstrap import interval, mean_of_images, score_of_counts

random = np.random.default_rng(1)
HIT, ALL = ("hit", ""), ("all", "")


def of_means(row, other, strata=None):
    """The interval of two rows of one run each."""
    rows = [mean_of_images(np.atleast_2d(values), [""]) for values in (row, other)]
    return interval(*rows, np.zeros(len(row), int) if strata is None else strata)


def of_pooled(row, other):
    rows = [score_of_counts([counts], [""], lambda sums: sums[HIT] / sums[ALL]) for counts in (row, other)]
    return interval(*rows, np.zeros(len(row[HIT]), int))


def test_the_interval_of_means_is_that_of_the_normal_law_for_many_images():
    row, other = random.normal(0.5, 0.1, 2_000), random.normal(0.5, 0.1, 2_000)
    found = of_means(row, other)
    gap = row - other
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    assert found.difference == pytest.approx(gap.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)  # 90 % would be 16 % narrower
    assert found.high == pytest.approx(gap.mean() + half, abs=0.1 * half)


def test_pairing_sees_a_constant_gain_that_lies_far_inside_the_spread_of_the_images():
    row = random.normal(0.5, 0.2, 14)
    found = of_means(row + 0.01, row)
    assert (found.low, found.high) == pytest.approx((0.01, 0.01))


def test_a_row_does_not_differ_from_itself():
    row = random.random(14)
    found = of_means(row, row)
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_the_difference_is_that_of_the_values_shown_whatever_is_undefined():
    row, other = np.array([1.0, np.nan, 3.0, 3.0]), np.array([0.0, 5.0, np.nan, 2.0])
    assert of_means(row, other).difference == pytest.approx(7 / 3 - 7 / 3)
    assert of_means(np.full(3, np.nan), np.ones(3)) is None


def test_seeds_and_folds_are_averaged_as_in_a_table():
    """Two seeds of the first fold, one of the second: the folds weigh alike, whatever their sizes."""
    nan = np.nan
    values = np.array([[0.1, 0.3, 0.2, nan, nan], [0.5, 0.7, 0.6, nan, nan], [nan, nan, nan, 0.8, 1.0]])
    row = mean_of_images(values, ["fold0", "fold0", "fold1"])
    assert row(np.ones((1, 5)))[0] == pytest.approx(((0.2 + 0.6) / 2 + 0.9) / 2)
    none = mean_of_images(np.zeros((1, 5)), [""])
    found = interval(row, none, np.array([0, 0, 0, 1, 1]))
    assert found.difference == pytest.approx(0.65)
    # Drawn within folds: never all of one fold.
    assert (found.low, found.high) == (pytest.approx(0.575, abs=0.03), pytest.approx(0.725, abs=0.03))


def test_the_same_scores_have_the_same_interval():
    row, other = random.random(14), random.random(14)
    assert of_means(row, other) == of_means(row, other)


def test_swapping_the_rows_turns_the_interval_round():
    row, other = random.random(14), random.random(14)
    there, back = of_means(row, other), of_means(other, row)
    assert (there.difference, there.low, there.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )


def test_pooled_scores_weigh_images_by_their_nuclei():
    row = {HIT: np.array([9.0, 1.0]), ALL: np.array([10.0, 90.0])}
    other = {HIT: np.array([0.0, 0.0]), ALL: np.array([10.0, 90.0])}
    found = of_pooled(row, other)
    assert found.difference == 0.1  # and not (0.9 + 1 / 90) / 2
    assert (found.low, found.high) == pytest.approx((1 / 90, 0.9))  # one image alone, drawn twice


def test_of_images_of_one_size_pooled_scores_are_their_mean():
    hits, others, size = random.integers(0, 50, 30), random.integers(0, 50, 30), np.full(30, 50)
    pooled = of_pooled({HIT: hits, ALL: size}, {HIT: others, ALL: size})
    means = of_means(hits / 50, others / 50)
    assert (pooled.difference, pooled.low, pooled.high) == pytest.approx(
        (means.difference, means.low, means.high)
    )


def test_one_image_alone_has_no_interval():
    assert of_means(np.array([1.0]), np.array([0.5])) is None
    assert of_means(np.ones(3), np.zeros(3), np.array([0, 0, 1])) is None
