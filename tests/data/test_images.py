import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import nuclei, tissue
from PIL import Image

from maskless.data.images import image_size, pair_problems, read_image, read_labels
from maskless.errors import UserError

SAME_FILE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def png(file: Path, width: int, height: int, bits: int, colour_type: int, rows: bytes) -> Path:
    """A PNG written by hand, for what no library writes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return file


def saved(file: Path, array: np.ndarray, **options: Any) -> Path:
    Image.fromarray(array).save(file, **options)
    return file


def refused_or_equal(read: Callable[[Path], np.ndarray], file: Path, whole: np.ndarray) -> None:
    """The file is refused by name, unless only what the pixels do not need was damaged."""
    sentence = ""
    pixels = whole
    try:
        pixels = read(file)
    except UserError as error:
        sentence = str(error)
    assert not sentence or str(file) in sentence
    np.testing.assert_array_equal(pixels, whole)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.png", {}), ("a.tif", {}), ("a.tiff", {"compression": "tiff_lzw"}), ("a.bmp", {})],
)
def test_an_rgb_image_is_read_as_it_is(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    read = read_image(saved(tmp_path / name, tissue(), **options))
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, tissue())


def test_a_jpeg_is_read_as_rgb_and_not_bgr(tmp_path: Path) -> None:
    flat = np.full((32, 40, 3), (200, 60, 20), np.uint8)
    read = read_image(saved(tmp_path / "a.jpg", flat, quality=95))
    assert read.shape == flat.shape
    assert np.abs(read.astype(int) - flat).max() <= 3


def test_grey_palette_one_bit_and_opaque_rgba_become_rgb(tmp_path: Path) -> None:
    image = tissue()
    grey = read_image(saved(tmp_path / "grey.png", image[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(image[..., :1], 3, axis=2))
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(read_image(saved(tmp_path / "rgba.png", opaque)), image)
    Image.fromarray(image).quantize(16).save(tmp_path / "palette.png")
    few = np.asarray(Image.fromarray(image).quantize(16).convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), few)
    black_and_white = read_image(saved(tmp_path / "bits.png", image[..., 0] > 128))
    np.testing.assert_array_equal(black_and_white[..., 2], 255 * (image[..., 0] > 128))


def test_what_eight_bit_rgb_cannot_hold_is_refused(tmp_path: Path) -> None:
    image = tissue()
    deep = image.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    cv2.imwrite(str(tmp_path / "deep_grey.png"), deep[..., 0])
    tifffile.imwrite(tmp_path / "float.tif", image[..., 0].astype(np.float32))
    Image.fromarray(image).convert("CMYK").save(tmp_path / "cmyk.jpg")
    saved(tmp_path / "veil.png", np.dstack([image, image[..., 0]]))
    Image.fromarray(image).save(tmp_path / "key.png", transparency=tuple(int(v) for v in image[0, 0]))
    pages = [Image.fromarray(image)] * 3
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    exif = Image.Exif()
    exif[274] = 6
    saved(tmp_path / "turned.jpg", image, exif=exif)
    saved(tmp_path / "turned.tif", image, tiffinfo={274: 3})
    for name, words in {
        "deep.png": "more than 8 bits",
        "deep.tif": "more than 8 bits",
        "deep_grey.png": "more than 8 bits",
        "float.tif": "floating-point",
        "cmyk.jpg": "CMYK",
        "veil.png": "transparent",
        "key.png": "transparent",
        "pages.tif": "3 pages",
        "turned.jpg": "rotated",
        "turned.tif": "rotated",
    }.items():
        with pytest.raises(UserError, match=f"{re.escape(name)} .*{words}"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("png", dtype) for dtype in ("uint8", "uint16")]
    + [("plain.tif", dtype) for dtype in ("uint8", "uint16", "uint32", "int8", "int16", "int32")]
    + [("lzw.tif", dtype) for dtype in ("uint8", "uint16", "int32")],
)
def test_ids_pass_unchanged(tmp_path: Path, kind: str, dtype: str) -> None:
    largest = min(int(np.iinfo(dtype).max), 2**31 - 1)
    labels = nuclei((1, 5, largest)).astype(dtype)
    file = tmp_path / f"a.{kind}"
    if kind == "plain.tif":
        tifffile.imwrite(file, labels, photometric="minisblack")
    else:
        saved(file, labels, **({"compression": "tiff_lzw"} if kind == "lzw.tif" else {}))
    read = read_labels(file, (40, 48))
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels.astype(np.int64))


def test_an_image_without_nuclei_is_no_mistake(tmp_path: Path) -> None:
    assert not read_labels(saved(tmp_path / "a.png", np.zeros((9, 8), np.uint16))).any()


def test_a_binary_mask_is_no_label_image(tmp_path: Path) -> None:
    half = nuclei((255,)).astype(np.uint8)
    for file in (saved(tmp_path / "mask.png", half), saved(tmp_path / "bit.png", half > 0)):
        with pytest.raises(UserError, match=f"{file.name} is a binary mask .*skimage.measure.label"):
            read_labels(file)
    assert read_labels(saved(tmp_path / "ids.png", nuclei((254, 255)).astype(np.uint8))).max() == 255
    assert read_labels(saved(tmp_path / "deep.png", half.astype(np.uint16))).max() == 255


def test_what_is_no_label_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "float.tif", nuclei().astype(np.float32))
    saved(tmp_path / "rgb.png", tissue())
    saved(tmp_path / "lossy.jpg", nuclei().astype(np.uint8))
    Image.fromarray(nuclei().astype(np.uint8)).convert("P").save(tmp_path / "palette.png")
    tifffile.imwrite(tmp_path / "large.tif", nuclei((1, 2**31)).astype(np.uint32))
    tifffile.imwrite(tmp_path / "negative.tif", nuclei((1, -3)).astype(np.int16))
    tifffile.imwrite(tmp_path / "inverted.tif", nuclei().astype(np.uint8), photometric="miniswhite")
    png(tmp_path / "nibbles.png", 2, 2, bits=4, colour_type=0, rows=b"\x00\x12\x00\x21")
    for name, words in {
        "float.tif": "floating-point",
        "rgb.png": "colours",
        "lossy.jpg": "JPEG",
        "palette.png": "colours",
        "large.tif": "above 2147483647",
        "negative.tif": "negative",
        "inverted.tif": "unusual",
        "nibbles.png": "unusual",
    }.items():
        with pytest.raises(UserError, match=f"{re.escape(name)} .*{words}"):
            read_labels(tmp_path / name)


def test_labels_of_another_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.png is 40 x 48 px .* 40 x 50 px"):
        read_labels(saved(tmp_path / "a.png", nuclei().astype(np.uint8)), (40, 50))


def test_the_size_is_rows_then_columns_and_needs_only_the_header(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.png", tissue())
    assert image_size(file) == (40, 48)
    file.write_bytes(file.read_bytes()[:200])
    assert image_size(file) == (40, 48)


@pytest.mark.parametrize("read", [read_image, read_labels, image_size])
def test_a_file_that_is_not_there_or_no_image_is_named(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    (tmp_path / "text.png").write_text("no pixels here")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name, words in {
        "absent.png": "does not exist",
        "text.png": "is not a PNG, JPEG, TIFF or BMP",
        "empty.png": "is empty",
        "folder.png": "is a folder",
        "text.png/a.png": "cannot be opened",
    }.items():
        with pytest.raises(UserError, match=f"{re.escape(str(tmp_path / name))} {words}"):
            read(tmp_path / name)


@pytest.mark.parametrize("side_px", [13_000, 100_000])
def test_a_small_file_that_claims_to_be_enormous_is_not_decoded(tmp_path: Path, side_px: int) -> None:
    bomb = png(tmp_path / "bomb.png", side_px, side_px, bits=8, colour_type=2, rows=b"\x00" * 1000)
    for read in (read_image, read_labels, image_size):
        with pytest.raises(UserError, match=r"bomb\.png claims more than 150 megapixels"):
            read(bomb)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.png", {}), ("a.tif", {}), ("a.tif", {"compression": "tiff_lzw"}), ("a.jpg", {}), ("a.bmp", {})],
)
@given(share=st.floats(0, 0.99))
@SAME_FILE
def test_a_file_cut_short_is_named_and_never_half_read(
    tmp_path: Path, name: str, options: dict[str, str], share: float
) -> None:
    file = saved(tmp_path / name, tissue(), **options)
    whole = read_image(file)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    refused_or_equal(read_image, file, whole)


@given(at=st.integers(0, 5_000), bit=st.integers(0, 7))
@SAME_FILE
def test_one_flipped_bit_in_a_png_is_noticed(tmp_path: Path, at: int, bit: int) -> None:
    file = saved(tmp_path / "a.png", nuclei((1, 2, 300)).astype(np.uint16))
    whole = read_labels(file)
    damaged = bytearray(file.read_bytes())
    damaged[at % len(damaged)] ^= 1 << bit
    file.write_bytes(damaged)
    refused_or_equal(read_labels, file, whole)


def test_all_that_is_wrong_with_a_pair_is_listed(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.png", tissue())
    labels = saved(tmp_path / "labels.png", nuclei(size=(40, 50)).astype(np.uint8))
    assert pair_problems(image, None) == []
    assert pair_problems(None, labels) == []
    (mismatch,) = pair_problems(image, labels)
    assert "40 x 50" in mismatch
    image.write_bytes(image.read_bytes()[:300])
    labels.write_bytes(b"")
    cut, empty = pair_problems(image, labels)
    assert "a.png is cut short" in cut
    assert "labels.png is empty" in empty
