import numpy as np
import pytest
import slow_pseudo_labels as slow

from maskless.data.colour_scale import colour_scale


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "points", "patch_px"),
    [
        ((20, 25), [[10, 12]], 6),
        ((20, 25), [[10, 12], [11, 14]], 7),  # boxes that overlap
        ((38, 17), [[0, 0], [37, 16]], 8),  # strips, and boxes cut by the border
        ((12, 14), [[5, 5]], 60),  # one box over all
        ((3, 30), [[1, 4]], 4),  # fewer rows than the neighbourhood
        ((25, 2), [[20, 1]], 5),
        ((1, 2), [[0, 1]], 1),
    ],
)
def test_it_is_the_deviation_over_all_pairs(size: tuple[int, int], points: list, patch_px: int) -> None:
    image = noise(*size)
    image[: size[0] // 2] //= 8
    found = colour_scale(image, np.array(points), patch_px=patch_px)
    assert found == slow.colour_scale(image, np.array(points), patch_px)
    assert found == round(found, 4)


def test_of_an_even_box_the_longer_half_lies_above_and_left() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 30:] = noise(60, 30)
    # Only pairs with an end in columns 24 to 25, or 26 to 27, are counted: 4 columns on begins the noise.
    assert colour_scale(image, np.array([[30, 25]]), patch_px=2) == 0
    assert colour_scale(image, np.array([[30, 27]]), patch_px=2) > 0


def test_without_pairs_or_contrast_it_is_nothing() -> None:
    one = np.array([[0, 0]])
    assert colour_scale(noise(1, 1), one, patch_px=9) == 0
    assert colour_scale(noise(9, 9), one[:0], patch_px=9) == 0
    assert colour_scale(np.full((30, 30, 3), 77, np.uint8), one, patch_px=9) == 0


def test_half_the_contrast_has_half_the_scale() -> None:
    image = noise(40, 40) // 2 * 2
    points = np.array([[10, 10], [30, 20]])
    whole, half = (colour_scale(it, points, patch_px=20) for it in (image, image // 2))
    assert whole == pytest.approx(2 * half, abs=2e-4)
    assert whole > 0.1
