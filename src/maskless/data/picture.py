"""Opening an image file with Pillow, so that every failure is a sentence that names the file."""

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from maskless.data.tiff import (
    BITS,
    HEIGHT,
    ORIENTATION,
    SIGNATURES,
    damaged,
    first,
    page_count_of_tiff,
    too_large,
    unusual,
)
from maskless.errors import UserError
from maskless.resizing import MAX_PIXELS

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
#: What is often found under an image's name, by how it begins.
_STRANGERS = {
    b"<": "a web page or XML",
    b"version https://git-lfs": "a Git LFS pointer, in the place of the file",
    b"%PDF": "a PDF",
    b"GIF8": "a GIF",
    b"RIFF": "a WebP",
    b"\0\0\0\x0cjP": "a JPEG 2000",
    b"\0\0\0 ftyp": "a HEIC or AVIF photograph",
    b"\0\0\0\x1cftyp": "a HEIC or AVIF photograph",
    b"PK": "a ZIP archive",
    b"\x89HDF": "an HDF5 file",
}


def opened(path: Path) -> Image.Image:
    """The picture with its header read, at its first page.

    Raises UserError for what is no image or a picture too large to decode, UnusualTiff for a TIFF that
    Pillow does not know.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures and odd metadata: judged below
            picture = Image.open(path, formats=_FORMATS)
    except Exception as error:  # decoders raise anything at all on a damaged file
        if _beginning(path).startswith(SIGNATURES) and not isinstance(error, Image.DecompressionBombError):
            raise unusual(path) from error
        raise UserError(_sentence(path, error)) from error
    _refuse_impossible_size(path, picture)
    return picture


def load(path: Path, picture: Image.Image) -> None:
    """Read the pixels of an opened picture to the end."""
    if picture.format == "TIFF" and _rows_held(picture) < (tag(picture, HEIGHT) or picture.height):
        raise UserError(damaged(path))  # which Pillow would fill up with black
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if picture.format == "PNG":  # whose checksums only `verify` looks at; it uses the picture up
                Image.open(path, formats=("PNG",)).verify()
            picture.load()
    except Exception as error:
        raise UserError(_sentence(path, error)) from error


def page_count(path: Path, picture: Image.Image) -> int:
    """The pages of a TIFF, the frames of a PNG; 1 for a photograph with others (depth, say) behind it."""
    if picture.format == "TIFF":  # Pillow would stop at a page that it does not know
        return page_count_of_tiff(path) if picture.tag_v2.next else 1  # type: ignore[attr-defined]
    return 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)


def several_pages(path: Path, pages: int) -> str:
    """The sentence for a file of which it is not clear what to read."""
    return f"{path} holds {pages} pages: save the one to use as a file of its own"


def orientation(picture: Image.Image) -> int:
    """How the picture asks to be shown, 1 to 8 as in EXIF; 1, upright, also where that cannot be read.

    To be called before the pixels are read: Pillow turns a TIFF itself then. In a PNG, as in browsers, only
    what stands before the pixels counts.
    """
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = picture.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1
    return value if value in range(1, 9) else 1


def bits_per_sample(path: Path, picture: Image.Image) -> int:
    """Bits a sample as stored, which the mode of a decoded picture does not tell."""
    if picture.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # the header chunk is always the first
    if picture.format == "TIFF":
        return max(picture.tag_v2.get(BITS, (1,)))  # type: ignore[attr-defined]
    return 8


def tag(picture: Image.Image, number: int) -> int | None:
    """A TIFF tag that holds numbers, the first of them; None if it is absent or the picture no TIFF."""
    return first(getattr(picture, "tag_v2", {}).get(number))


def turn_to(path: Path, picture: Image.Image, page: int) -> None:
    """Go to a page of a TIFF. Raises UnusualTiff if Pillow does not know it, UserError if it is too large."""
    try:
        picture.seek(page)
    except Exception as error:
        raise unusual(path) from error
    _refuse_impossible_size(path, picture)


def _rows_held(picture: Image.Image) -> int:
    """The row in which the last piece of an opened picture ends."""
    return max((box[3] for _, box, *_ in picture.tile), default=0)  # type: ignore[attr-defined]


def _refuse_impossible_size(path: Path, picture: Image.Image) -> None:
    if 0 in picture.size:
        raise UserError(damaged(path))
    if picture.size[0] * picture.size[1] > MAX_PIXELS:
        raise UserError(too_large(path))


def _sentence(path: Path, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return too_large(path)
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder, where an image file is expected"
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist"
    if isinstance(error, OSError) and error.errno is not None:  # of the system; decoders give no number
        return f"{path} cannot be opened: {error.strerror}"
    if path.stat().st_size == 0:
        return f"{path} is empty (0 bytes): get it again"
    if not isinstance(error, UnidentifiedImageError):
        return damaged(path)
    begins = _beginning(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    what = next((f"; it is {what}" for begin, what in _STRANGERS.items() if begins.startswith(begin)), "")
    return f"{path} is not a PNG, JPEG, TIFF or BMP image that can be read, or its beginning is damaged{what}"


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""
