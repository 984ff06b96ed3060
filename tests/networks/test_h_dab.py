"""Stains apart and together again: the numbers of the published code, and of scikit-image."""

import numpy as np
import pytest
import torch
from skimage.color import combine_stains, hdx_from_rgb, rgb_from_hdx, separate_stains

from maskless.networks.h_dab import amounts, colour_augmented, haematoxylin_only, recombined


def pixel(*colour: float) -> torch.Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1)


def test_known_pixel() -> None:
    colour = pixel(0.6, 0.4, 0.3)
    factors = torch.tensor([[0.5, 1.5, 1.0]])
    assert amounts(colour).flatten().tolist() == pytest.approx([0.009838, 0.107613, 0.004540], abs=1e-6)
    assert haematoxylin_only(colour).flatten().tolist() == pytest.approx(
        [0.915444, 0.908750, 0.961874], abs=1e-6
    )
    assert colour_augmented(colour, factors).flatten().tolist() == pytest.approx(
        [0.513824, 0.274676, 0.171807], abs=1e-6
    )


def test_a_colour_of_negative_stains_changes_with_factors_of_one() -> None:
    again = colour_augmented(pixel(0.5, 0.45, 0.7), torch.ones(1, 3)).flatten()
    assert again.tolist() == pytest.approx([0.494206, 0.455892, 0.696140], abs=1e-6)


def test_as_scikit_image_but_for_negative_amounts() -> None:
    image = np.random.default_rng(0).random((9, 7, 3))
    planes = torch.from_numpy(image).movedim(-1, 0)[None]
    expected = np.maximum(separate_stains(image, hdx_from_rgb), 0)
    found = amounts(planes)[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    again = recombined(torch.from_numpy(expected).movedim(-1, 0)[None])[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(again, combine_stains(expected, rgb_from_hdx), atol=1e-6)


def test_each_image_has_its_own_factors() -> None:
    images = pixel(0.6, 0.4, 0.3).expand(2, 3, 4, 4)
    both = colour_augmented(images, torch.tensor([[0.5, 1.5, 1.0], [2.0, -0.3, 1.0]]))
    assert torch.equal(both[0], colour_augmented(images[:1], torch.tensor([[0.5, 1.5, 1.0]]))[0])
    assert not torch.allclose(both[0], both[1])
    assert 0 <= both.min() <= both.max() <= 1


def test_black_and_white_are_finite() -> None:
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert colour_augmented(ends, torch.tensor([[3.0, -2.0, 1.0]])).isfinite().all()
