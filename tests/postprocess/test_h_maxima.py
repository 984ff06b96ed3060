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
    """A pixel is kept if nothing higher can be reached from it without going down by `height`."""
    kept = np.zeros(values.shape, bool)
    for place in np.ndindex(values.shape):
        value = values[place]
        reached, _ = ndimage.label(values > value - height if height else values >= value)
        kept[place] = values[reached == reached[place]].max() <= value
    return kept


@given(VALUES, MASKS, st.sampled_from([0, 0.5, 1, 2, 3, 7]))
def test_it_equals_its_definition(values: np.ndarray, mask: np.ndarray, height: float) -> None:
    result = h_maxima(values, mask, height=height)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, ndimage.label(by_definition(values, height) & mask)[0])


@given(VALUES, st.sampled_from([1, 2, 3]))
def test_it_equals_a_reconstruction_by_dilation(values: np.ndarray, height: int) -> None:
    cross = morphology.disk(1)
    rest = values - morphology.reconstruction(values - height, values, footprint=cross)
    np.testing.assert_array_equal(h_maxima(values, height=height) > 0, rest >= height)


@pytest.mark.parametrize("rounds", [0, 1, 64])
def test_hills_longer_than_the_fast_rounds_are_exact_too(monkeypatch, rounds: int) -> None:
    """A ridge of 300 pixels with bumps: whether a bump counts is decided at its far end."""
    monkeypatch.setattr(module, "ROUNDS", rounds)
    values = np.zeros((3, 300), np.float32)
    values[1] = 5
    values[1, [10, 100, 290]] = [6, 5.5, 9]
    assert h_maxima(values, height=2).max() == 1
    assert h_maxima(values, height=2)[1, 290] == 1
    assert (h_maxima(values, height=1) > 0).sum() == 2
    assert (h_maxima(values, height=0.25) > 0).sum() == 3


def test_a_ripple_is_no_marker_and_a_plateau_is_one() -> None:
    values = np.array([[0, 5, 5, 3, 4, 3, 0, 2, 2, 0]], np.float32)
    assert h_maxima(values, height=1.5).tolist() == [[0, 1, 1, 0, 0, 0, 0, 2, 2, 0]]
    assert h_maxima(values, height=1).tolist() == [[0, 1, 1, 0, 2, 0, 0, 3, 3, 0]]
