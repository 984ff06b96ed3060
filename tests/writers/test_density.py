"""Nuclei per mm² over the thumbnail of a slide."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskless.errors import UserError
from maskless.writers.density import Density, write_density

GREY = 200


def test_counts_per_area_of_each_square() -> None:
    """A slide of 250 x 400 µm: three by four squares, of which the last row is half as high."""
    density = Density(500, 800, mpp=0.5)
    density.add([0, 199.9, 200, 499], [0, 0, 799.9, 200])
    density.add(np.array([450.0]), np.array([250.0]))
    expected = np.zeros((3, 4))
    expected[0, 0], expected[1, 3], expected[2, 1] = 200, 100, 400
    assert np.allclose(density.per_mm2, expected)


def test_the_same_tissue_is_as_dense_in_every_square() -> None:
    """In the narrow ones at the ends too, and however many nuclei are added at a time."""
    rng = np.random.default_rng(0)
    row, col = rng.uniform(0, 3001, 200_000), rng.uniform(0, 1999, 200_000)
    density = Density(3001, 1999, 0.37)
    for part in range(0, 200_000, 70_000):
        density.add(row[part : part + 70_000], col[part : part + 70_000])
    assert density.counts.sum() == 200_000
    true = 200_000 / (3001 * 1999 * 0.37**2 / 1e6)
    assert np.abs(density.per_mm2 / true - 1).max() < 0.3


def test_squares_with_nuclei_are_coloured(tmp_path: Path) -> None:
    """Nuclei in the top left quarter colour that quarter of the slide, and nothing else of it."""
    density = Density(2000, 4000, mpp=0.5)
    density.add(*np.random.default_rng(0).uniform(0, [[1000], [2000]], (2, 3000)))
    write_density(tmp_path / "a.png", density, np.full((100, 200, 3), GREY, np.uint8))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    coloured = np.ptp(picture, axis=2) > 20
    thumbnail = (picture == GREY).all(axis=2)
    rows, cols = (np.flatnonzero(thumbnail.sum(axis=axis) > 50) for axis in (1, 0))  # not those of a letter
    top, bottom, left, right = rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
    middle = (top + bottom) // 2, (left + right) // 2
    assert coloured[top : middle[0] - 2, left : middle[1] - 2].mean() > 0.98
    assert not coloured[middle[0] + 2 : bottom, left:right].any()
    assert not coloured[top:bottom, middle[1] + 2 : right].any()
    assert coloured[:, right:].any()  # the bar


@pytest.mark.parametrize("size_px", [(2967, 2220), (2000, 12000), (30000, 9000), (1600, 2000)])
def test_no_number_is_cut_at_the_edge(tmp_path: Path, size_px: tuple[int, int]) -> None:
    density = Density(*size_px, mpp=0.5)
    density.add(*np.random.default_rng(0).uniform(0, np.array(size_px)[:, None], (2, 3000)))
    write_density(tmp_path / "a.png", density, np.full((100, 100, 3), GREY, np.uint8))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    for edge in (picture[:4], picture[-4:], picture[:, :4], picture[:, -4:]):
        assert (edge == 255).all()


def test_a_slide_without_nuclei(tmp_path: Path) -> None:
    write_density(tmp_path / "a.png", Density(10, 10, 0.5), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(UserError, match="does not exist"):
        write_density(tmp_path / "no" / "a.png", Density(10, 10, 0.5), np.zeros((5, 5, 3), np.uint8))
