import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import morphology

from maskless.postprocess.disk import disk
from maskless.postprocess.morphology import closing, erosion, open_close, opening

MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))
RADII = st.integers(0, 4)


def eroded(mask: np.ndarray, radius_px: int, outside: bool) -> np.ndarray:
    """By padding: the disk fits, in an image that goes on as `outside` says."""
    framed = np.pad(mask, radius_px + 1, constant_values=outside)
    inner = slice(radius_px + 1, -radius_px - 1)
    return ndimage.binary_erosion(framed, disk(radius_px))[inner, inner]


def dilated(mask: np.ndarray, radius_px: int) -> np.ndarray:
    framed = np.pad(mask, radius_px + 1)
    inner = slice(radius_px + 1, -radius_px - 1)
    return morphology.dilation(framed, disk(radius_px))[inner, inner]


@pytest.mark.parametrize("outside", ["ignored", "background"])
@given(mask=MASKS, radius_px=RADII)
def test_each_equals_padding_with_what_is_outside(outside, mask: np.ndarray, radius_px: int) -> None:
    beyond = outside == "ignored"
    opened = dilated(eroded(mask, radius_px, beyond), radius_px)
    closed = eroded(dilated(mask, radius_px), radius_px, beyond)
    both = eroded(dilated(opened, radius_px), radius_px, beyond)
    for step, expected in (
        (erosion, eroded(mask, radius_px, beyond)),
        (opening, opened),
        (closing, closed),
        (open_close, both),
    ):
        result = step(mask, radius_px=radius_px, outside=outside)
        assert result.dtype == bool
        np.testing.assert_array_equal(result, expected, step.__name__)


@given(MASKS, RADII)
def test_background_outside_is_what_scipy_sees(mask: np.ndarray, radius_px: int) -> None:
    element = disk(radius_px).astype(bool)
    for ours, theirs in (
        (erosion, ndimage.binary_erosion),
        (opening, ndimage.binary_opening),
        (closing, ndimage.binary_closing),
    ):
        result = ours(mask, radius_px=radius_px, outside="background")
        np.testing.assert_array_equal(result, theirs(mask, element))


def test_opening_and_closing_leave_a_nucleus_at_the_border_whole() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:8, 5:15] = True
    for step in (opening, closing):
        np.testing.assert_array_equal(step(mask, radius_px=1)[:2], step(mask, radius_px=1)[2:4])
    assert opening(mask, radius_px=1)[0].sum() == 10


@pytest.mark.parametrize("radius_px", [1, 2, 3])
def test_with_background_outside_closing_empties_a_frame(radius_px: int) -> None:
    mask = np.ones((20, 30), bool)
    inner = slice(radius_px, -radius_px)
    for step in (erosion, closing):
        result = step(mask, radius_px=radius_px, outside="background")
        assert result[inner, inner].all()
        assert result.sum() == (20 - 2 * radius_px) * (30 - 2 * radius_px)
        assert step(mask, radius_px=radius_px).all()


def test_open_close_removes_a_speck_and_fills_a_pinhole() -> None:
    mask = np.zeros((30, 40), bool)
    mask[5:25, 5:35] = True
    whole = opening(mask, radius_px=1)
    mask[14, 19] = False
    mask[2, 2] = True
    np.testing.assert_array_equal(open_close(mask, radius_px=1), whole)


def test_a_mask_of_255_is_a_mask_to_each() -> None:
    mask = np.array([[0, 255], [255, 255]], np.uint8)
    for step in (erosion, opening, closing, open_close):
        np.testing.assert_array_equal(step(mask, radius_px=0), mask > 0)
