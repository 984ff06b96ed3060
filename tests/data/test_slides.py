"""Any rectangle of a slide at any spacing: where it is, how large, and what is said when that cannot be."""

import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openslide import OpenSlide
from PIL import Image
from slide_files import (
    claim_compression,
    damage_tile,
    disc_image,
    level,
    write_aperio,
    write_ome,
    write_tiled,
)

from maskless.data.slides import Slide, is_slide
from maskless.errors import UserError

REAL = Path(os.environ.get("MASKLESS_DATA", "/nowhere")) / "wsi"
CMU, TCGA = REAL / "CMU-1-Small-Region.svs", REAL / "TCGA-CR-7395-01A-01-TS1.svs"
needs_real = pytest.mark.skipif(not CMU.is_file(), reason="MASKLESS_DATA holds no wsi/")

MPP, DIAMETER_UM = 0.25, 24.0
CENTRES_UM = ((40.0, 40.0), (200.0, 260.0))  # row, column; far apart, so that their distance measures a px
WRITERS = (write_aperio, write_tiled, write_ome)
SAME_FILE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)


@pytest.fixture(scope="module")
def discs() -> np.ndarray:
    return disc_image(1000, 1301, MPP, CENTRES_UM, DIAMETER_UM)


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory) -> Path:
    coarse = np.random.default_rng(0).integers(60, 256, (70, 90, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (900, 700), interpolation=cv2.INTER_CUBIC)
    return write_ome(tmp_path_factory.mktemp("slide") / "a.ome.tif", image, MPP, downsamples=(1, 4))


def whole(slide: Slide, mpp: float) -> np.ndarray:
    step = mpp / slide.mpp
    return slide.read(0, 0, round(slide.width_px / step), round(slide.height_px / step), mpp)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("downsamples", [(1,), (1, 4), (1, 2.003)])
@pytest.mark.parametrize("power", [40, 20, 13, 10, 5])
def test_a_disc_has_the_same_size_and_place_in_um_at_every_power(
    tmp_path: Path, discs: np.ndarray, write, downsamples, power: float
) -> None:
    with Slide.open(write(tmp_path / "a.tif", discs, MPP, downsamples=downsamples)) as slide:
        mpp = slide.stored_mpp(10 / power)
        assert mpp == pytest.approx(10 / power, rel=0.01)
        shown = whole(slide, mpp)
    share = (222 - shown[..., 0].astype(float)) / (222 - 92)  # of each pixel that is disc
    half = shown.shape[1] // 2
    centres = []
    for left, part in ((0, share[:, :half]), (half, share[:, half:])):
        area_um2 = np.clip(part, 0, 1).sum() * mpp**2
        assert area_um2 == pytest.approx(np.pi * (DIAMETER_UM / 2) ** 2, rel=0.02)
        inside = np.where(part > 0.2, part, 0)
        rows, cols = (np.arange(n) + 0.5 for n in inside.shape)
        centres.append(np.array([inside.sum(1) @ rows, inside.sum(0) @ (cols + left)]) / inside.sum() * mpp)
    np.testing.assert_allclose(centres, CENTRES_UM, atol=max(0.5, mpp))
    between, true = (np.linalg.norm(np.subtract(*pair)) for pair in (centres, CENTRES_UM))
    assert between == pytest.approx(true, rel=0.005)


def test_a_level_that_is_not_stored_is_area_means_of_the_next_finer_one(pyramid: Path) -> None:
    with Slide.open(pyramid) as slide:
        np.testing.assert_allclose(whole(slide, 2 * MPP), level(slide.read(0, 0, 900, 700), 2), atol=1)
        np.testing.assert_array_equal(whole(slide, 4 * MPP), level(slide.read(0, 0, 900, 700), 4))
        assert [slide.level_at(times * MPP) for times in (1, 2, 3.97, 4, 8)] == [0, 0, 1, 1, 1]


@cache
def _around(pyramid: Path, times: int) -> np.ndarray:
    """The slide and 160 px around it, read at once."""
    with Slide.open(pyramid) as slide:
        return slide.read(-160, -160, 1220 // times, 1020 // times, times * MPP)


@SAME_FILE
@given(
    x=st.integers(-150, 950), y=st.integers(-150, 750), width=st.integers(1, 90), height=st.integers(1, 90),
    times=st.sampled_from([1, 2, 4, 8]),
)  # fmt: skip
def test_a_pixel_depends_on_its_place_alone(pyramid: Path, x, y, width, height, times) -> None:
    x, y = x // times * times, y // times * times
    with Slide.open(pyramid) as slide:
        part = slide.read(x, y, width, height, times * MPP)
    around, margin = _around(pyramid, times), 160
    left, top = (x + margin) // times, (y + margin) // times
    wanted = around[top : top + height, left : left + width]
    np.testing.assert_array_equal(part[: wanted.shape[0], : wanted.shape[1]], wanted)


def test_a_rectangle_that_is_read_in_parts_has_no_seams(monkeypatch, pyramid: Path) -> None:
    for mpp in (MPP, 1.7 * MPP, 2 * MPP, 5 * MPP):
        with Slide.open(pyramid) as slide:
            at_once = whole(slide, mpp).astype(int)
            monkeypatch.setattr("maskless.data.slides._BLOCK_PX", 128)
            in_parts = whole(slide, mpp)
            monkeypatch.undo()
        assert np.abs(at_once - in_parts).max() <= 2


@pytest.mark.parametrize("write", WRITERS)
def test_outside_is_white(tmp_path: Path, write) -> None:
    image = np.full((300, 400, 3), (120, 60, 140), np.uint8)
    with Slide.open(write(tmp_path / "a.tif", image, MPP)) as slide:
        assert (slide.width_px, slide.height_px, slide.mpp) == (400, 300, pytest.approx(MPP))
        read = slide.read(-10, -20, 500, 400)
        assert (read[20:320, 10:410].mean(axis=(0, 1)).round() == (120, 60, 140)).all()
        read[20:320, 10:410] = 255
        assert (read == 255).all()
        assert (slide.read(5000, 5000, 10, 10, 1.0) == 255).all()


def test_a_thumbnail_shows_the_whole(pyramid: Path) -> None:
    with Slide.open(pyramid) as slide:
        small = slide.thumbnail(150)
        assert small.shape == (117, 150, 3)
        assert np.abs(small.mean() - slide.read(0, 0, 900, 700).mean()) < 1
        assert slide.thumbnail(5000).shape == (700, 900, 3)


# -- spacing and power ---------------------------------------------------------------------------------------


def test_what_the_file_states_holds_unless_something_is_given(tmp_path: Path) -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    file = write_aperio(tmp_path / "a.svs", image, 0.2527, 40)
    assert [(s.mpp, s.power) for s in (Slide.open(file), Slide.open(file, power=20))] == [
        (0.2527, 40),
        (0.5, 20),
    ]
    with Slide.open(write_aperio(tmp_path / "b.svs", image, None, 20)) as slide:
        assert (slide.mpp, slide.power) == (0.5, 20)
    with Slide.open(write_ome(tmp_path / "c.ome.tif", image, None), mpp=0.4) as slide:
        assert (slide.mpp, slide.power) == (0.4, 25)


@pytest.mark.parametrize("write", WRITERS)
def test_a_slide_of_unknown_spacing_is_refused_in_one_sentence(tmp_path: Path, write) -> None:
    options = {"power": None} if write is write_aperio else {}
    file = write(tmp_path / "a.tif", np.zeros((300, 300, 3), np.uint8), None, **options)
    with pytest.raises(UserError, match=r"a\.tif states neither µm/px nor objective power: give mpp="):
        Slide.open(file)


@pytest.mark.parametrize(
    ("mpp", "power", "given", "said"),
    [
        (0.5, 40, {}, r"a\.svs states what cannot be: mpp=0.5 and power=40.* contradict"),
        (0.25, 40, {"mpp": 250}, "250 µm/px looks like nm"),
        (0.25, 40, {"power": 0.25}, "say mpp=0.25"),
        (2500, None, {}, "states neither"),  # what it states is no spacing of a slide
    ],
)
def test_implausible_numbers_are_refused(tmp_path: Path, mpp, power, given, said: str) -> None:
    file = write_aperio(tmp_path / "a.svs", np.zeros((300, 300, 3), np.uint8), mpp, power)
    with pytest.raises(UserError, match=said):
        Slide.open(file, **given)


# -- what is no slide, or damaged ----------------------------------------------------------------------------


def test_what_a_slide_is(tmp_path: Path, pyramid: Path) -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    png = tmp_path / "a.png"
    Image.fromarray(image).save(png)
    plain = tmp_path / "plain.tif"
    Image.fromarray(image).save(plain)
    assert is_slide(pyramid)
    assert is_slide(write_aperio(tmp_path / "a.svs", image))
    assert is_slide(write_tiled(tmp_path / "a.tif", image))
    for file in (png, plain, write_tiled(tmp_path / "b.tif", image, downsamples=(1,)), tmp_path, Path("no")):
        assert not is_slide(file)
    with pytest.raises(UserError, match=r"a\.png is no slide that OpenSlide opens"):
        Slide.open(png)
    with pytest.raises(UserError, match="does not exist"):
        Slide.open(tmp_path / "none.svs")


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_cut_short_is_said_to_be(tmp_path: Path, discs: np.ndarray, write) -> None:
    file = write(tmp_path / "a.tif", discs, MPP)
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(UserError, match=r"a\.tif"), Slide.open(file, mpp=MPP) as slide:
        slide.read(0, 0, slide.width_px, slide.height_px)


@pytest.mark.parametrize("write", WRITERS)
def test_a_damaged_tile_is_named_and_the_rest_is_read(tmp_path: Path, discs: np.ndarray, write) -> None:
    file = write(tmp_path / "a.tif", discs, MPP, downsamples=(1,))
    damage_tile(file, 7)  # the second of the second row
    with Slide.open(file) as slide:
        with pytest.raises(UserError, match=r"a\.tif cannot be decoded at column 300, row 300 of level 0"):
            slide.read(300, 300, 50, 50)
        assert (slide.read(600, 300, 20, 20) > 0).all()


@pytest.mark.parametrize("write", WRITERS)
def test_around_damage_is_what_can_be_decoded_and_white_where_nothing_can(
    tmp_path: Path, discs: np.ndarray, write
) -> None:
    file = write(tmp_path / "a.tif", discs, MPP, downsamples=(1,))
    with Slide.open(file) as slide:
        size = slide.width_px, slide.height_px
        whole = slide.read(0, 0, *size)
        damage_tile(file, 7)  # the second of the second row
    with Slide.open(file) as slide:
        around, lost = slide.around_damage()
        assert not lost
        seen = around.read(0, 0, *size)
        assert lost == {(256, 256, 256, 256)}
        place = np.s_[256:512, 256:512]
        assert (seen[place] == 255).all()
        seen[place] = whole[place]
        np.testing.assert_array_equal(seen, whole)
        # A pixel depends on its place alone, at any scale.
        half = slide.around_damage()[0].read(100, 100, 250, 250, 2 * MPP)
        part = slide.around_damage()[0].read(200, 200, 150, 150, 2 * MPP)
        np.testing.assert_array_equal(half[50:200, 50:200], part)


def test_what_a_coarser_level_has_lost_is_made_of_the_finer_one(tmp_path: Path, discs: np.ndarray) -> None:
    file = write_aperio(tmp_path / "a.svs", discs, MPP, 40, downsamples=(1, 2, 4))
    with Slide.open(file) as slide:
        whole = slide.read(0, 0, 300, 250, 4 * MPP)
    damage_tile(file, 0, page=2)
    with Slide.open(file) as slide:
        around, lost = slide.around_damage()
        assert np.abs(around.read(0, 0, 300, 250, 4 * MPP).astype(int) - whole).mean() < 1
        assert not lost
    damage_tile(file, 0, page=1)
    damage_tile(file, 1)
    with Slide.open(file) as slide:
        around, lost = slide.around_damage()
        seen = around.read(0, 0, 300, 250, 4 * MPP)
        assert lost == {(256, 0, 256, 256)}
        assert (seen[:64, 64:128] == 255).all()
        seen[:64, 64:128] = whole[:64, 64:128]
        assert np.abs(seen.astype(int) - whole).mean() < 1


def test_a_slide_of_which_nothing_can_be_decoded_or_that_is_gone_is_no_damaged_place(
    tmp_path: Path, discs: np.ndarray
) -> None:
    file = write_aperio(tmp_path / "a.svs", discs, MPP, 40, downsamples=(1,))
    for tile in range(24):
        damage_tile(file, tile)
    with Slide.open(file) as slide:
        with pytest.raises(UserError, match=r"a\.svs is cut short or damaged"):
            slide.thumbnail_around_damage(500)
        file.unlink()
        with pytest.raises(UserError, match=r"a\.svs cannot be read any more"):
            slide.around_damage()[0].read(0, 0, 300, 300)


# -- compressions that need another package ------------------------------------------------------------------

CODECS = find_spec("imagecodecs") is not None
#: By the value of the tag. All but the first two are unknown to OpenSlide as well.
COMPRESSIONS = {"lzw": 5, "zstd": 50000, "jpeg2000": 34712, "jpegxr": 22610, "webp": 50001}


@pytest.mark.skipif(not CODECS, reason="needs imagecodecs: pip install 'maskless[codecs]'")
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_ome_tiff_in_any_compression_is_read(tmp_path: Path, discs: np.ndarray, compression: str) -> None:
    with Slide.open(write_ome(tmp_path / "a.ome.tif", discs, MPP, compression=compression)) as slide:
        seen = slide.read(100, 50, 600, 500)
        np.testing.assert_allclose(seen.astype(int), discs[50:550, 100:700], atol=40)
        assert np.abs(seen.astype(int) - discs[50:550, 100:700]).mean() < 1
        small = slide.read(0, 0, 300, 200, 4 * MPP)
        assert np.abs(small.astype(int) - level(discs, 4)[:200, :300]).mean() < 1


@pytest.mark.skipif(CODECS, reason="imagecodecs is installed")
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_compression_that_needs_another_package_says_which(
    tmp_path: Path, discs: np.ndarray, compression: str
) -> None:
    if compression == "zstd" and sys.version_info >= (3, 14):
        pytest.skip("Python itself has ZSTD")
    file = write_ome(tmp_path / "a.ome.tif", discs, MPP)
    with Slide.open(claim_compression(file, COMPRESSIONS[compression])) as slide:
        for read in (slide.read, slide.around_damage()[0].read):
            with pytest.raises(UserError, match=r"a\.ome\.tif .* pip install 'maskless\[codecs\]'"):
                read(0, 0, 100, 100)


@pytest.mark.skipif(CODECS, reason="imagecodecs is installed")
def test_so_does_a_tiff_that_openslide_knows_but_for_its_compression(
    tmp_path: Path, discs: np.ndarray
) -> None:
    file = claim_compression(write_tiled(tmp_path / "a.tif", discs, MPP), COMPRESSIONS["jpeg2000"])
    assert is_slide(file)
    with Slide.open(file) as slide, pytest.raises(UserError, match=r"a\.tif .* 'maskless\[codecs\]'"):
        slide.read(0, 0, 100, 100)


def test_a_compression_of_pythons_own_is_read_where_openslide_has_none(
    tmp_path: Path, discs: np.ndarray
) -> None:
    import tifffile

    options = {"photometric": "rgb", "tile": (256, 256), "compression": "lzma", "metadata": None}
    options |= {"resolution": (1e4 / MPP, 1e4 / MPP), "resolutionunit": "centimeter"}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(discs, **options)
        file.write(level(discs, 4), subfiletype=1, **options)
    with Slide.open(tmp_path / "a.tif") as slide:
        assert slide.mpp == pytest.approx(MPP)
        np.testing.assert_array_equal(slide.read(100, 50, 600, 500), discs[50:550, 100:700])


def test_stacks_and_other_numbers_are_refused(tmp_path: Path) -> None:
    import tifffile

    for dtype, axes, shape in ((np.uint8, "ZYX", (3, 600, 600)), (np.uint16, "YX", (600, 600))):
        file = tmp_path / f"{axes}.ome.tif"
        tifffile.imwrite(file, np.zeros(shape, dtype), tile=(256, 256), ome=True, metadata={"axes": axes})
        with pytest.raises(UserError, match=r"grey or RGB is wanted|save it as 8-bit RGB"):
            Slide.open(file, mpp=0.5)


@pytest.mark.parametrize(("axes", "shape"), [("CYX", (3, 600, 500)), ("YX", (600, 500))])
def test_separate_colours_and_grey_are_read(tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    import tifffile

    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    file = tmp_path / "a.ome.tif"
    tifffile.imwrite(file, pixels, tile=(128, 128), metadata={"axes": axes}, photometric="minisblack")
    with Slide.open(file, mpp=0.5) as slide:
        wanted = np.moveaxis(pixels, 0, -1) if axes == "CYX" else np.repeat(pixels[..., None], 3, axis=2)
        np.testing.assert_array_equal(slide.read(100, 200, 300, 250), wanted[200:450, 100:400])


# -- real ones -----------------------------------------------------------------------------------------------


@needs_real
def test_the_real_slides() -> None:
    with Slide.open(CMU) as slide:
        assert (slide.width_px, slide.height_px, slide.mpp, slide.power) == (2220, 2967, 0.499, 20)
        assert slide.stored_mpp(0.5) == 0.499  # within 1 %
        np.testing.assert_array_equal(
            slide.read(700, 900, 224, 224),
            np.asarray(OpenSlide(CMU).read_region((700, 900), 0, (224, 224)))[..., :3],
        )
    with pytest.raises(UserError, match=r"TCGA-CR-7395-01A-01-TS1\.svs states neither µm/px nor objective"):
        Slide.open(TCGA)


@needs_real
def test_a_real_level_that_lost_its_last_row_and_column_is_in_its_place() -> None:
    """Its sides are 2.0005 times smaller, because the last odd row and column were dropped; it is half."""
    with Slide.open(TCGA, mpp=1.0) as slide:
        assert (slide.stored_mpp(2.01), slide.level_at(2.01)) == (2.0, 1)
        x, y = 4443 - 601, 3567 - 601  # the far corner, where a spacing of 2.0005 is half a px off
        stored = slide.read(x, y, 280, 280, 2.0).astype(float)
        finer = level(slide.read(x, y, 560, 560), 2).astype(float)
        shift, agreement = cv2.phaseCorrelate(stored[..., 1], finer[..., 1])
        assert np.abs(shift).max() < 0.25
        assert agreement > 0.8
