import os
import re
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import saved
from layouts import tissue
from PIL import Image

from maskless.data.images import image_size, read_image, read_labels
from maskless.errors import UserError

SAME_FILE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
REDUCED, MASK = 1, 4


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "tiff_lzw"},
        {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
        {"compression": "packbits"},
        {"compression": "tiff_adobe_deflate"},
        {"compression": "tiff_deflate"},
        {"compression": "lzma"},
        {"compression": "zstd"},
        {"big_tiff": True},
    ],
    ids=str,
)
def test_lossless_compression_changes_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    smooth = cv2.GaussianBlur(tissue(), (5, 5), 2)
    file = saved(tmp_path / "a.tif", smooth, **options)
    np.testing.assert_array_equal(read_image(file), smooth)
    assert image_size(file) == (40, 48)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"tile": (16, 32)}, {"compression": "zlib", "predictor": True}, {"rowsperstrip": 7}],
    ids=str,
)
def test_the_layout_of_a_file_changes_nothing(
    tmp_path: Path, byteorder: str, bigtiff: bool, options: dict[str, Any]
) -> None:
    file = tmp_path / "a.tif"
    layout = {"byteorder": byteorder, "bigtiff": bigtiff, **options}
    tifffile.imwrite(file, tissue(), photometric="rgb", **layout)
    np.testing.assert_array_equal(read_image(file), tissue())
    assert image_size(file) == (40, 48)
    grey = tissue()[..., 0].copy()
    tifffile.imwrite(file, grey, photometric="minisblack", **layout)
    np.testing.assert_array_equal(read_image(file), np.repeat(grey[..., None], 3, axis=2))


def test_jpeg_in_a_tiff_is_close_in_rgb(tmp_path: Path) -> None:
    flat = np.full((32, 48, 3), (200, 60, 20), np.uint8)
    read = read_image(saved(tmp_path / "a.tif", flat, compression="jpeg", quality=95))
    assert np.abs(read.astype(int) - flat).max() <= 3


def test_white_may_be_0(tmp_path: Path) -> None:
    grey = tissue()[..., 0].copy()
    tifffile.imwrite(tmp_path / "8.tif", grey, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "8.tif")[..., 0], 255 - grey)
    tifffile.imwrite(tmp_path / "1.tif", grey > 99, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "1.tif")[..., 0], np.where(grey > 99, 0, 255))
    big = {"photometric": "miniswhite", "bigtiff": True, "byteorder": ">"}
    tifffile.imwrite(tmp_path / "big.tif", grey, **big)
    np.testing.assert_array_equal(read_image(tmp_path / "big.tif")[..., 0], 255 - grey)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax_is_black_and_white(tmp_path: Path, compression: str) -> None:
    file = saved(tmp_path / "a.tif", tissue()[..., 0] > 128, compression=compression)
    np.testing.assert_array_equal(read_image(file)[..., 0], 255 * (tissue()[..., 0] > 128))


def test_further_channels_that_are_no_opacity_are_left(tmp_path: Path) -> None:
    five = np.dstack([tissue(), tissue(1)[..., :2]])
    tifffile.imwrite(tmp_path / "a.tif", five, photometric="rgb", extrasamples=["unspecified"] * 2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), tissue())


def test_a_kind_that_nothing_decodes_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "ycbcr.tif", tissue(), photometric="ycbcr")
    deep = np.moveaxis(tissue().astype(np.uint16) * 257, -1, 0).copy()
    tifffile.imwrite(tmp_path / "lzw.tif", deep, photometric="rgb", planarconfig="separate")
    lzw = bytearray((tmp_path / "lzw.tif").read_bytes())
    tag = lzw.index(bytes((3, 1, 3, 0, 1, 0, 0, 0, 1)))  # compression, a short, one of them: none
    lzw[tag + 8] = 5
    (tmp_path / "lzw.tif").write_bytes(lzw)
    for name, channels in {"two": 2, "six": 6}.items():
        stains = np.zeros((40, 48, channels), np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", stains, photometric="minisblack", planarconfig="contig")
    kinds = {"ycbcr": "YCBCR", "two": "MINISBLACK", "six": "MINISBLACK"}
    if find_spec("imagecodecs") is None:
        kinds["lzw"] = "LZW"
    for name, words in kinds.items():
        with pytest.raises(
            UserError, match=rf"{name}\.tif is a TIFF of an unusual kind .*{words}.*: save it"
        ):
            read_image(tmp_path / f"{name}.tif")


def pages(file: Path, *sizes_and_kinds: tuple[int, int], description: str | None = None) -> list[np.ndarray]:
    """A TIFF of square pages, each of a size in px and a kind; their pixels."""
    written = []
    with tifffile.TiffWriter(file) as tiff:
        for seed, (size_px, kind) in enumerate(sizes_and_kinds):
            written.append(tissue(seed, (size_px, size_px)))
            tiff.write(
                written[-1] if kind != MASK else written[-1][..., 0] > 9,
                photometric="rgb" if kind != MASK else "mask",
                subfiletype=kind,
                description=description if seed == 0 else None,
                metadata=None,
            )
    return written


def test_of_a_pyramid_the_full_image_is_read(tmp_path: Path) -> None:
    first, *_ = pages(tmp_path / "a.tif", (64, 0), (32, REDUCED), (16, REDUCED), (8, MASK))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), first)
    _, last = pages(tmp_path / "a.tif", (16, REDUCED), (64, 0))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), last)
    assert image_size(tmp_path / "a.tif") == (64, 64)
    aperio = "Aperio Image Library v11.0\n64x64 |AppMag = 40|MPP = 0.2520"
    first, *_ = pages(tmp_path / "a.tif", (64, 0), (20, 0), (32, 0), (16, REDUCED), description=aperio)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), first)


def test_a_pyramid_in_another_order_of_bytes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True, byteorder=">") as tiff:
        tiff.write(tissue(1, (20, 24)), photometric="rgb", subfiletype=REDUCED)
        tiff.write(tissue(), photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), tissue())
    assert image_size(tmp_path / "a.tif") == (40, 48)


def test_levels_below_an_ome_image_are_left(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tiff:
        tiff.write(tissue(), photometric="rgb", subifds=1)
        tiff.write(tissue()[::2, ::2], photometric="rgb", subfiletype=REDUCED)
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif"), tissue())


@pytest.mark.parametrize("kinds", [[(32, 0), (32, 0)], [(32, 0), (16, 0)], [(32, REDUCED), (16, REDUCED)]])
def test_several_pages_are_refused(tmp_path: Path, kinds: list[tuple[int, int]]) -> None:
    pages(tmp_path / "a.tif", *kinds)
    for read in (read_image, image_size, read_labels):
        with pytest.raises(UserError, match=r"a\.tif holds 2 pages: save the one to use"):
            read(tmp_path / "a.tif")


def test_labels_in_several_pages_are_refused_even_if_one_is_a_copy(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(np.ones((8, 8), np.uint16))
        tiff.write(np.ones((4, 4), np.uint16), subfiletype=REDUCED)
    with pytest.raises(UserError, match=r"a\.tif holds 2 pages"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True, "byteorder": ">"},
        {"bigtiff": True, "byteorder": ">", "compression": "zlib", "rowsperstrip": 9},
        {"bigtiff": True, "byteorder": ">", "tile": (16, 16)},
    ],
    ids=str,
)
@given(share=st.floats(0, 0.99))
@SAME_FILE
def test_what_pillow_does_not_know_is_never_half_read(
    tmp_path: Path, options: dict[str, Any], share: float
) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, tissue(), photometric="rgb", **options)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    sentence = ""
    read = tissue()
    try:
        read = read_image(file)
    except UserError as error:
        sentence = str(error)
    assert not sentence or str(file) in sentence
    np.testing.assert_array_equal(read, tissue())


def enlarged(tiff: bytes) -> bytes:
    """A big-endian BigTIFF that claims to be of 13,000 x 13,000 px."""
    for tag in (256, 257):  # the width and the height: a long integer, one of them
        at = tiff.index(struct.pack(">HHQ", tag, 4, 1)) + 12
        tiff = tiff[:at] + struct.pack(">I", 13_000) + tiff[at + 4 :]
    return tiff


def test_what_is_wrong_with_a_file_is_said_once_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = saved(tmp_path / "a.tif", tissue(), compression="tiff_lzw")  # whose tags stand at the end
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(UserError, match=r"a\.tif is cut short"):
        read_image(file)
    assert caplog.records == []
    tifffile.TiffFile(file).close()  # whoever else opens one still hears it
    assert "invalid offset" in caplog.text


def test_a_small_file_of_another_kind_that_claims_to_be_enormous(tmp_path: Path) -> None:
    options = {"photometric": "rgb", "bigtiff": True, "byteorder": ">"}
    tifffile.imwrite(tmp_path / "a.tif", tissue(), **options)
    (tmp_path / "a.tif").write_bytes(enlarged((tmp_path / "a.tif").read_bytes()))
    with pytest.raises(UserError, match=r"a\.tif claims more than 150 megapixels"):
        read_image(tmp_path / "a.tif")
    options["photometric"] = "minisblack"
    tifffile.imwrite(tmp_path / "b.tif", np.ones((40, 48), np.int64), **options)
    (tmp_path / "b.tif").write_bytes(enlarged((tmp_path / "b.tif").read_bytes()))
    with pytest.raises(UserError, match=r"b\.tif claims more than 150 megapixels"):
        read_labels(tmp_path / "b.tif")


MONUSEG = Path(os.environ.get("MASKLESS_DATA", "nowhere")) / "monuseg"


@pytest.mark.skipif(not MONUSEG.is_dir(), reason="needs MASKLESS_DATA with monuseg")
def test_the_challenge_s_own_tiffs_are_read_as_opencv_reads_them() -> None:
    files = sorted((MONUSEG / "Tissue Images").glob("*.tif"))
    assert len(files) == 4
    for file in files:
        read = read_image(file)
        assert read.shape == (1000, 1000, 3)
        assert image_size(file) == (1000, 1000)
        np.testing.assert_array_equal(read, cv2.imread(str(file), cv2.IMREAD_COLOR)[..., ::-1])
        with Image.open(file) as picture:
            assert (picture.tag_v2[259], picture.tag_v2[317]) == (5, 2)  # LZW, horizontal predictor
        assert re.match("TCGA-", file.name)


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_rows_that_a_file_claims_and_does_not_have_are_not_made_up(tmp_path: Path, read: Any) -> None:
    file = saved(tmp_path / "a.tif", np.arange(40 * 48, dtype=np.uint16).reshape(40, 48))
    content = file.read_bytes()
    (kind,) = (kind for kind in (3, 4) if struct.pack("<HHII", 257, kind, 1, 40) in content)
    claimed = struct.pack("<HHII", 257, kind, 1, 4000)
    file.write_bytes(content.replace(struct.pack("<HHII", 257, kind, 1, 40), claimed))
    with pytest.raises(UserError, match=r"a\.tif is cut short or damaged"):
        read(file)
