"""Reading image and label files, so that what cannot be read faithfully is refused and never guessed at.

Decoders are lenient where science must not be: 16-bit colour loses its low byte, a 4-bit grey label is
multiplied by 17, a damaged PNG yields whatever was decoded. Each of these is refused here, in one sentence.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from maskless.errors import UserError

#: Endings of the files that can be read as images.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
#: More than this (about 12,000 x 12,000) is not decoded at once: a tiny file can claim to be enormous.
MAX_PIXELS = 150_000_000

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_COLOUR_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr"})
_REFUSED_MODES = {"CMYK": "CMYK colours", "LAB": "CIELAB colours", "F": "floating-point numbers"}
_BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLE_FORMAT = 258, 262, 274, 339  # TIFF tags
_WHITE_IS_ZERO, _SIGNED = 0, 2  # values of the tags photometric interpretation and sample format


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """An image file (PNG, JPEG, TIFF or BMP) as uint8 (H, W, 3), RGB, 0 to 255.

    Grey, palette and fully opaque images become RGB without a change of their colours. Raises UserError for a
    file that is missing, damaged or no such image, and for what eight-bit RGB cannot hold: more than 8 bits
    a channel, CMYK or CIELAB, transparency, several pages, a rotation left to the viewer.
    """
    path = Path(path)
    picture = _decoded(path)
    if picture.mode not in _COLOUR_MODES or _bits(path, picture) > 8:
        held = _REFUSED_MODES.get(picture.mode, "more than 8 bits a channel")
        raise UserError(f"{path} holds {held}: save it as 8-bit RGB")
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        pixels = np.asarray(picture.convert("RGBA"))
        if pixels[..., 3].min() < 255:
            raise UserError(f"{path} is transparent in places: save it without an alpha channel")
        return np.ascontiguousarray(pixels[..., :3])
    return np.array(picture.convert("RGB"))


def read_labels(path: str | Path, size: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """A label image (PNG or TIFF of 8, 16 or 32 bits) as int32 (H, W), ids as in the file, 0 = background.

    `size` is the (H, W) of the image that the labels belong to, if they are to be checked against it. Raises
    UserError for a file that is missing, damaged or of another size, for anything but one channel of whole
    numbers from 0 to 2**31 - 1, and for a mask of 0 and 255, which does not tell one nucleus from the next.
    """
    path = Path(path)
    picture = _decoded(path)
    bits = _bits(path, picture)
    _refuse_unless_ids(path, picture, bits)
    labels = np.asarray(picture)
    signed = _tag(picture, _SAMPLE_FORMAT) == _SIGNED
    if bits != 16:  # a decoder hands out int32 for unsigned 32 bits and uint8 for signed 8 bits
        labels = labels.view(np.dtype(f"{'i' if signed else 'u'}{bits // 8}"))
    if size is not None and labels.shape != tuple(size):
        raise UserError(
            f"{path} is {labels.shape[0]} x {labels.shape[1]} px (rows x columns), but its image is "
            f"{size[0]} x {size[1]} px"
        )
    if labels.min() < 0:
        raise UserError(f"{path} holds negative ids: nuclei are numbered from 1, 0 is background")
    if labels.max() > np.iinfo(np.int32).max:
        raise UserError(f"{path} holds ids above 2147483647, which are not supported: relabel them from 1")
    if bits == 8 and labels.max() == 255 and not ((labels > 0) & (labels < 255)).any():
        raise UserError(_binary(path))
    return np.ascontiguousarray(labels, dtype=np.int32)


def image_size(path: str | Path) -> tuple[int, int]:
    """(H, W) in px, from the header alone. Raises UserError if that cannot be read."""
    with _opened(Path(path)) as picture:
        width, height = picture.size
        return height, width


def pair_problems(image: Path | None, labels: Path | None) -> list[str]:
    """What is wrong with an image and its label image (None for one that is not there), a sentence each.

    Both are decoded to the end: a header does not show that a file was cut short.
    """
    found = []
    size = None
    if image is not None:
        try:
            height, width, _ = read_image(image).shape
            size = (height, width)
        except UserError as error:
            found.append(str(error))
    if labels is not None:
        try:
            read_labels(labels, size)
        except UserError as error:
            found.append(str(error))
    return found


def _opened(path: Path) -> Image.Image:
    """The picture with its header read. Every failure becomes a sentence that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures and odd metadata: judged below
            picture = Image.open(path, formats=_FORMATS)
            pages = getattr(picture, "n_frames", 1)
            # In a PNG, looking for a rotation would decode the pixels, and viewers do not look either.
            rotation = 1 if picture.format == "PNG" else picture.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # decoders raise anything at all on a damaged file
        raise UserError(_sentence(path, error)) from error
    if picture.size[0] * picture.size[1] > MAX_PIXELS:
        raise UserError(_too_large(path))
    if pages > 1:
        raise UserError(f"{path} holds {pages} pages: save the one to use as a file of its own")
    if rotation != 1:
        raise UserError(
            f"{path} asks to be rotated or mirrored when shown: save it upright, without that request"
        )
    return picture


def _decoded(path: Path) -> Image.Image:
    """The picture with its pixels read to the end."""
    picture = _opened(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if picture.format == "PNG":  # whose checksums only `verify` looks at; it uses the picture up
                picture.verify()
                picture = Image.open(path, formats=("PNG",))
            picture.load()
    except Exception as error:
        raise UserError(_sentence(path, error)) from error
    return picture


def _sentence(path: Path, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path)
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder, where an image file is expected"
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist"
    if isinstance(error, OSError) and error.errno is not None:  # of the system; decoders give no number
        return f"{path} cannot be opened: {error.strerror}"
    if path.stat().st_size == 0:
        return f"{path} is empty (0 bytes): get it again"
    if isinstance(error, UnidentifiedImageError):
        return f"{path} is not a PNG, JPEG, TIFF or BMP image that can be read, or its beginning is damaged"
    return f"{path} is cut short or damaged and cannot be decoded: get it again"


def _too_large(path: Path) -> str:
    limit = MAX_PIXELS // 10**6
    return f"{path} claims more than {limit} megapixels, too many to hold at once: cut it into tiles"


def _binary(path: Path) -> str:
    return (
        f"{path} is a binary mask (only 0 and 255, or 1 bit), but ids are expected, one number a nucleus: "
        "relabel it, for example with skimage.measure.label"
    )


def _refuse_unless_ids(path: Path, picture: Image.Image, bits: int) -> None:
    if picture.format not in ("PNG", "TIFF"):
        raise UserError(
            f"{path} is a {picture.format} file, but label images are PNG or TIFF, which keep ids exactly"
        )
    if picture.mode == "1" or bits == 1:
        raise UserError(_binary(path))
    if picture.mode == "F":
        raise UserError(
            f"{path} holds floating-point numbers, but ids are whole numbers: save it as 16 or 32 bits"
        )
    one_channel = picture.mode == "L" or picture.mode.startswith("I")
    if not one_channel or "transparency" in picture.info:
        raise UserError(
            f"{path} holds colours ({picture.mode}), but a label image has one channel: an id a pixel"
        )
    if bits not in (8, 16, 32) or _tag(picture, _PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise UserError(f"{path} stores its ids in an unusual way: save it with 8, 16 or 32 bits, black as 0")


def _bits(path: Path, picture: Image.Image) -> int:
    """Bits a sample as stored, which the mode of a decoded picture does not tell."""
    if picture.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # the header chunk is always the first
    if picture.format == "TIFF":
        return max(picture.tag_v2.get(_BITS, (1,)))  # type: ignore[attr-defined]
    return 8


def _tag(picture: Image.Image, tag: int) -> int | None:
    """A TIFF tag that holds one number; None if it is absent or the picture no TIFF."""
    value = getattr(picture, "tag_v2", {}).get(tag)
    return value[0] if isinstance(value, tuple) else value
