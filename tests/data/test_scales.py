"""The same tissue at several powers: of the size it claims, and as a source has it."""

import math

import numpy as np
import pytest
from disc_source import RADIUS_UM, Discs

from maskless.data.readers.synthetic import Synthetic
from maskless.data.scales import at_power, finest, read_for_scales, refuse_without_powers
from maskless.errors import UserError
from maskless.resizing import resized
from maskless.signals import Item, Sample, Signal


def sample(mpp: float | None = 0.25) -> Sample:
    source = Discs({"a": mpp})
    return source.read(source.items("train")[0], [Signal.IMAGE])


@pytest.mark.parametrize("own_mpp", [0.2, 0.25])
@pytest.mark.parametrize("power", [40, 20, 10])
def test_a_disc_has_the_same_size_in_um_at_every_power(power: float, own_mpp: float) -> None:
    shown = at_power(sample(own_mpp), power)
    assert (shown.mpp, shown.power) == (10 / power, power)
    covered = 1 - shown[Signal.IMAGE][..., 0].mean() / 255
    height, width = shown[Signal.IMAGE].shape[:2]
    assert covered * height * width * shown.mpp**2 == pytest.approx(math.pi * RADIUS_UM**2, rel=0.015)


def test_a_smaller_image_is_made_of_area_means() -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    shown = at_power(Sample(Item("a", "a"), {Signal.IMAGE: image}, mpp=0.25), 10)[Signal.IMAGE]
    blocks = image.reshape(6, 4, 8, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shown, blocks, atol=0.51)


def test_a_power_that_is_stated_in_place_of_a_spacing_is_taken() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    shown = at_power(Sample(Item("a", "a"), {Signal.IMAGE: image}, power=40), 10)
    assert shown[Signal.IMAGE].shape == (10, 10, 3)


def test_at_its_own_power_an_image_is_left_as_it_is() -> None:
    np.testing.assert_array_equal(at_power(sample(0.25), 40)[Signal.IMAGE], sample(0.25)[Signal.IMAGE])


def test_the_finest_spacing_is_that_of_the_highest_power() -> None:
    assert finest([10, 40, 20]) == 0.25


@pytest.mark.parametrize(
    ("mpp", "said"),
    [
        (None, "a states neither µm/px nor power, so it cannot be shown at several powers: give"),
        (0.5, r"a has 0.5 µm/px, about 20x, so 40x of it would be made up: give lower powers"),
    ],
)
def test_what_cannot_be_shown_at_a_power_is_refused(mpp: float | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        at_power(sample(mpp), 40)


@pytest.mark.parametrize(
    ("spacings", "said"),
    [
        ({"a": 0.25, "b": None}, "b states neither"),
        ({"a": 0.25, "b": 0.25, "c": 0.5}, "c has 0.5 µm/px"),
    ],
)
def test_one_image_that_cannot_be_shown_is_found_among_others(spacings: dict, said: str) -> None:
    refuse_without_powers(Discs({"a": 0.25}), [10, 20, 40], None)
    with pytest.raises(UserError, match=said):
        refuse_without_powers(Discs(spacings), [10, 20, 40], None)


@pytest.mark.parametrize("source", [Discs({"a": 0.25}), Synthetic(size_px=64, tiles={"train": 1})])
def test_a_spacing_of_the_training_that_is_not_that_of_the_powers_is_refused(source) -> None:
    refuse_without_powers(source, [10, 20, 40], 0.25)
    with pytest.raises(UserError, match=r"mpp=0.5 does not go with the powers \[10, 20, 40\].*0.25 µm/px"):
        refuse_without_powers(source, [10, 20, 40], 0.5)


def test_scales_that_a_source_stores_are_taken_as_they_are() -> None:
    source = Synthetic(size_px=64, tiles={"train": 1})
    assert read_for_scales(source) is Signal.SCALES
    assert read_for_scales(Discs({"a": 0.25})) is Signal.IMAGE
    item = source.items("train")[0]
    stored = source.read(item, [Signal.SCALES])
    made_smaller = resized(source.read(item, [Signal.IMAGE])[Signal.IMAGE], (32, 32))
    shown = at_power(stored, 20)
    assert (shown.mpp, shown.power) == (0.5, 20)
    np.testing.assert_array_equal(shown[Signal.IMAGE], stored[Signal.SCALES][20.0])
    assert (shown[Signal.IMAGE] != made_smaller).mean() > 0.5  # it was rendered, not made smaller


def test_a_power_that_a_source_does_not_store_is_refused() -> None:
    source = Synthetic(size_px=64, tiles={"train": 2})
    with pytest.raises(UserError, match="train-0000 has no image at 5x, only at 10x, 20x, 40x: choose of"):
        refuse_without_powers(source, [5, 10, 20], None)
