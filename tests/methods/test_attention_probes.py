"""Which way up attention is, and the pictures that a classifier is asked about."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor, nn

from maskless.data.stained import stained
from maskless.methods.attention_probes import haematoxylin_share, polarity, probes_of
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


def shown_to(images: np.ndarray) -> list[np.ndarray]:
    """What F is shown of images uint8 (B, H, W, 3): as they are, with nuclei covered, and mosaics."""
    shown: list[np.ndarray] = []

    def attended(pixels: Tensor) -> tuple[Tensor, Tensor]:
        shown.append(pixels.numpy().copy())
        return pixels.movedim(-1, 1) / 255, torch.ones(pixels.shape[:3])

    probes_of(torch.from_numpy(images), torch.zeros(len(images), dtype=torch.int64), attended, ByMean())
    return shown


def crowded(free: int, side: int = 104) -> np.ndarray:
    """Nuclei all over, but for so many cells of 8 px and the 4 px around them, every third of a row."""
    image = np.empty((side, side, 3), np.uint8)
    image[:] = NUCLEUS
    for k in range(free):
        row, column = 8 * (3 * (k // 4) + 1), 8 * (3 * (k % 4) + 1)
        image[row - 4 : row + 12, column - 4 : column + 12] = STROMA
    grain = np.random.default_rng(0).integers(-3, 4, image.shape)
    return np.clip(image.astype(int) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [80, 75])  # 75 is no multiple of a cell
def test_no_stained_pixel_is_left_and_the_size_is_kept(side: int) -> None:
    image = painted(side)
    of_images, covered, bare = shown_to(np.stack([image, image]))
    assert blue(image).sum() > 500
    np.testing.assert_array_equal(of_images[0], image)
    for changed in (covered[0], bare[0]):
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert not blue(changed).any()


def test_nuclei_are_covered_by_tissue_with_its_grain() -> None:
    """A flat patch would be the silhouette of a nucleus, whose size tells the power."""
    image = painted()
    covered = shown_to(np.stack([image, image]))[1][0]
    nuclei = stained(image)[1]
    kept = (covered == image).all(axis=-1)
    assert 0.8 < kept.mean() < 0.95
    assert kept[nuclei].mean() < 0.01
    rest = image[~ndimage.binary_dilation(nuclei, iterations=2)].astype(float)
    of_nuclei = covered[nuclei].astype(float)
    np.testing.assert_allclose(of_nuclei.std(0), rest.std(0), rtol=0.15)
    np.testing.assert_allclose(of_nuclei.mean(0), rest.mean(0), atol=0.5)


def cells(image: np.ndarray) -> list[bytes]:
    starts = range(0, len(image), 8)
    return [image[r : r + 8, c : c + 8].tobytes() for r in starts for c in starts]


@pytest.mark.parametrize("image", [painted(), crowded(16)], ids=["sparse", "crowded"])
def test_a_mosaic_has_as_many_cells_however_many_nuclei_there_are(image: np.ndarray) -> None:
    bare = shown_to(np.stack([image, image]))[2][0]
    assert not blue(bare).any()
    assert set(cells(bare)) <= set(cells(image))
    assert len(set(cells(bare))) == 16


def test_an_image_with_too_little_between_its_nuclei_is_left_out() -> None:
    crowds, plain = crowded(15), np.full((104, 104, 3), STROMA, np.uint8)
    images = np.stack([crowds, plain, plain, plain])
    covered, bare = shown_to(images)[1:]
    np.testing.assert_array_equal(covered, images)
    np.testing.assert_array_equal(bare, images)
    found = answers(lambda shown: torch.ones_like(shown[:, 0]), images, [0, 2, 2, 0])
    assert found["accuracy_attended"] == 1 / 2
    assert found["accuracy_blanked"] == found["accuracy_no_nuclei"] == pytest.approx(2 / 3)
    crowds_alone = answers(lambda shown: torch.ones_like(shown[:, 0]), np.stack([crowds] * 3), [2] * 3)
    assert crowds_alone["accuracy_attended"] == 1
    assert math.isnan(crowds_alone["accuracy_blanked"])
    assert math.isnan(crowds_alone["accuracy_no_nuclei"])


@pytest.mark.parametrize("side", [5, 40])
@pytest.mark.parametrize("grey", [0, 255])
def test_an_image_of_one_colour_stays_as_it_is(side: int, grey: int) -> None:
    images = np.full((2, side, side, 3), grey, np.uint8)
    for shown in shown_to(images):
        np.testing.assert_array_equal(shown, images)


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


class Lagging(nn.Module):
    """Tells a bright image from a dark one by a batch norm whose averages are far from any image's."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(50)

    def forward(self, images: Tensor) -> Tensor:
        mean = self.norm(images).mean((1, 2, 3))
        return torch.stack([-mean, mean], dim=1)


def test_the_classifier_is_asked_by_the_statistics_of_the_batch() -> None:
    def attended(pixels: Tensor) -> tuple[Tensor, Tensor]:
        return pixels.movedim(-1, 1) / 255, torch.ones(pixels.shape[:3])

    images = np.stack([np.full((16, 16, 3), grey, np.uint8) for grey in (40, 200, 60, 220)])
    power, classifier = torch.tensor([0, 1, 0, 1]), Lagging().eval()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    assert not classifier(torch.from_numpy(images).movedim(-1, 1) / 255).argmax(1).any()
    found = probes_of(torch.from_numpy(images), power, attended, classifier)
    assert found["accuracy_attended"] == 1
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())


def test_images_of_one_colour_do_not_break_the_probes() -> None:
    images = np.stack([np.full((40, 40, 3), grey, np.uint8) for grey in (0, 128, 255)])
    found = answers(lambda shown: shown[:, 0], images, [0, 1, 2])
    assert set(found) == {
        "accuracy_attended", "accuracy_hidden", "accuracy_blanked", "accuracy_no_nuclei", "polarity",
    }  # fmt: skip
    assert math.isnan(found["polarity"])
    assert all(0 <= value <= 1 for name, value in found.items() if name != "polarity")


def test_one_image_alone_has_no_accuracy() -> None:
    found = answers(lambda shown: shown[:, 0], painted()[None], [2])
    assert [name for name, value in found.items() if not math.isnan(value)] == ["polarity"]
