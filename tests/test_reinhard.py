"""Colours brought to a target's mean and spread, in Lab."""

import cv2
import numpy as np
import pytest

from maskless.errors import UserError
from maskless.reinhard import Reinhard, lab_statistics

MEAN, STD = (70.0, 15.0, -12.0), (8.0, 4.0, 3.0)


def tissue(seed: int = 0, side: int = 96) -> np.ndarray:
    """Soft purple clouds of which the brightest tenth of all values is 255."""
    noise = np.random.default_rng(seed).normal(size=(side, side, 1)).astype(np.float32)
    clouds = cv2.GaussianBlur(noise, (0, 0), 3)[..., None] * 100
    image = np.array([190, 130, 190]) + clouds * np.array([1, 1, 0.5])
    image[:, : side // 2] = np.maximum(image[:, : side // 2], [256, 215, 235])
    return np.clip(image, 0, 255).astype(np.uint8)


def lab(image: np.ndarray) -> np.ndarray:
    """L 0 to 100, a and b, (N, 3), of an image as it is."""
    eight = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(float)
    return (eight - [0, 128, 128]) / [2.55, 1, 1]


def test_statistics_of_known_colours() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    image[:5] = 255
    black_and_white = lab_statistics(image)
    assert black_and_white.mean == pytest.approx((50, 0, 0), abs=0.01)
    assert black_and_white.std == pytest.approx((50, 0, 0), abs=0.01)
    image[:] = (255, 0, 0)
    assert lab_statistics(image).mean == pytest.approx((53.24, 80.09, 67.20), abs=0.6)
    assert lab_statistics(image).std == pytest.approx((0, 0, 0), abs=1e-9)


def test_statistics_of_many_pixels_are_exact() -> None:
    image = np.tile(tissue(), (12, 12, 1))
    for many, few in zip(lab_statistics(image), lab_statistics(tissue()), strict=True):
        assert many == pytest.approx(few, abs=1e-4)


def test_the_statistics_of_the_target_are_reached() -> None:
    moved = lab(Reinhard(MEAN, STD)(tissue()))
    # Up to one unit less in the mean, for values are cut off to 8 bits.
    assert (np.abs(moved.mean(axis=0) - MEAN) < [0.4, 1, 1]).all()
    assert moved.std(axis=0) == pytest.approx(STD, abs=0.35)


def test_an_image_with_the_statistics_of_the_target_stays_nearly_as_it_is() -> None:
    image = tissue()
    assert np.percentile(image, 90) == 255
    apart = np.abs(Reinhard(*lab_statistics(image))(image).astype(int) - image)
    assert np.median(apart) <= 1
    assert np.percentile(apart, 99) <= 4


def test_images_of_a_darker_lamp_become_alike() -> None:
    image = tissue()
    darker = np.rint(0.7 * image).astype(np.uint8)
    reinhard = Reinhard(MEAN, STD)
    assert np.abs(reinhard(darker).astype(int) - reinhard(image)).mean() < 2
    assert lab_statistics(darker).mean == pytest.approx(lab_statistics(image).mean, abs=0.5)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (203, 61, 90)])
def test_an_image_of_one_colour_becomes_the_mean_of_the_target(colour: tuple[int, int, int]) -> None:
    moved = Reinhard(MEAN, STD)(np.full((10, 10, 3), colour, np.uint8))
    assert lab(moved)[0] == pytest.approx(MEAN, abs=1.5)
    assert (moved == moved[0, 0]).all()


def test_the_image_that_is_given_is_left_as_it_is() -> None:
    image = tissue()
    before = image.copy()
    Reinhard(MEAN, STD)(image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("mean", "std"),
    [((70.0, 1.0), STD), (MEAN, (8.0, 4.0)), (MEAN, (8.0, 0.0, 3.0)), (MEAN, (8.0, 4.0, -3.0))],
)
def test_numbers_that_are_no_statistics_are_refused(mean: tuple, std: tuple) -> None:
    with pytest.raises(UserError, match="must be three numbers each, of L, a and b, and std above 0"):
        Reinhard(mean, std)
