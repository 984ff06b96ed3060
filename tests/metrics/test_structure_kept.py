"""Nuclei kept, vanished, appeared and moved."""

from math import isnan

import numpy as np
import pytest

from maskless.metrics import structure_kept

GRID = np.array([(20.0 * row, 20.0 * column) for row in range(5) for column in range(4)])


def test_nothing_is_lost_where_nothing_has_changed() -> None:
    found = structure_kept(GRID, GRID[::-1], mpp=0.25)
    assert (found.nuclei_before, found.nuclei_after, found.kept, found.vanished, found.appeared) == (
        20,
        20,
        20,
        0,
        0,
    )
    assert (found.kept_share, found.vanished_share, found.appeared_share, found.count_ratio) == (1, 0, 0, 1)
    assert (found.moved_mean_um, found.moved_p95_um, found.moved_mean_px) == (0, 0, 0)


def test_what_moves_less_than_a_nucleus_is_kept_and_measured_in_both_units() -> None:
    """3 and 4 px are 5 px, at 0.5 µm/px 2.5 µm."""
    found = structure_kept(GRID, GRID + np.array([3, -4]), mpp=0.5)
    assert found.kept == 20
    assert found.moved_mean_px == pytest.approx(5)
    assert found.moved_mean_um == found.moved_p95_um == pytest.approx(2.5)


def test_what_is_gone_or_new_is_counted_by_its_own_side() -> None:
    after = np.concatenate([GRID[5:], [(500.0, 500.0), (600.0, 600.0), (700.0, 700.0)]])
    found = structure_kept(GRID, after, mpp=0.25)
    assert (found.kept, found.vanished, found.appeared) == (15, 5, 3)
    assert (found.kept_share, found.vanished_share) == (0.75, 0.25)
    assert found.appeared_share == pytest.approx(3 / 18)
    assert found.count_ratio == pytest.approx(0.9)


def test_the_percentile_is_that_of_the_distances() -> None:
    moved = GRID + np.arange(20)[:, None] * (0.5, 0)
    found = structure_kept(GRID, moved)
    assert found.moved_mean_px == pytest.approx(np.mean(0.5 * np.arange(20)))
    assert found.moved_p95_px == pytest.approx(np.percentile(0.5 * np.arange(20), 95))


def test_a_nucleus_is_the_same_within_three_micrometres_or_twelve_pixels() -> None:
    at = np.array([(50.0, 50.0)])
    for mpp, reach_px in ((0.25, 12), (0.5, 6), (None, 12)):
        assert structure_kept(at, at + np.array([reach_px, 0]), mpp).kept == 1
        assert structure_kept(at, at + np.array([reach_px + 0.1, 0]), mpp).kept == 0


def test_without_a_spacing_there_are_no_micrometres_and_a_row_has_none_for_what_is_undefined() -> None:
    found = structure_kept(GRID, GRID + 1)
    assert isnan(found.moved_mean_um)
    row = found.as_row()
    assert row["moved_mean_um"] is None
    assert row["moved_mean_px"] == 1.4142
    assert isinstance(row["kept"], int)


@pytest.mark.parametrize("before", [0, 3])
def test_without_nuclei_shares_are_undefined_and_counts_are_not(before: int) -> None:
    row = structure_kept(GRID[:before], [], mpp=0.25).as_row()
    assert (row["nuclei_before"], row["nuclei_after"], row["vanished"]) == (before, 0, before)
    assert row["kept_share"] == (0 if before else None)
    assert row["count_ratio"] == (0 if before else None)
    assert row["appeared_share"] is row["moved_mean_px"] is row["moved_p95_um"] is None
