"""Which way up attention is, and the pictures that a classifier is asked about."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from maskless.methods.attention_probes import (
    _CELL_PX,
    _blanked,
    _mosaic,
    _stained,
    haematoxylin_share,
    polarity,
    probes_of,
)
from maskless.stain import stains

NUCLEUS, STROMA = (90, 60, 150), (235, 190, 215)


def painted(side: int = 80, corners: tuple[tuple[int, int], ...] = ((6, 6), (40, 50))) -> np.ndarray:
    """Pale tissue with blue squares of 16 px; a grain that no two pixels share."""
    image = np.empty((side, side, 3), np.uint8)
    image[:] = STROMA
    for row, column in corners:
        image[row : row + 16, column : column + 16] = NUCLEUS
    grain = np.random.default_rng(0).integers(-3, 4, image.shape)
    return np.clip(image.astype(int) + grain, 0, 255).astype(np.uint8)


def blue(image: np.ndarray) -> np.ndarray:
    """Where a pixel is nearer to the colour of a nucleus than to that of stroma."""
    apart = [np.abs(image.astype(int) - colour).sum(-1) for colour in (NUCLEUS, STROMA)]
    return apart[0] < apart[1]


@pytest.mark.parametrize(
    ("corners", "share"),
    [
        (((6, 6), (40, 50)), 2 * 256 / 6400),
        (((6, 6), (6, 40), (30, 6), (30, 40), (56, 6), (56, 40)), 6 * 256 / 6400),
    ],
)
def test_the_share_that_is_stained(corners: tuple, share: float) -> None:
    pixels = torch.from_numpy(painted(corners=corners)).movedim(-1, 0)[None] / 255
    assert haematoxylin_share(pixels).item() == pytest.approx(share, rel=0.1)


def test_the_share_of_each_image_is_within_bounds() -> None:
    few = np.full((64, 64, 3), STROMA, np.uint8)
    few[30:34, 30:34] = NUCLEUS
    many = np.full((64, 64, 3), NUCLEUS, np.uint8)
    many[:16, :16] = STROMA
    plain = np.full((64, 64, 3), STROMA, np.uint8)
    pixels = torch.from_numpy(np.stack([few, many, plain])).movedim(-1, 1) / 255
    assert haematoxylin_share(pixels).tolist() == pytest.approx([0.03, 0.5, 0.03])


def test_polarity_of_haematoxylin_itself_and_of_its_inverse() -> None:
    amounts = stains(painted())[..., 0][None]
    assert polarity(amounts, amounts) == pytest.approx(1)
    assert polarity(np.exp(5 * amounts), amounts) == pytest.approx(1)  # ranks alone count
    assert polarity(1 - amounts, amounts) == pytest.approx(-1)


def test_polarity_is_the_mean_of_spearmans_correlation() -> None:
    draw = np.random.default_rng(1)
    maps, amounts = draw.random((2, 2, 30, 36)).round(1)  # many ties
    expected = [
        stats.spearmanr(a[::3, ::3].ravel(), b[::3, ::3].ravel()).statistic
        for a, b in zip(maps, amounts, strict=True)
    ]
    assert polarity(maps, amounts) == pytest.approx(np.mean(expected))


def test_constant_maps_are_left_out_of_the_polarity() -> None:
    amounts = np.random.default_rng(0).random((2, 12, 12))
    assert polarity(np.stack([amounts[0], np.ones((12, 12))]), amounts) == pytest.approx(1)
    assert math.isnan(polarity(np.ones((2, 12, 12)), amounts))


@pytest.mark.parametrize("change", [_blanked, _mosaic])
@pytest.mark.parametrize("side", [80, 75])  # 75 is no multiple of a cell
def test_no_stained_pixel_is_left_and_the_size_is_kept(change, side: int) -> None:
    image = painted(side)
    changed = change(image, _stained(image)[1])
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert blue(image).sum() > 500
    assert not blue(changed).any()


def test_blanked_pictures_keep_what_is_between_nuclei() -> None:
    image = painted()
    changed = _blanked(image, _stained(image)[1])
    kept = (changed == image).all(axis=-1)
    assert 0.8 < kept.mean() < 0.95
    colours = np.unique(changed[~kept], axis=0)
    assert len(colours) == 1  # one colour, that of what is between
    assert np.abs(colours[0].astype(int) - STROMA).max() <= 2


def test_a_mosaic_is_made_of_the_cells_of_the_image() -> None:
    image = painted()
    cells = {
        image[r : r + _CELL_PX, c : c + _CELL_PX].tobytes()
        for r in range(0, 80, _CELL_PX)
        for c in range(0, 80, _CELL_PX)
    }
    changed = _mosaic(image, _stained(image)[1])
    placed = [
        changed[r : r + _CELL_PX, c : c + _CELL_PX].tobytes()
        for r in range(0, 80, _CELL_PX)
        for c in range(0, 80, _CELL_PX)
    ]
    assert set(placed) <= cells
    assert len(set(placed)) == 25 // 4


@pytest.mark.parametrize("side", [5, 40])
@pytest.mark.parametrize("grey", [0, 255])
def test_an_image_of_one_colour_stays_as_it_is(side: int, grey: int) -> None:
    image = np.full((side, side, 3), grey, np.uint8)
    for change in (_blanked, _mosaic):
        np.testing.assert_array_equal(change(image, _stained(image)[1]), image)


class ByMean(nn.Module):
    """Takes an image for power 0, 1 or 2 by its mean: below 0.1, below 0.5, or above."""

    def forward(self, images: Tensor) -> Tensor:
        mean = images.mean((1, 2, 3))
        return nn.functional.one_hot((mean > 0.1).long() + (mean > 0.5).long(), 3).float()


def answers(attention_of, images: np.ndarray, power: list[int]) -> dict[str, float]:
    def attended(pixels: Tensor) -> tuple[Tensor, Tensor]:
        shown = pixels.movedim(-1, 1).float() / 255
        return shown, attention_of(shown)

    return probes_of(torch.from_numpy(images), torch.tensor(power), attended, ByMean())


def test_the_classifier_is_asked_about_what_is_lit_and_what_is_hidden() -> None:
    images = np.stack([painted()] * 3)
    # Attention on all of it, as the classifier wants for power 2; what is hidden is black, power 0.
    all_lit = answers(lambda shown: torch.ones_like(shown[:, 0]), images, [2, 2, 0])
    assert all_lit["accuracy_attended"] == pytest.approx(2 / 3)
    assert all_lit["accuracy_hidden"] == pytest.approx(1 / 3)
    assert math.isnan(all_lit["polarity"])


def test_a_classifier_that_needs_the_nuclei_fails_without_them() -> None:
    many = painted(corners=tuple((r, c) for r in (2, 22, 42, 62) for c in (2, 22, 42)))
    images = np.stack([many] * 4)
    found = answers(lambda shown: (shown[:, 0] < 0.6).float(), images, [1] * 4)
    assert found["accuracy_attended"] == 1
    assert found["accuracy_blanked"] == found["accuracy_no_nuclei"] == 0
    assert found["polarity"] > 0.4
    # Attention to the background tells another power where nuclei are painted over: it has become more.
    of_background = answers(lambda shown: (shown[:, 0] >= 0.6).float(), images, [1] * 4)
    assert of_background["accuracy_attended"] == 1
    assert of_background["accuracy_blanked"] == 0
    assert of_background["polarity"] < -0.4


def test_images_of_one_colour_do_not_break_the_probes() -> None:
    images = np.stack([np.full((40, 40, 3), grey, np.uint8) for grey in (0, 128, 255)])
    found = answers(lambda shown: shown[:, 0], images, [0, 1, 2])
    assert set(found) == {
        "accuracy_attended", "accuracy_hidden", "accuracy_blanked", "accuracy_no_nuclei", "polarity",
    }  # fmt: skip
    assert math.isnan(found["polarity"])
    assert all(0 <= value <= 1 for name, value in found.items() if name != "polarity")
