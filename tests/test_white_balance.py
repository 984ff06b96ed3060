import numpy as np
import pytest

from maskless.errors import UserError
from maskless.stain import optical_density
from maskless.white_balance import WhiteBalance


def on_glass(tint: tuple[int, int, int]) -> np.ndarray:
    """Two stained squares on glass of a tint."""
    image = np.full((60, 60, 3), tint, np.uint8)
    for corner, passes in ((5, (0.5, 0.4, 0.7)), (35, (0.4, 0.25, 0.15))):
        image[corner : corner + 15, corner : corner + 15] = np.rint(np.multiply(tint, passes))
    return image


def test_glass_becomes_white_and_stain_keeps_its_density() -> None:
    tinted, clear = on_glass((200, 214, 190)), on_glass((255, 255, 255))
    balanced = WhiteBalance()(tinted)
    assert (balanced[0, 0] == 255).all()
    np.testing.assert_allclose(optical_density(balanced), optical_density(clear), atol=0.01)


def test_white_glass_stays_as_it_is() -> None:
    clear = on_glass((255, 255, 255))
    np.testing.assert_array_equal(WhiteBalance()(clear), clear)


def test_a_dark_image_and_a_black_one_are_images_still() -> None:
    for level in (0, 1, 40):
        balanced = WhiteBalance()(np.full((8, 8, 3), level, np.uint8))
        assert balanced.dtype == np.uint8
        assert (balanced == (255 if level else 0)).all()


@pytest.mark.parametrize("percentile", [0, -1, 101])
def test_a_percentile_that_is_none_is_refused(percentile: float) -> None:
    with pytest.raises(UserError, match="percentile"):
        WhiteBalance(percentile)
