import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_files import png, png_of, saved
from layouts import tissue

from maskless.data.images import image_size, read_image
from maskless.errors import UserError

SAME_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
RGB16 = arrays(np.uint16, (3, 4, 3), elements=st.integers(0, 65535))


def ome(bits: int) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" SignificantBits="{bits}" Type="uint16"/></Image></OME>'
    )


def largest(tag: int, value: int) -> dict[str, object]:
    """A largest sample value for each of three channels, as `tifffile.imwrite` takes it."""
    return {"extratags": [(tag, "H", 3, (value,) * 3, True)]}


@given(pixels=RGB16)
@SAME_FOLDER
def test_16_bits_become_their_upper_8(tmp_path: Path, pixels: np.ndarray) -> None:
    pixels[0, 0] = 65535
    expected = [[[value // 256 for value in pixel] for pixel in row] for row in pixels.tolist()]
    np.testing.assert_array_equal(read_image(png_of(tmp_path / "a.png", pixels)), expected)
    for name, options in {
        "a.tif": {},
        "big_endian.tif": {"byteorder": ">"},
        "deflate.tif": {"compression": "zlib", "predictor": True},
        "tiled.tif": {"tile": (16, 16)},
    }.items():
        tifffile.imwrite(tmp_path / name, pixels, photometric="rgb", **options)
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)
    cv2.imwrite(str(tmp_path / "lzw.tif"), pixels[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "lzw.tif"), expected)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_planes_that_lie_apart_are_put_together(tmp_path: Path, compression: str | None) -> None:
    for dtype in (np.uint8, np.uint16):
        pixels = tissue().astype(dtype) * (257 if dtype == np.uint16 else 1)
        file = tmp_path / "planes.tif"
        planes = {"photometric": "rgb", "planarconfig": "separate", "compression": compression}
        tifffile.imwrite(file, np.moveaxis(pixels, -1, 0).copy(), **planes)
        np.testing.assert_array_equal(read_image(file), tissue())
        assert image_size(file) == (40, 48)


@given(values=arrays(np.uint8, (3, 5)))
@SAME_FOLDER
def test_8_bits_spread_over_16_come_back(tmp_path: Path, values: np.ndarray) -> None:
    values[0, 0] = 255
    expected = np.repeat(values[..., None], 3, axis=2)
    deep = values.astype(np.uint16) * 257
    saved(tmp_path / "lzw.tif", deep, compression="tiff_lzw")
    tifffile.imwrite(tmp_path / "big_endian.tif", deep, photometric="minisblack", byteorder=">")
    tifffile.imwrite(tmp_path / "white_is_0.tif", 65535 - deep, photometric="miniswhite")
    for file in (png_of(tmp_path / "a.png", deep), *tmp_path.glob("*.tif")):
        np.testing.assert_array_equal(read_image(file), expected)


@given(pixels=RGB16, bits=st.integers(9, 15))
@SAME_FOLDER
def test_stated_bits_of_a_camera_are_scaled(tmp_path: Path, pixels: np.ndarray, bits: int) -> None:
    pixels %= 1 << bits
    expected = [[[value * 256 // 2**bits for value in pixel] for pixel in row] for row in pixels.tolist()]
    for name, options in {
        "ome.tif": {"description": ome(bits), "metadata": None},
        "ome_deflate.tif": {"description": ome(bits), "metadata": None, "compression": "zlib"},
        "s_max.tif": largest(341, 2**bits - 1),
        "max.tif": largest(281, 2**bits - 1),
    }.items():
        tifffile.imwrite(tmp_path / name, pixels, photometric="rgb", **options)
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)
    grey = {"photometric": "minisblack", "description": ome(bits), "metadata": None}
    tifffile.imwrite(tmp_path / "grey.tif", pixels[..., 0].copy(), **grey)
    np.testing.assert_array_equal(read_image(tmp_path / "grey.tif")[..., 1], np.array(expected)[..., 0])
    inverted = (1 << bits) - 1 - pixels[..., 0]
    tifffile.imwrite(tmp_path / "white.tif", inverted, **grey | {"photometric": "miniswhite"})
    np.testing.assert_array_equal(read_image(tmp_path / "white.tif")[..., 1], np.array(expected)[..., 0])


def test_a_statement_that_the_pixels_contradict_is_none(tmp_path: Path) -> None:
    deep = tissue().astype(np.uint16) * 257
    said = {"description": ome(12), "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", **said)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), tissue())
    tifffile.imwrite(tmp_path / "white_is_0.tif", 65535 - deep[..., 0], photometric="miniswhite", **said)
    np.testing.assert_array_equal(read_image(tmp_path / "white_is_0.tif")[..., 0], tissue()[..., 0])


@pytest.mark.parametrize("brightest", [0, 1, 255, 1023, 4095, 16383])
def test_where_white_would_be_a_guess_the_image_is_refused(tmp_path: Path, brightest: int) -> None:
    pixels = np.minimum(tissue().astype(np.uint16) * 257, brightest)
    png_of(tmp_path / "rgb.png", pixels)
    png_of(tmp_path / "grey.png", pixels[..., 0])
    png_of(tmp_path / "rgba.png", np.dstack([pixels, np.full(pixels.shape[:2], 65535, np.uint16)]))
    tifffile.imwrite(tmp_path / "rgb.tif", pixels, photometric="rgb")
    tifffile.imwrite(tmp_path / "statistic.tif", pixels, photometric="rgb", **largest(341, 3817))
    tifffile.imwrite(tmp_path / "16.tif", pixels, photometric="rgb", description=ome(16), metadata=None)
    tifffile.imwrite(tmp_path / "grey.tif", pixels[..., 0].copy(), photometric="minisblack")
    planes = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(pixels, -1, 0).copy(), **planes)
    for file in tmp_path.iterdir():
        with pytest.raises(UserError, match=rf"{re.escape(file.name)} has 16 bits .* 65535, .* 8-bit RGB"):
            read_image(file)


def test_the_least_of_full_range_is_dark_and_read(tmp_path: Path) -> None:
    file = png_of(tmp_path / "a.png", np.full((2, 3, 3), 16384, np.uint16))
    np.testing.assert_array_equal(read_image(file), np.full((2, 3, 3), 64))


def test_16_bit_colours_with_a_transparent_one_are_refused(tmp_path: Path) -> None:
    pixels = tissue().astype(np.uint16) * 257
    key = pixels[0, 0].astype(">u2").tobytes()
    png_of(tmp_path / "rgb.png", pixels, chunks=[(b"tRNS", key)])
    png_of(tmp_path / "grey.png", pixels[..., 0], chunks=[(b"tRNS", key[:2])])
    for file in tmp_path.iterdir():
        with pytest.raises(UserError, match=rf"{file.name} marks one of its 16-bit colours as transparent"):
            read_image(file)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_than_8_bits_reach_from_black_to_white(tmp_path: Path, bits: int) -> None:
    file = png(tmp_path / "a.png", 8 // bits, 1, bits, 0, b"\0" + bytes([0b10010011]))
    steps = [(0b10010011 >> shift) % (1 << bits) for shift in range(8 - bits, -1, -bits)]
    expected = [255 * step // (2**bits - 1) for step in steps]
    np.testing.assert_array_equal(read_image(file)[0, :, 2], expected)


def test_what_is_no_count_of_light_is_refused(tmp_path: Path) -> None:
    grey, rgb = {"photometric": "minisblack"}, {"photometric": "rgb"}
    for name, dtype, said in (
        ("float32", np.float32, "floating-point"),
        ("int16", np.int16, "int16 samples"),
        ("uint32", np.uint32, "32-bit numbers"),
        ("int8", np.int8, "int8 samples"),
        ("uint64", np.uint64, "uint64 samples"),
    ):
        file = tmp_path / f"{name}.tif"
        tifffile.imwrite(file, tissue()[..., 0].astype(dtype), **grey)
        with pytest.raises(UserError, match=f"{file.name} .*{said}"):
            read_image(file)
        tifffile.imwrite(file, tissue().astype(dtype), **rgb)
        with pytest.raises(UserError, match=f"{file.name} is a TIFF of an unusual kind .{name} samples, RGB"):
            read_image(file)
        assert image_size(file) == (40, 48)
