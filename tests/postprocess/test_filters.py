import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from maskless.postprocess.arithmetic import difference, negative
from maskless.postprocess.filters import gaussian, median, otsu

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))


@pytest.mark.parametrize("sigma_px", [0.5, 1, 1.5, 4])
@given(values=hnp.arrays(np.float32, SHAPES, elements=st.floats(-100, 100, width=32)))
def test_gaussian_equals_scipys_on_images_of_any_size(sigma_px: float, values: np.ndarray) -> None:
    expected = ndimage.gaussian_filter(values.astype(float), sigma_px, mode="reflect", truncate=4)
    np.testing.assert_allclose(gaussian(values, sigma_px=sigma_px), expected, atol=2e-2)


@given(
    hnp.arrays(np.float32, SHAPES, elements=st.floats(-100, 100, width=32)),
    st.integers(0, 5),
    st.floats(0.3, 3),
)
def test_gaussian_can_be_cut_off_at_a_radius(values: np.ndarray, radius_px: int, sigma_px: float) -> None:
    expected = ndimage.gaussian_filter(values.astype(float), sigma_px, mode="reflect", radius=radius_px)
    result = gaussian(values, sigma_px=sigma_px, radius_px=radius_px)
    np.testing.assert_allclose(result, expected, atol=2e-2)


def test_gaussian_of_sigma_zero_is_a_copy() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = gaussian(values, sigma_px=0)
    np.testing.assert_array_equal(result, values)
    assert not np.shares_memory(result, values)


def test_gaussian_takes_half_precision_and_views() -> None:
    values = np.random.default_rng(0).random((20, 30, 3)).astype(np.float16)[::-1, ::-2, 1]
    expected = gaussian(np.ascontiguousarray(values, np.float32), sigma_px=2)
    np.testing.assert_array_equal(gaussian(values, sigma_px=2), expected)


@given(hnp.arrays(bool, SHAPES), st.integers(0, 3))
def test_median_of_a_mask_is_the_median_of_its_numbers(mask: np.ndarray, radius_px: int) -> None:
    result = median(mask, radius_px=radius_px)
    assert result.dtype == bool
    np.testing.assert_array_equal(result, median(mask.astype(np.uint8), radius_px=radius_px) > 0)


def test_median_removes_a_speck_and_mirrors_the_border() -> None:
    values = np.zeros((7, 7), np.float32)
    values[3, 3] = 9
    values[:, 0] = 5
    result = median(values, radius_px=1)
    assert result[3, 3] == 0
    np.testing.assert_array_equal(result[:, 0], 5)


def test_median_takes_half_precision_and_gives_it_back() -> None:
    values = np.random.default_rng(0).random((20, 30)).astype(np.float16)
    result = median(values, radius_px=2)
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, median(values.astype(np.float64), radius_px=2))


def otsu_by_definition(values: np.ndarray) -> np.ndarray:
    """Try every split between distinct values; keep the one of greatest variance between the classes."""
    levels = np.unique(values)[:-1]

    def between(level: float) -> float:
        low, high = values[values <= level], values[values > level]
        return low.size * high.size * (low.mean() - high.mean()) ** 2

    return values > max(levels, key=between)


def test_otsu_equals_its_definition_on_grey_levels() -> None:
    generator = np.random.default_rng(0)
    values = np.where(generator.random((60, 60)) < 0.3, generator.normal(170, 20, (60, 60)), 80).clip(0, 255)
    values = np.rint(values + generator.normal(0, 12, (60, 60))).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(otsu(values), otsu_by_definition(values))


def test_otsu_is_blind_to_shift_and_scale() -> None:
    values = np.random.default_rng(1).normal(0, 1, (50, 50)) ** 2
    np.testing.assert_array_equal(otsu(values), otsu(3 * values - 7))


def test_three_classes_are_parted_where_their_variance_says() -> None:
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 3, (80, 80))
    values = np.rint(np.choose(truth, [20, 90, 200]) + generator.normal(0, 6, truth.shape)).clip(0, 255)
    np.testing.assert_array_equal(otsu(values, classes=3), truth > 0)
    assert (otsu(values) != (truth > 0)).mean() > 0.2  # two classes part elsewhere


@pytest.mark.parametrize("levels", [[0.0, 1.0], [0.0, 1e-4, 1.0], [0.0, 0.5, 1.0]])
def test_fewer_values_than_classes_are_a_class_each(levels: list[float]) -> None:
    values = np.resize(levels, (10, 12))
    np.testing.assert_array_equal(otsu(values, classes=4), values > 1e-3)


def test_otsu_of_a_flat_image_finds_nothing() -> None:
    assert not otsu(np.full((5, 5), 0.3, np.float32)).any()


def test_arithmetic_of_masks_and_small_integers_does_not_wrap_round() -> None:
    assert difference(np.array([1], np.uint8), np.array([2], np.uint8)).tolist() == [-1]
    assert negative(np.array([3], np.uint8)).tolist() == [-3]
    assert negative(np.array([True])).tolist() == [-1]
    assert difference(np.array([1.0]), np.array([0.25])).dtype == np.float32
