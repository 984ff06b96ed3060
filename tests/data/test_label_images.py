import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_files import png, png_of, refused_or_equal, saved
from layouts import nuclei, tissue
from PIL import Image

from maskless.data.images import read_binary, read_labels
from maskless.errors import UserError

SAME_FILE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("png", dtype) for dtype in ("uint8", "uint16")]
    + [("plain.tif", f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]
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


@pytest.mark.parametrize(
    ("dtype", "white"),
    [(np.uint8, 1), (np.uint8, 255), (np.uint16, 1), (np.uint16, 255), (np.uint16, 65535), (np.int32, 255)],
)
def test_a_mask_of_several_nuclei_is_no_label_image_whatever_white_is(
    tmp_path: Path, dtype: type, white: int
) -> None:
    mask = np.zeros((9, 12), dtype)
    mask[1:3, 1:3] = mask[3, 3] = mask[5:8, 6:8] = white  # two pieces: the first joined at a corner
    file = tmp_path / "a.tif"
    if (dtype, white) != (np.uint8, 255):
        tifffile.imwrite(file, mask, photometric="minisblack")
        assert read_labels(file).max() == white
    mask[8, 11] = white
    tifffile.imwrite(file, mask, photometric="minisblack")
    with pytest.raises(UserError, match=r"a\.tif is a binary mask .*skimage\.measure\.label, .* masks/"):
        read_labels(file)


@pytest.mark.parametrize("ids", [(2, 2, 2), (1, 1, 2), (254, 255, 255)])
def test_an_id_in_several_pieces_is_no_mask_if_it_is_another_or_not_alone(
    tmp_path: Path, ids: tuple[int, ...]
) -> None:
    labels = np.zeros((3, 9), np.uint8)
    labels[1, 1::3] = ids
    np.testing.assert_array_equal(read_labels(saved(tmp_path / "a.png", labels)), labels)


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


@given(at=st.integers(0, 5_000), bit=st.integers(0, 7))
@SAME_FILE
def test_one_flipped_bit_in_a_png_is_noticed(tmp_path: Path, at: int, bit: int) -> None:
    file = saved(tmp_path / "a.png", nuclei((1, 2, 300)).astype(np.uint16))
    whole = read_labels(file)
    damaged = bytearray(file.read_bytes())
    damaged[at % len(damaged)] ^= 1 << bit
    file.write_bytes(damaged)
    refused_or_equal(read_labels, file, whole)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ids_that_are_no_whole_numbers_are_named_by_place(tmp_path: Path, dtype: str) -> None:
    labels = nuclei().astype(dtype)
    labels[4, 7] = 2.5
    tifffile.imwrite(tmp_path / "a.tif", labels)
    with pytest.raises(UserError, match=r"a\.tif holds floating-point numbers \(2\.5 at row 4, column 7\)"):
        read_labels(tmp_path / "a.tif")


def test_labels_and_masks_in_a_big_endian_bigtiff(tmp_path: Path) -> None:
    for dtype in (bool, np.uint8, np.uint32):
        options = {"photometric": "minisblack", "bigtiff": True, "byteorder": ">"}
        tifffile.imwrite(tmp_path / f"{np.dtype(dtype)}.tif", nuclei((1,)).astype(dtype), **options)
        np.testing.assert_array_equal(read_binary(tmp_path / f"{np.dtype(dtype)}.tif"), nuclei((1,)))
    np.testing.assert_array_equal(read_labels(tmp_path / "uint32.tif"), nuclei((1,)))
    with pytest.raises(UserError, match=r"bool\.tif is a binary mask"):
        read_labels(tmp_path / "bool.tif")


@given(mask=arrays(np.bool_, (5, 11)))
@settings(SAME_FILE, max_examples=8)
def test_a_mask_is_read_whatever_white_is(tmp_path: Path, mask: np.ndarray) -> None:
    eight = mask.astype(np.uint8)
    saved(tmp_path / "1_bit.png", mask)
    saved(tmp_path / "1_bit.tif", mask, compression="group4")
    saved(tmp_path / "1.png", eight)
    saved(tmp_path / "255.png", 255 * eight)
    saved(tmp_path / "lzw.tif", 255 * eight, compression="tiff_lzw")
    saved(tmp_path / "a.bmp", 255 * eight)
    saved(tmp_path / "rgb.png", np.dstack([255 * eight] * 3))
    saved(tmp_path / "opaque.png", np.dstack([255 * eight] * 3 + [np.full(mask.shape, 255, np.uint8)]))
    Image.fromarray(255 * eight).convert("P").save(tmp_path / "palette.png")
    png_of(tmp_path / "16_of_255.png", np.uint16(255) * eight)
    png_of(tmp_path / "16_of_1.png", eight.astype(np.uint16))
    png_of(tmp_path / "16_of_65535.png", np.uint16(65535) * eight)
    for dtype in ("float32", "float64", "int8", "int32", "uint32", "int64"):
        tifffile.imwrite(tmp_path / f"{dtype}.tif", eight.astype(dtype), photometric="minisblack")
    for file in tmp_path.iterdir():
        read = read_binary(file, (5, 11))
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, eight, str(file))


@pytest.mark.parametrize(
    ("dtype", "white", "between"),
    [
        (np.uint8, 255, 254),
        (np.uint8, 255, 1),
        (np.uint8, 1, 2),
        (np.uint8, 0, 77),
        (np.uint16, 65535, 255),
        (np.uint16, 1, 300),
        (np.int32, 1, -1),
        (np.float32, 1, 0.25),
        (np.float32, 255, float("nan")),
        (np.float64, 0, 0.5),
    ],
)
def test_a_value_between_is_named_by_its_first_place(
    tmp_path: Path, dtype: type, white: int, between: float
) -> None:
    mask = np.zeros((9, 8), dtype)
    mask[1:4, 2:5] = white
    mask[5, 6] = mask[7, 0] = between
    tifffile.imwrite(tmp_path / "a.tif", mask, photometric="minisblack")
    with pytest.raises(UserError, match=rf"a\.tif holds {between:g} at row 5, column 6, but a mask holds"):
        read_binary(tmp_path / "a.tif")


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    mask = 255 * (nuclei() > 0).astype(np.uint8)
    red = np.dstack([mask, 0 * mask, 0 * mask])
    saved(tmp_path / "red.png", red)
    saved(tmp_path / "veil.png", np.dstack([mask, mask, mask, 255 - mask // 2]))
    tifffile.imwrite(tmp_path / "inverting.tif", mask, photometric="miniswhite")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([mask] * 3), photometric="minisblack")
    saved(tmp_path / "lossy.jpg", mask, quality=50)
    for name, said in {
        "red.png": r"holds the colour \(255, 0, 0\) at row 3, column 0",
        "veil.png": "is transparent at row 3, column 0",
        "inverting.tif": "stores white as 0",
        "pages.tif": "holds 3 pages",
        "lossy.jpg": r"holds \d+ at row \d+, column \d+, but",
    }.items():
        with pytest.raises(UserError, match=f"{re.escape(name)} {said}"):
            read_binary(tmp_path / name)


def test_masks_of_another_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.png", nuclei() > 0)
    with pytest.raises(UserError, match=r"a\.png is 40 x 48 px .* 48 x 40 px"):
        read_binary(file, (48, 40))
