from math import isnan, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label

from maskless.metrics.mask_statistics import distances, mask_statistics, pooled, summary

MASKS = arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.integers(0, 1))


def discs(rows: int, columns: int, apart_px: int, radius_px: float) -> np.ndarray:
    """A grid of discs, the first one's centre half their distance from the corner."""
    y, x = np.mgrid[: rows * apart_px, : columns * apart_px] % apart_px - apart_px // 2
    return (y**2 + x**2 <= radius_px**2).astype(np.uint8)


def test_a_grid_of_discs():
    found = mask_statistics(discs(3, 4, 20, 6))
    area = float(discs(1, 1, 20, 6).sum())
    assert found.nuclei == 12
    assert found.area_px.tolist() == [area] * 12
    assert area == pytest.approx(pi * 36, rel=0.02)
    assert found.neighbour_distance_px == pytest.approx([20] * 12)
    assert found.eccentricity == pytest.approx([0] * 12, abs=1e-6)
    assert found.nucleus_share == pytest.approx(area / 400)


def test_units_are_those_of_the_tissue_where_the_spacing_is_known():
    masks = [mask_statistics(discs(3, 4, 20, 6))] * 2
    area = float(discs(1, 1, 20, 6).sum())
    inside, on_slide = pooled(masks), pooled(masks, mpp=0.5)
    # 240 x 200 px at 0.5 µm/px are 0.012 mm² for 12 nuclei.
    assert inside["nuclei_per_10000_px"] == pytest.approx([25, 25])
    assert on_slide["nuclei_per_mm2"] == pytest.approx([10_000, 10_000])
    assert on_slide["area_um2"] == pytest.approx([area / 4] * 24)
    assert on_slide["neighbour_distance_um"] == pytest.approx([10] * 24)
    assert list(inside) == [
        "nuclei_per_10000_px", "area_px", "neighbour_distance_px", "nucleus_share", "eccentricity",
    ]  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(7, 7), (9, 3), (1, 30)])
def test_eccentricity_of_a_rectangle(height, width):
    mask = np.zeros((40, 40), np.uint8)
    mask[5 : 5 + height, 3 : 3 + width] = 1
    short, long = sorted((height, width))
    (found,) = mask_statistics(mask).eccentricity
    assert found == pytest.approx(np.sqrt(1 - short**2 / long**2))


def test_pieces_that_touch_at_a_corner_are_one_and_specks_are_none():
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = mask[5:8, 5:8] = True  # one, by a corner
    mask[15, 15:19] = True  # 4 px
    found = mask_statistics(mask)
    assert found.area_px.tolist() == [18]
    assert found.nucleus_share == 22 / 400
    assert len(found.neighbour_distance_px) == 0
    assert mask_statistics(mask, least_px=4).nuclei == 2


@pytest.mark.parametrize("value", [0, 1])
def test_empty_and_full_masks(value):
    found = mask_statistics(np.full((8, 9), value))
    assert (found.nuclei, found.nucleus_share) == (value, value)
    assert found.area_px.tolist() == [72] * value


def test_what_is_no_mask_is_refused():
    for shape in ((3, 4, 1), (0, 5)):
        with pytest.raises(ValueError, match=r"\(H, W\)"):
            mask_statistics(np.zeros(shape))


@settings(deadline=None, max_examples=60)
@given(MASKS)
def test_equal_to_a_slow_reference(mask):
    labels, count = label(mask, np.ones((3, 3)))
    pixels = [np.argwhere(labels == k) for k in range(1, count + 1)]
    centres = [one.mean(0) for one in pixels if len(one) >= 5]
    nearest = [
        min(np.linalg.norm(a - b) for j, b in enumerate(centres) if j != k) for k, a in enumerate(centres)
    ] if len(centres) > 1 else []  # fmt: skip
    found = mask_statistics(mask)
    assert sorted(found.area_px) == sorted(len(one) for one in pixels if len(one) >= 5)
    assert sorted(found.neighbour_distance_px) == pytest.approx(sorted(nearest))


@settings(deadline=None, max_examples=60)
@given(MASKS, st.integers(0, 3), st.booleans())
def test_turned_and_mirrored_masks_are_the_same(mask, quarters, mirrored):
    other = np.rot90(np.fliplr(mask) if mirrored else mask, quarters)
    one, two = pooled([mask_statistics(mask)]), pooled([mask_statistics(other)])
    for name, values in one.items():
        assert np.sort(two[name]) == pytest.approx(np.sort(values), abs=1e-6), name
    assert all(isnan(value) or value < 1e-6 for value in distances(one, two).values())


@settings(deadline=None, max_examples=60)
@given(MASKS, st.integers(2, 4))
def test_a_finer_grid_of_the_same_tissue_gives_the_same_in_micrometres(mask, finer):
    enlarged = np.kron(mask, np.ones((finer, finer), np.uint8))
    coarse = pooled([mask_statistics(mask, least_px=1)], mpp=0.5)
    fine = pooled([mask_statistics(enlarged, least_px=1)], mpp=0.5 / finer)
    for name, values in coarse.items():
        assert np.sort(fine[name]) == pytest.approx(np.sort(values), abs=1e-5), name


def test_quartiles_and_distances():
    found = summary(np.array([1.0, 2, 3, 4, 10]))
    assert (found.mean, found.q25, found.median, found.q75) == (4, 2, 3, 4)
    assert isnan(summary(np.zeros(0)).median)
    one = {"area_px": np.array([1.0, 2, 3]), "eccentricity": np.zeros(0)}
    moved = {"area_px": np.array([6.0, 8, 7]), "eccentricity": np.zeros(3)}
    apart = distances(one, moved)
    assert apart["area_px"] == pytest.approx(5)
    assert isnan(apart["eccentricity"])


def test_discs_of_another_size_are_as_far_apart_as_their_areas():
    small, large = (pooled([mask_statistics(discs(3, 3, 30, radius))]) for radius in (5, 9))
    apart = distances(small, large)
    assert apart["area_px"] == pytest.approx(large["area_px"][0] - small["area_px"][0])
    assert apart["neighbour_distance_px"] == pytest.approx(0, abs=1e-9)
    assert apart["nuclei_per_10000_px"] == 0
