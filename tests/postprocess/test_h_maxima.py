import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import morphology

from maskless.postprocess import h_maxima as module
from maskless.postprocess.h_maxima import h_maxima

SHAPE = (7, 9)
# Few distinct values, negative ones too: many ties, plateaus and heights that are met exactly.
VALUES = hnp.arrays(np.float32, SHAPE, elements=st.integers(-2, 4))
MASKS = hnp.arrays(bool, SHAPE)


def by_definition(values: np.ndarray, height: float) -> np.ndarray:
    """For each peak's value, what is connected down to `height` below it, if nothing in it is higher."""
    kept = np.zeros(values.shape, bool)
    for peak in np.unique(values):
        parts, count = ndimage.label(values >= peak - height)
        for part in range(1, count + 1):
            if values[parts == part].max() == peak:
                kept[parts == part] = True
    return kept


@given(VALUES, MASKS, st.sampled_from([0, 0.5, 1, 2, 3, 7]))
def test_it_equals_its_definition(values: np.ndarray, mask: np.ndarray, height: float) -> None:
    result = h_maxima(values, mask, height=height)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, ndimage.label(by_definition(values, height) & mask)[0])


@given(VALUES, st.sampled_from([1, 2, 3]))
def test_it_equals_two_reconstructions_by_dilation(values: np.ndarray, height: int) -> None:
    cross = morphology.disk(1)
    levelled = morphology.reconstruction(values - height, values, footprint=cross)
    highest = levelled > morphology.reconstruction(levelled - 1, levelled, footprint=cross)
    np.testing.assert_array_equal(h_maxima(values, height=height) > 0, highest)


def test_equal_maxima_without_a_deep_valley_between_them_are_one_marker() -> None:
    values = np.array([[*range(10), 10, 9.99, 10, *range(9, -1, -1)]])
    np.testing.assert_array_equal(h_maxima(values, height=5), values >= 5)
    assert h_maxima(values, height=0).max() == 2
    assert h_maxima(values, height=0.005).max() == 2
    values[0, 12] = 10.002
    np.testing.assert_array_equal(h_maxima(values, height=5), values >= 5.002)


def test_two_fused_discs_are_one_nucleus_until_their_waist_is_narrow() -> None:
    row, column = np.mgrid[:31, :60]

    def discs(apart_px: int) -> np.ndarray:
        inside = [np.hypot(row - 15, column - 15 - away) <= 10 for away in (0, apart_px)]
        return ndimage.distance_transform_edt(inside[0] | inside[1])

    fused = discs(8)
    assert fused.max() == fused[15, 15] == fused[15, 23] == pytest.approx(10.05, abs=5e-3)
    assert fused[15, 19] == 10
    assert h_maxima(fused, height=0).max() == 2
    assert h_maxima(fused, height=3).max() == 1
    assert h_maxima(discs(16), height=3).max() == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 2), (4, 5)])
@pytest.mark.parametrize("height", [0, 3])
def test_what_is_all_of_one_height_is_one_marker(shape: tuple[int, int], height: float) -> None:
    np.testing.assert_array_equal(h_maxima(np.full(shape, 2.0), height=height), np.ones(shape))


@pytest.mark.parametrize("rounds", [0, 1, 64])
def test_hills_longer_than_the_fast_rounds_are_exact_too(monkeypatch, rounds: int) -> None:
    """A ridge of 300 pixels with bumps: whether a bump counts is decided at its far end."""
    monkeypatch.setattr(module, "ROUNDS", rounds)
    values = np.zeros((3, 300), np.float32)
    values[1] = 5
    values[1, [10, 100, 290]] = [6, 5.5, 9]
    assert h_maxima(values, height=2).max() == 1
    np.testing.assert_array_equal(np.nonzero(h_maxima(values, height=2)), [[1], [290]])
    np.testing.assert_array_equal(np.nonzero(h_maxima(values, height=0.75)), [[1, 1], [10, 290]])
    np.testing.assert_array_equal(np.nonzero(h_maxima(values, height=0.25)), [[1, 1, 1], [10, 100, 290]])
    assert (h_maxima(values, height=4) > 0).sum() == 300


def test_a_ripple_is_no_marker_and_a_plateau_is_one() -> None:
    values = np.array([[0, 5, 5, 3, 4, 3, 0, 2, 2, 0]], np.float32)
    assert h_maxima(values, height=1.5).tolist() == [[0, 1, 1, 0, 0, 0, 0, 2, 2, 0]]
    assert h_maxima(values, height=0.5).tolist() == [[0, 1, 1, 0, 2, 0, 0, 3, 3, 0]]
    assert h_maxima(values, height=2).tolist() == [[0, 1, 1, 1, 1, 1, 0, 0, 0, 0]]
