import numpy as np
import pytest
from scipy import ndimage

from maskless.data.stained import stained
from maskless.stain import recombine, stains


def tissue(haematoxylin: np.ndarray, eosin: float | np.ndarray = 0.2) -> np.ndarray:
    """The image, uint8 (H, W, 3), of an amount of haematoxylin (H, W) and one of eosin."""
    eosin = np.broadcast_to(eosin, haematoxylin.shape)
    return recombine(np.stack([haematoxylin, eosin, np.zeros_like(haematoxylin)], axis=-1))


def square(inside: float = 0.8, outside: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """An amount, float (40, 50), and where it is the greater one."""
    dark = np.zeros((40, 50), bool)
    dark[10:20, 15:30] = True
    return np.where(dark, inside, outside), dark


def test_two_amounts_are_parted_exactly_without_blur() -> None:
    amount, dark = square()
    found, mask = stained(tissue(amount), sigma_px=0)
    assert (found.dtype, mask.dtype) == (np.float32, np.bool_)
    np.testing.assert_allclose(found, amount, atol=0.02)
    np.testing.assert_array_equal(mask, dark)


def test_eosin_is_no_haematoxylin() -> None:
    amount, dark = square()
    eosin = np.where(np.arange(50) < 25, 0.1, 0.9) * np.ones((40, 1))
    np.testing.assert_array_equal(stained(tissue(amount, eosin), sigma_px=0)[1], dark)


def test_the_threshold_of_each_image_is_its_own() -> None:
    for inside, outside in ((0.3, 0.05), (1.2, 0.6)):
        amount, dark = square(inside, outside)
        np.testing.assert_array_equal(stained(tissue(amount), sigma_px=0)[1], dark)


def test_what_is_blurred_is_the_amount() -> None:
    noisy = np.clip(square()[0] + np.random.default_rng(0).normal(0, 0.3, (40, 50)), 0, 2)
    image = tissue(noisy)
    found, mask = stained(image, sigma_px=1.5)
    np.testing.assert_allclose(found, ndimage.gaussian_filter(stains(image)[..., 0], 1.5), rtol=1e-6)
    pieces = ndimage.label(mask)[1]
    assert pieces < ndimage.label(stained(image, sigma_px=0)[1])[1] / 5


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_of_one_colour_nothing_is_stained(grey: int) -> None:
    amount, mask = stained(np.full((9, 11, 3), grey, np.uint8))
    assert amount.shape == mask.shape == (9, 11)
    assert not mask.any()
