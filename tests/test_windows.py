import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.errors import UserError
from maskless.windows import Axis, Tiling, View, oriented

lengths = st.integers(1, 900)


@st.composite
def tilings(draw):
    multiple = draw(st.sampled_from([1, 2, 8, 32]))
    overlap = draw(st.integers(0, 70))
    least = -(-overlap // multiple) * multiple + multiple
    return Tiling(draw(st.integers(least, least + 300)), overlap, multiple)


@given(lengths, tilings())
def test_windows_cover_the_axis_with_the_overlap_and_the_multiple(length, tiling):
    axis = tiling.along(length)
    starts = np.array(axis.starts_px)
    assert starts[0] == 0
    assert axis.padded_px == -(-length // tiling.multiple_px) * tiling.multiple_px
    assert axis.side_px <= tiling.window_px
    assert (np.append(starts, axis.side_px) % tiling.multiple_px == 0).all()
    if len(starts) > 1:
        assert (np.diff(starts) > 0).all()
        assert (starts[:-1] + axis.side_px - starts[1:] >= tiling.overlap_px).all()


@given(lengths, tilings())
def test_no_smaller_number_and_no_smaller_windows_would_do(length, tiling):
    axis = tiling.along(length)
    multiple, overlap = tiling.multiple_px, tiling.overlap_px

    def reach(count, side):
        return side + (count - 1) * ((side - overlap) // multiple * multiple)

    count, largest = len(axis.starts_px), tiling.window_px // multiple * multiple
    assert count == 1 or reach(count - 1, largest) < length
    assert (
        axis.side_px == multiple
        or axis.side_px - multiple < overlap + multiple
        or (reach(count, axis.side_px - multiple) < length)
    )


@given(lengths, tilings(), st.booleans())
def test_shares_sum_to_one_at_every_pixel(length, tiling, ramp):
    axis = tiling.along(length)
    total = np.zeros(axis.padded_px)
    for k, start in enumerate(axis.starts_px):
        share = axis.share(k, ramp)
        assert share.dtype == np.float32
        assert (share >= 0).all()
        assert ramp or set(np.unique(share)) <= {0.0, 1.0}
        total[start : start + axis.side_px] += share
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_share_is_zero_in_the_outer_quarter_of_an_overlap_then_a_ramp():
    axis = Axis(length_px=28, side_px=18, starts_px=(0, 10))  # overlap 8: quarter 2, ramp over 4
    np.testing.assert_allclose(axis.share(0, ramp=True), [1] * 12 + [0.875, 0.625, 0.375, 0.125, 0, 0])
    np.testing.assert_allclose(axis.share(1, ramp=True), [0, 0, 0.125, 0.375, 0.625, 0.875] + [1] * 12)
    np.testing.assert_allclose(axis.share(0, ramp=False), [1] * 14 + [0] * 4)
    np.testing.assert_allclose(axis.share(1, ramp=False), [0] * 4 + [1] * 14)


@pytest.mark.parametrize(
    ("window_px", "overlap_px", "multiple_px", "least"),
    [(256, 128, 256, 512), (31, 0, 32, 32), (64, 33, 32, 96)],
)
def test_windows_that_cannot_advance_are_refused_with_the_least_size_that_can(
    window_px, overlap_px, multiple_px, least
):
    with pytest.raises(UserError, match=f"at least {least}$"):
        Tiling(window_px, overlap_px, multiple_px)
    Tiling(least, overlap_px, multiple_px).along(5000)


def test_negative_overlap_is_refused():
    with pytest.raises(UserError, match="overlap_px=-1"):
        Tiling(64, -1, 32)


def test_an_image_smaller_than_the_multiple_is_padded_by_reflection():
    image = np.arange(3, dtype=np.uint8).reshape(1, 3, 1)
    view = View.of(image, (False, False, False), Tiling(64, 16, 8))
    (window,) = view.windows()
    assert window.shape == (1, 3)
    assert window.pixels.shape == (8, 8, 1)
    assert window.pixels[0, :, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert (window.pixels == window.pixels[:1]).all()


def test_turned_windows_add_up_to_the_turned_back_map():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (75, 52, 3), dtype=np.uint8)
    orientations = [(t, r, c) for t in (False, True) for r in (False, True) for c in (False, True)]
    assert len({oriented(image, o, 0, 1).tobytes() for o in orientations}) == 8
    for orientation in orientations:
        total = np.zeros((3, 75, 52), np.float32)
        for window in View.of(image, orientation, Tiling(32, 8, 4)).windows():
            height, width = window.shape
            values = window.pixels[:height, :width].transpose(2, 0, 1).astype(np.float32)
            window.add(values, total, ramp=True)
        np.testing.assert_allclose(total, image.transpose(2, 0, 1), atol=1e-3)
