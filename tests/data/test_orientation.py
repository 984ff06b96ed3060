from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from image_files import png_of, saved
from layouts import nuclei, tissue
from PIL import Image

from maskless.data.images import image_size, read_binary, read_image, read_labels
from maskless.errors import UserError

#: What Pillow calls the turn that each value asks for (EXIF 2.32, 4.6.4 A).
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def as_shown(pixels: np.ndarray, orientation: int) -> np.ndarray:
    turn = TURNS.get(orientation)
    return pixels if turn is None else np.asarray(Image.fromarray(pixels).transpose(turn))


def exif(orientation: object) -> bytes:
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def tiff_tag(orientation: int) -> dict[str, Any]:
    return {"photometric": "rgb", "extratags": [(274, "H", 1, orientation, True)]}


@pytest.mark.parametrize("orientation", range(10))
def test_an_image_is_read_upright(tmp_path: Path, orientation: int) -> None:
    expected = as_shown(tissue(), orientation)
    saved(tmp_path / "a.png", tissue(), exif=exif(orientation))
    if orientation in TURNS:  # no other is written
        saved(tmp_path / "lzw.tif", tissue(), compression="tiff_lzw", tiffinfo={274: orientation})
    tifffile.imwrite(tmp_path / "raw.tif", tissue(), **tiff_tag(orientation))
    big = {"bigtiff": True, "byteorder": ">"} | tiff_tag(orientation)
    tifffile.imwrite(tmp_path / "big_endian.tif", tissue(), **big)
    deep = tissue().astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "deep.tif", deep, **tiff_tag(orientation))
    planes = {"planarconfig": "separate"} | tiff_tag(orientation)
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(deep, -1, 0).copy(), **planes)
    for file in tmp_path.iterdir():
        read = read_image(file)
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, expected, str(file))
        assert image_size(file) == expected.shape[:2], file


@pytest.mark.parametrize("orientation", range(10))
def test_a_photograph_is_read_upright(tmp_path: Path, orientation: int) -> None:
    plain = read_image(saved(tmp_path / "plain.jpg", tissue(), quality=90))
    turned = saved(tmp_path / "turned.jpg", tissue(), quality=90, exif=exif(orientation))
    np.testing.assert_array_equal(read_image(turned), as_shown(plain, orientation))
    assert image_size(turned) == as_shown(plain, orientation).shape[:2]


def test_a_request_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    for nonsense in (exif(6)[:20], b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"six"):
        for name in ("a.png", "a.jpg"):
            file = saved(tmp_path / name, tissue(), exif=nonsense)
            assert read_image(file).shape == (40, 48, 3)
            assert image_size(file) == (40, 48)


def test_a_request_after_the_pixels_of_a_png_is_not_seen_by_browsers_either(tmp_path: Path) -> None:
    late = [(b"eXIf", exif(6).removeprefix(b"Exif\0\0"))]
    file = png_of(tmp_path / "a.png", tissue(), late_chunks=late)
    np.testing.assert_array_equal(read_image(file), tissue())
    assert image_size(file) == (40, 48)
    file = png_of(tmp_path / "a.png", tissue(), chunks=late)
    np.testing.assert_array_equal(read_image(file), as_shown(tissue(), 6))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_labels_and_masks_that_ask_to_be_turned_are_refused(tmp_path: Path, orientation: int) -> None:
    saved(tmp_path / "a.tif", nuclei().astype(np.uint8), tiffinfo={274: orientation})
    saved(tmp_path / "a.png", nuclei().astype(np.uint8), exif=exif(orientation))
    for file in tmp_path.iterdir():
        for read in (read_labels, read_binary):
            with pytest.raises(UserError, match=rf"{file.name} asks to be rotated or mirrored"):
                read(file)
