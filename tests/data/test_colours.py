import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_files import cmyk_profile, png_of, saved
from layouts import tissue
from PIL import Image, ImageCms

from maskless.data.images import image_size, read_image
from maskless.errors import UserError

SAME_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def seen_on_white(rgba: np.ndarray) -> list[list[list[int]]]:
    """Each channel of each pixel, mixed with white by its opacity and rounded."""
    return [
        [[int((value * a + 255 * (255 - a)) / 255 + 0.5) for value in colour] for *colour, a in row]
        for row in rgba.tolist()
    ]


@given(rgba=arrays(np.uint8, (3, 4, 4), elements=st.sampled_from([0, 1, 90, 254, 255])))
@SAME_FOLDER
def test_what_is_transparent_is_seen_on_white(tmp_path: Path, rgba: np.ndarray) -> None:
    rgba[0, 0], rgba[0, 1] = (10, 20, 30, 255), (200, 20, 30, 90)
    expected = seen_on_white(rgba)
    np.testing.assert_array_equal(read_image(png_of(tmp_path / "a.png", rgba)), expected)
    np.testing.assert_array_equal(read_image(saved(tmp_path / "lzw.tif", rgba)), expected)
    np.testing.assert_array_equal(
        read_image(png_of(tmp_path / "deep.png", rgba.astype(np.uint16) * 257)), expected
    )
    for name, dtype in {"8.tif": np.uint8, "16.tif": np.uint16}.items():
        for order in "<>":
            options = {"photometric": "rgb", "bigtiff": True, "byteorder": order}
            pixels = rgba.astype(dtype) * (257 if dtype == np.uint16 else 1)
            tifffile.imwrite(tmp_path / name, pixels, extrasamples=["unassalpha"], **options)
            np.testing.assert_array_equal(read_image(tmp_path / name), expected)


@given(pixels=arrays(np.uint8, (3, 4, 2)))
@SAME_FOLDER
def test_grey_on_white(tmp_path: Path, pixels: np.ndarray) -> None:
    pixels[0, 0], pixels[0, 1] = (10, 255), (255, 254)
    expected = seen_on_white(pixels[..., [0, 0, 0, 1]])
    np.testing.assert_array_equal(read_image(png_of(tmp_path / "a.png", pixels)), expected)
    deep = pixels.astype(np.uint16) * 257
    np.testing.assert_array_equal(read_image(png_of(tmp_path / "deep.png", deep)), expected)
    options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", deep, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)


def test_colours_that_were_dimmed_for_their_opacity(tmp_path: Path) -> None:
    opacity = np.full((4, 5), 128, np.uint8)
    opacity[0] = 255
    rgb = np.full((4, 5, 3), (100, 50, 0), np.uint8)
    rgb[0] = (200, 100, 0)
    options = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([rgb, opacity]), **options)
    read = read_image(tmp_path / "a.tif").astype(int)
    np.testing.assert_array_equal(read[0], rgb[0])
    assert np.abs(read[1:] - (rgb[1:] + 255.0 - 128)).max() <= 1


def test_a_transparent_palette_entry_or_colour_is_white(tmp_path: Path) -> None:
    image = Image.fromarray(tissue()).quantize(16)
    image.save(tmp_path / "palette.png", transparency=3)
    expected = np.asarray(image.convert("RGB")).copy()
    expected[np.asarray(image) == 3] = 255
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), expected)
    Image.fromarray(tissue()).save(
        tmp_path / "key.png", transparency=tuple(int(value) for value in tissue()[7, 9])
    )
    expected = tissue().copy()
    expected[7, 9] = 255
    np.testing.assert_array_equal(read_image(tmp_path / "key.png"), expected)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (12, 200, 7)])
def test_a_picture_in_the_alpha_channel_is_refused(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    flat = np.full((40, 48, 3), colour, np.uint8)
    file = png_of(tmp_path / "a.png", np.dstack([flat, tissue()[..., 0]]))
    with pytest.raises(UserError, match=r"a\.png has its picture in the alpha channel .* grey image"):
        read_image(file)


def test_a_silhouette_is_seen_as_it_is(tmp_path: Path) -> None:
    shape = tissue()[..., 0] > 99
    file = png_of(tmp_path / "a.png", np.dstack([np.zeros((40, 48, 3), np.uint8), shape * np.uint8(255)]))
    np.testing.assert_array_equal(read_image(file)[..., 1], np.where(shape, 0, 255))


def test_a_picture_that_is_transparent_everywhere_is_refused(tmp_path: Path) -> None:
    file = png_of(tmp_path / "a.png", np.dstack([tissue(), np.zeros((40, 48), np.uint8)]))
    with pytest.raises(UserError, match=r"a\.png is transparent everywhere: save it without"):
        read_image(file)


def inks(shade: np.ndarray) -> Image.Image:
    """Black ink alone, uint8 (H, W) of it."""
    none = np.zeros_like(shade)
    return Image.fromarray(np.dstack([none, none, none, shade]), "CMYK")


def srgb_of(lightness: np.ndarray) -> np.ndarray:
    """The grey value of CIE lightness L*, by the definitions of CIE and sRGB."""
    y = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    return 255 * np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("name", ["a.jpg", "raw.tif", "lzw.tif", "jpeg.tif"])
def test_cmyk_is_converted_by_the_profile_of_the_file(tmp_path: Path, name: str) -> None:
    shade = np.repeat(np.arange(0, 256, 15, dtype=np.uint8), 16)[None].repeat(16, axis=0)
    jpeg, lzw = {"quality": 98}, {"compression": "tiff_lzw"}
    options = {"a.jpg": jpeg, "raw.tif": {}, "lzw.tif": lzw, "jpeg.tif": jpeg | {"compression": "jpeg"}}
    inks(shade).save(tmp_path / name, icc_profile=cmyk_profile(), **options[name])
    read = read_image(tmp_path / name)
    assert read.shape == (16, 288, 3)
    assert np.abs(read - srgb_of(100 * (1 - shade / 255))[..., None]).max() <= 4


def test_cmyk_that_cannot_be_converted_is_refused(tmp_path: Path) -> None:
    picture = inks(tissue()[..., 0])
    for name, profile, said in (
        ("none.jpg", None, "without a profile"),
        ("none.tif", None, "without a profile"),
        ("broken.jpg", cmyk_profile()[:200], "cannot be used"),
        ("other.tif", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "cannot be used"),
    ):
        picture.save(tmp_path / name, **({"icc_profile": profile} if profile else {}))
        with pytest.raises(UserError, match=rf"{re.escape(name)} holds CMYK colours .*{said}.* 8-bit RGB"):
            read_image(tmp_path / name)


def test_other_colours_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", tissue(), photometric="cielab")
    with pytest.raises(UserError, match=r"a\.tif holds CIELAB colours: save it as 8-bit RGB"):
        read_image(tmp_path / "a.tif")


def test_a_profile_of_rgb_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(
            read_image(saved(tmp_path / name, tissue(), icc_profile=profile)), tissue()
        )


def test_palettes(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (256, 3))
    which = tissue()[..., 0].copy()
    table = (colours.T * 257).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", which, photometric="palette", colormap=table)
    picture = Image.fromarray(which)
    picture.putpalette(colours.astype(np.uint8).tobytes())
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.bmp")
    for file in tmp_path.iterdir():
        np.testing.assert_array_equal(read_image(file), colours[which])


def test_of_a_photograph_with_a_depth_map_the_photograph_is_read(tmp_path: Path) -> None:
    flat, other = (Image.fromarray(np.full((32, 48, 3), value, np.uint8)) for value in (200, 20))
    flat.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[other])
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - 200).max() <= 1


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(tissue(seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match=r"a\.png holds 3 pages"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".bmp", ""])
def test_what_a_file_is_counts_and_not_its_ending(tmp_path: Path, kind: str, ending: str) -> None:
    file = saved(tmp_path / f"a{ending}", tissue(), format=kind)
    np.testing.assert_array_equal(read_image(file), tissue())
    assert image_size(file) == (40, 48)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n <!DOCTYPE html><html><body>404</body></html>", "a web page or XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        (b"%PDF-1.7 and more of it", "a PDF"),
        (b"GIF89a and more of it", "a GIF"),
        (b"PK\x03\x04 and more of it", "a ZIP archive"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_image, image_size):
        with pytest.raises(
            UserError, match=rf"a\.png is not a PNG, JPEG, TIFF or BMP image .*; it is {said}"
        ):
            read(tmp_path / "a.png")


def test_other_formats_are_called_what_they_are(tmp_path: Path) -> None:
    for kind, said in {"WEBP": "a WebP", "GIF": "a GIF", "JPEG2000": "a JPEG 2000", "AVIF": "AVIF"}.items():
        file = saved(tmp_path / "a.jpg", tissue(), format=kind)
        with pytest.raises(UserError, match=rf"a\.jpg is not a PNG, JPEG, TIFF or BMP image .*{said}"):
            read_image(file)


def test_opencv_agrees_on_what_a_microscope_camera_writes(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.bmp"):
        cv2.imwrite(str(tmp_path / name), tissue()[..., ::-1])
        np.testing.assert_array_equal(read_image(tmp_path / name), tissue())
