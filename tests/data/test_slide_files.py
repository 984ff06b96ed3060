"""What the tests' own slides claim holds for the reader that everyone uses."""

from pathlib import Path

import numpy as np
import pytest
from openslide import OpenSlide, OpenSlideError
from slide_files import damage_tile, disc_image, level, tissue_image, write_aperio, write_ome, write_tiled
from tifffile import TiffFile


def pixels(slide: OpenSlide, number: int) -> np.ndarray:
    return np.asarray(slide.read_region((0, 0), number, slide.level_dimensions[number]))[..., :3]


def test_a_disc_has_its_size_and_place() -> None:
    image = disc_image(200, 300, 0.5, [(40, 60), (1, 149)], 20)
    inside = image[..., 0] < 157
    assert inside[:, :250].sum() * 0.25 == pytest.approx(np.pi * 100, rel=0.01)
    rows, cols = np.nonzero(inside[:, :250])
    assert (rows.mean() + 0.5, cols.mean() + 0.5) == pytest.approx((80, 120), abs=0.01)
    assert inside[:, 250:].any()  # cut by the border


@pytest.mark.parametrize("mpp", [0.25, None])
def test_aperio(tmp_path: Path, mpp: float | None) -> None:
    image, _ = tissue_image(600, 900, glass_px=100)
    slide = OpenSlide(write_aperio(tmp_path / "a.svs", image, mpp, 40 if mpp else None))
    assert slide.properties["openslide.vendor"] == "aperio"
    assert slide.properties.get("openslide.mpp-x") == (str(mpp) if mpp else None)
    assert slide.properties.get("openslide.objective-power") == ("40" if mpp else None)
    assert slide.level_dimensions == ((900, 600), (225, 150))
    for number, downsample in enumerate((1, 4)):
        difference = np.abs(pixels(slide, number).astype(int) - level(image, downsample))
        assert difference.mean() < 3


def test_tiled(tmp_path: Path) -> None:
    image = disc_image(300, 500, 0.5, [(60, 60)], 10)
    slide = OpenSlide(write_tiled(tmp_path / "a.tif", image, 0.5, downsamples=(1, 2)))
    assert slide.properties["openslide.vendor"] == "generic-tiff"
    assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
    assert slide.level_dimensions == ((500, 300), (250, 150))
    assert np.abs(pixels(slide, 0).astype(int) - image).mean() < 1
    unsaid = OpenSlide(write_tiled(tmp_path / "b.tif", image))
    assert "openslide.mpp-x" not in unsaid.properties


def test_a_level_of_one_tile(tmp_path: Path) -> None:
    slide = OpenSlide(
        write_aperio(tmp_path / "a.svs", disc_image(512, 512, 0.25, [(9, 9)], 5), downsamples=(1, 2))
    )
    assert slide.level_dimensions == ((512, 512), (256, 256))
    assert int(pixels(slide, 1)[18, 18, 0]) == pytest.approx(92, abs=3)


def test_ome(tmp_path: Path) -> None:
    image = disc_image(300, 500, 0.5, [(60, 60)], 10)
    with TiffFile(write_ome(tmp_path / "a.ome.tif", image, 0.5)) as file:
        assert 'PhysicalSizeX="0.5"' in (file.ome_metadata or "")
        first, second = file.series[0].levels
        assert np.array_equal(first.asarray(), image)
        assert second.shape == (75, 125, 3)


def test_a_damaged_tile(tmp_path: Path) -> None:
    path = write_aperio(tmp_path / "a.svs", disc_image(512, 512, 0.25, [], 1))
    damage_tile(path, 3)
    slide = OpenSlide(path)
    slide.read_region((0, 0), 0, (256, 256))
    with pytest.raises(OpenSlideError):
        slide.read_region((256, 256), 0, (256, 256))
