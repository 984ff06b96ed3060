import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_outline_path import area_px

from maskless.report.drawings import tissue as module
from maskless.report.drawings.tissue import middle, tissue


def random_image(height_px: int, width_px: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), np.uint8)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 60))
def test_the_middle_is_in_the_middle(height, width, size_px):
    for part, length in zip(middle((height, width), size_px), (height, width), strict=True):
        assert part.stop - part.start == min(length, size_px)
        assert 0 <= (length - part.stop) - part.start <= 1


def test_a_small_image_is_kept_pixel_by_pixel():
    image = random_image(7, 5)
    truth = np.zeros((7, 5), np.int32)
    truth[1:3, 2:4], truth[5, 0] = 4, 9
    kept = tissue("a", image, truth)
    assert (kept.media, kept.cut, kept.nuclei) == ("image/png", "", 2)
    assert (kept.width_px, kept.height_px, kept.shown) == (5, 7, (0, 0, 5, 7))
    assert np.array_equal(np.array(Image.open(io.BytesIO(kept.pixels))), image)
    assert area_px(kept.truth) == 5


def test_of_a_large_image_the_middle_is_shown_and_all_of_it_kept(monkeypatch):
    monkeypatch.setattr(module, "FIELD_PX", 20)
    smooth = np.repeat(np.arange(60, dtype=np.uint8)[:, None] * 4, 90, 1)
    image = np.stack([smooth, 255 - smooth, smooth], axis=2)
    kept = tissue("a", image, np.eye(60, 90, dtype=np.int32))
    assert (kept.width_px, kept.height_px, kept.shown) == (90, 60, (35, 20, 20, 20))
    assert kept.cut == "the middle 20x20 of 60x90 px (all of it when enlarged)"
    assert kept.media == "image/jpeg"
    decoded = np.array(Image.open(io.BytesIO(kept.pixels)))
    assert decoded.shape == image.shape
    assert np.abs(decoded.astype(int) - image).mean() < 2  # neither mirrored, nor red and blue exchanged
    assert area_px(kept.truth) == 60


def test_of_an_enormous_image_only_the_middle_is_kept(monkeypatch):
    monkeypatch.setattr(module, "FIELD_PX", 10)
    monkeypatch.setattr(module, "KEPT_PX", 20)
    truth = np.zeros((60, 30), np.int32)
    truth[0, 0], truth[30, 15] = 1, 2
    kept = tissue("a", random_image(60, 30), truth)
    assert (kept.width_px, kept.height_px, kept.shown) == (20, 20, (5, 5, 10, 10))
    assert kept.cut == "the middle 10x10 of 60x30 px (its middle 20x20 when enlarged)"
    assert kept.nuclei == 2
    assert area_px(kept.truth) == 1
