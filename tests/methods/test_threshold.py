from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from skimage.color import combine_stains, hdx_from_rgb, rgb_from_hdx, separate_stains

from maskless.data.synthetic import render
from maskless.errors import UserError
from maskless.methods.threshold import DARKNESS, Threshold

CONF = Path(__file__).parents[2] / "conf"


def darkness(image: np.ndarray, of: str) -> np.ndarray:
    chain = yaml.safe_load((CONF / "postprocess" / "threshold.yaml").read_text())
    pixels = torch.from_numpy(image).movedim(-1, 0)[None] / 255
    return Threshold(of=of, chain=chain).maps(pixels)["darkness"][0].numpy()


@pytest.mark.parametrize("of", DARKNESS)
def test_dark_is_high_and_white_is_low(of: str) -> None:
    image = np.full((2, 2, 3), 255, np.uint8)
    image[0] = (90, 70, 140)  # haematoxylin
    found = darkness(image, of)
    assert found.dtype == np.float32
    assert (found[0] > found[1] + 0.2).all()
    assert found[1] == pytest.approx(0, abs=0.01)


def test_luminance_weighs_red_green_and_blue_and_the_published_code_blue_green_and_red() -> None:
    image = np.array([[[200, 100, 40]]], np.uint8)
    light = (0.299 * 200 + 0.587 * 100 + 0.114 * 40) / 255
    exchanged = (0.114 * 200 + 0.587 * 100 + 0.299 * 40) / 255
    assert darkness(image, "luminance").item() == pytest.approx(1 - light, abs=1e-6)
    assert darkness(image, "luminance_bgr").item() == pytest.approx(1 - exchanged, abs=1e-6)
    assert darkness(image, "red").item() == pytest.approx(1 - 200 / 255, abs=1e-6)


def test_the_image_of_haematoxylin_is_scikit_images() -> None:
    image = render(0, 1, size_px=64, stain="ki67").image
    stains = separate_stains(image, hdx_from_rgb)
    stains[..., 1:] = 0
    alone = combine_stains(stains, rgb_from_hdx)
    expected = 1 - alone @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(darkness(image, "haematoxylin_image"), expected, atol=1e-3)
    assert expected.std() > 0.02


def test_another_word_is_refused() -> None:
    with pytest.raises(UserError, match=r"no method\.of='blue'"):
        darkness(np.zeros((2, 2, 3), np.uint8), "blue")
