"""Reading image files: as a person sees them in a viewer, or refused in one sentence, never guessed at.

What is done with each kind of file is a table in docs/images.md.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from maskless.data.label_images import read_binary, read_labels
from maskless.data.picture import (
    bits_per_sample,
    load,
    opened,
    orientation,
    page_count,
    several_pages,
    tag,
    turn_to,
)
from maskless.data.pixels import check_full_range, eight_bits, on_white, turned
from maskless.data.stated_spacing import stated_mpp
from maskless.data.tiff import (
    HEIGHT,
    WIDTH,
    UnusualTiff,
    full_page,
    read_tiff,
    scrambled,
    significant_bits,
    tiff_size,
    unusual,
)
from maskless.errors import UserError

__all__ = [
    "SUFFIXES",
    "image_size",
    "read_binary",
    "read_image",
    "read_labels",
    "stated_mpp",
]

#: Endings of the files that can be read as images.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

_COLOUR_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_REFUSED_MODES = {"LAB": "CIELAB colours", "F": "floating-point numbers", "I": "32-bit numbers"}


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """An image file (PNG, JPEG, TIFF or BMP) as uint8 (H, W, 3), RGB, 0 to 255, as a viewer shows it.

    Grey, palette and one-bit images become RGB without a change of their colours; 16 bits become their upper
    8; what is transparent is laid on white; CMYK is converted by the file's own profile; a rotation that the
    file asks for is done; of a pyramid, the full image is read. Raises UserError for a file that is missing,
    damaged or no such image, and for what could only be guessed at: 10 to 14 bits that are said to be 16,
    CMYK without a profile, CIELAB, numbers that are signed, floating or of 32 bits, several pages.
    """
    path = Path(path)
    try:
        with opened(path) as picture:
            _select_page(path, picture)
            asked = orientation(picture)
            load(path, picture)
            rgb = _rgb(path, picture)
            turn = 1 if picture.format == "TIFF" else asked  # which Pillow has turned already
    except UnusualTiff:
        return read_tiff(path)
    return np.ascontiguousarray(turned(rgb, turn))


def image_size(path: str | Path) -> tuple[int, int]:
    """(H, W) in px of the image as `read_image` reads it, by the header. Raises UserError if it cannot."""
    path = Path(path)
    try:
        with opened(path) as picture:
            _select_page(path, picture)
            width, height = tag(picture, WIDTH) or picture.width, tag(picture, HEIGHT) or picture.height
            return (width, height) if orientation(picture) >= 5 else (height, width)
    except UnusualTiff:
        return tiff_size(path)


def _select_page(path: Path, picture: Image.Image) -> None:
    """Turn to the page to read, and leave to others what Pillow would decode wrongly (UnusualTiff)."""
    pages = page_count(path, picture)
    if pages > 1:
        if picture.format != "TIFF":
            raise UserError(several_pages(path, pages))
        turn_to(path, picture, full_page(path))
    if picture.format == "TIFF" and scrambled(picture):
        raise unusual(path)


def _rgb(path: Path, picture: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a loaded picture as they lie in the file, RGB uint8 (H, W, 3)."""
    bits = bits_per_sample(path, picture)
    if picture.mode == "CMYK":
        return _converted(path, picture)
    if not (picture.mode in _COLOUR_MODES or picture.mode.startswith("I;16")):
        held = _REFUSED_MODES.get(picture.mode, f"colours of an unusual kind ({picture.mode})")
        raise UserError(f"{path} holds {held}: save it as 8-bit RGB")
    if bits > 8 and "transparency" in picture.info:  # which Pillow compares with what is left of 16 bits
        raise UserError(f"{path} marks one of its 16-bit colours as transparent: save it as 8-bit RGB")
    if picture.mode.startswith("I;16"):
        grey = eight_bits(path, np.asarray(picture), min(bits, _significant_bits(picture)))
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        pixels = np.asarray(picture.convert("RGBA"))
        rgb = on_white(path, pixels[..., :3], pixels[..., 3])
    else:
        rgb = np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))
    if bits > 8:  # of which Pillow leaves the upper 8
        check_full_range(path, rgb)
    return rgb


def _significant_bits(picture: Image.Image) -> int:
    return significant_bits(picture.tag_v2.get) if picture.format == "TIFF" else 16  # type: ignore[attr-defined]


def _converted(path: Path, picture: Image.Image) -> NDArray[np.uint8]:
    """A CMYK picture as sRGB, by its own profile: without one, inks look different on every paper."""
    profile = picture.info.get("icc_profile")
    if not profile:
        raise UserError(
            f"{path} holds CMYK colours without a profile that says how they look: save it as 8-bit RGB"
        )
    try:
        shown = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise UserError(
            f"{path} holds CMYK colours with a profile that cannot be used: save it as 8-bit RGB"
        ) from error
    return np.array(shown)
