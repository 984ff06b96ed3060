import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import png, refused_or_equal, saved
from layouts import tissue
from PIL import Image

from maskless.data.images import image_size, read_binary, read_image, read_labels
from maskless.errors import UserError

SAME_FILE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


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


def test_the_size_is_rows_then_columns_and_needs_only_the_header(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.png", tissue())
    assert image_size(file) == (40, 48)
    file.write_bytes(file.read_bytes()[:200])
    assert image_size(file) == (40, 48)


@pytest.mark.parametrize("read", [read_image, read_labels, read_binary, image_size])
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
    for read in (read_image, read_labels, read_binary, image_size):
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


@pytest.mark.parametrize("kind", ["a.png", "a.jpg", "lzw.tif", "big_endian.tif", "planes.tif", "ome.tif"])
@given(damage=st.binary(min_size=1, max_size=12), at=st.integers(0, 10_000), kept=st.floats(0, 1))
@SAME_FILE
def test_whatever_is_damaged_the_sentence_is_the_user_s(
    tmp_path: Path, kind: str, damage: bytes, at: int, kept: float
) -> None:
    file = tmp_path / kind
    deep = tissue().astype(np.uint16) * 257
    if kind == "big_endian.tif":
        tifffile.imwrite(file, tissue(), photometric="rgb", bigtiff=True, byteorder=">")
    elif kind == "planes.tif":
        tifffile.imwrite(file, np.moveaxis(deep, -1, 0).copy(), photometric="rgb", planarconfig="separate")
    elif kind == "ome.tif":
        tifffile.imwrite(file, deep, photometric="rgb", ome=True)
    else:
        saved(file, tissue(), **({"compression": "tiff_lzw"} if kind == "lzw.tif" else {}))
    content = bytearray(file.read_bytes())
    at %= min(len(content), 600)  # where the headers are
    content[at : at + len(damage)] = damage
    file.write_bytes(content if kept > 0.3 else content[: int(3 * kept * len(content))])
    found, sentences = {}, []
    for read in (read_image, image_size, read_labels, read_binary):
        try:
            found[read] = read(file)
        except UserError as error:
            sentences.append(str(error))
    assert all(str(file) in sentence for sentence in sentences)
    if read_image in found:
        assert found[image_size] == found[read_image].shape[:2]
