"""TIFFs beyond Pillow: those it does not know, those it scrambles, and pages that are copies."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskless.data.ome import ome_pixels
from maskless.data.pixels import eight_bits, on_white, turned
from maskless.errors import UserError
from maskless.resizing import MAX_PIXELS

if TYPE_CHECKING:
    from tifffile import TiffPage

#: How a TIFF begins: up to 4 GB or a BigTIFF, in either order of bytes.
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Tags of the format, and values of theirs.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION, ORIENTATION = 256, 257, 258, 259, 262, 270, 274
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, SAMPLE_FORMAT = 282, 283, 284, 296, 339
WHITE_IS_ZERO, SIGNED = 0, 2
_MAX_SAMPLE, _EXTRA_SAMPLES, _S_MAX_SAMPLE = 281, 338, 341
_BLACK_IS_ZERO, _RGB, _YCBCR = 1, 2, 6
_JPEG = (6, 7)
_SEPARATE_PLANES = 2
_REDUCED, _MASK = 0b1, 0b100  # of NewSubfileType
_UNSPECIFIED, _STRAIGHT_ALPHA = 0, 2  # of ExtraSamples


class UnusualTiff(UserError):
    """A TIFF that is not left to Pillow. Its sentence is for those who have nothing else to read it with."""


def unusual(path: Path) -> UnusualTiff:
    """The error for a TIFF that Pillow cannot open, or must not."""
    try:
        with _pages(path) as pages:
            return UnusualTiff(_kind(path, pages[0]))
    except UserError as error:
        return UnusualTiff(str(error))


def scrambled(picture: Image.Image) -> bool:
    """Whether Pillow would decode a TIFF wrongly, or lose bits that matter. It does so without a word."""

    def number(tag: int) -> Any:
        return first(picture.tag_v2.get(tag))  # type: ignore[attr-defined]

    photometric = number(PHOTOMETRIC)
    if number(SAMPLE_FORMAT) == SIGNED or (photometric == _YCBCR and number(COMPRESSION) not in _JPEG):
        return True
    if photometric in (WHITE_IS_ZERO, _BLACK_IS_ZERO) and number(_EXTRA_SAMPLES) == _UNSPECIFIED:
        return True  # several stains, say, of which Pillow takes the first
    if (number(BITS) or 1) <= 8:
        return False
    if picture.mode.startswith("I;16"):
        return photometric == WHITE_IS_ZERO
    return number(PLANAR) == _SEPARATE_PLANES or significant_bits(picture.tag_v2.get) < 16  # type: ignore[attr-defined]


def significant_bits(tag: Callable[[int], Any]) -> int:
    """How many of 16 bits a camera used, as far as the file says so (9 to 15), else 16.

    Said by OME-XML, or by a largest sample value of 2**bits - 1; any other is a statistic of the pixels.
    """
    for pixels in ome_pixels(tag(DESCRIPTION))[:1]:
        said = pixels.get("SignificantBits", "")
        if said.isdecimal() and 8 < int(said) < 16:
            return int(said)
    for largest in (first(tag(_S_MAX_SAMPLE)), first(tag(_MAX_SAMPLE))):
        if largest in [(1 << bits) - 1 for bits in range(9, 16)]:
            return int(largest).bit_length()
    return 16


def page_count_of_tiff(path: Path) -> int:
    """How many pages a TIFF has, without the smaller copies that hang below one of them (SubIFDs)."""
    with _pages(path) as pages:
        return len(pages)


def full_page(path: Path) -> int:
    """The index of the only page that is no copy of another: not reduced, no mask, no thumbnail of Aperio's.

    Raises UserError, naming the file, if there are several.
    """
    with _pages(path) as pages:
        reduced = [bool(page.subfiletype & (_REDUCED | _MASK)) for page in pages]
        if pages[0].description.startswith("Aperio"):  # which does not mark its thumbnail
            reduced[1:] = [True] * (len(pages) - 1)
    if reduced.count(False) != 1:
        raise UserError(f"{path} holds {len(pages)} pages: save the one to use as a file of its own")
    return reduced.index(False)


def tiff_size(path: Path) -> tuple[int, int]:
    """(H, W) in px of the upright image that `read_tiff` reads."""
    number = full_page(path)
    with _pages(path) as pages:
        page = pages[number]
        size = (page.imagelength, page.imagewidth)
        return size[::-1] if _orientation(page) >= 5 else size


def read_tiff(path: Path) -> NDArray[np.uint8]:
    """A grey or RGB TIFF of 8 or 16 bits as uint8 (H, W, 3), without Pillow, which does not know it.

    Big-endian BigTIFF, 16 bits in separate planes, grey of 16 bits with opacity or with white as 0, colours
    of which 9 to 15 bits count. Raises UserError for any other and for a damaged file.
    """
    number = full_page(path)
    with _pages(path) as pages:
        page = pages[number]
        colours = {WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3}.get(page.photometric)
        extra = page.extrasamples[:1]
        if (
            page.dtype not in (np.uint8, np.uint16)
            or page.samplesperpixel - len(page.extrasamples) != colours
            or not (extra in ((), (_STRAIGHT_ALPHA,)) or (colours == 3 and extra == (_UNSPECIFIED,)))
        ):
            raise UserError(_kind(path, page))
        samples = _decoded(path, page)
        bits = min(page.bitspersample, significant_bits(page.tags.valueof))
        inverted = page.photometric == WHITE_IS_ZERO
        orientation = _orientation(page)
    values, opacity = samples[..., :colours], samples[..., colours] if extra == (_STRAIGHT_ALPHA,) else None
    if values.max() >= 1 << bits:  # what was said is not so
        bits = 16
    if inverted:
        values = np.array((1 << bits) - 1, values.dtype) - values
    if values.dtype == np.uint16:
        values = eight_bits(path, values, bits)
        opacity = None if opacity is None else (opacity >> 8).astype(np.uint8)
    rgb = np.repeat(values, 3, axis=2) if colours == 1 else values
    return np.ascontiguousarray(turned(rgb if opacity is None else on_white(path, rgb, opacity), orientation))


def read_numbers(path: Path) -> NDArray[Any]:
    """The numbers of a TIFF with one page and one channel as they are, (H, W), of whatever type, say float64.

    Raises UserError for any other and for a damaged file.
    """
    with _pages(path) as pages:
        page = pages[0]
        if len(pages) > 1 or page.samplesperpixel > 1 or page.dtype is None or page.dtype.kind == "c":
            raise UserError(_kind(path, page))
        if page.photometric != _BLACK_IS_ZERO or _orientation(page) != 1:
            raise UserError(_kind(path, page))
        return _decoded(path, page)[..., 0]


def first(value: Any) -> Any:
    """A tag's number, or the first of several; None for a tag that is absent."""
    return next(iter(value), None) if isinstance(value, tuple) else value


def too_large(path: Path) -> str:
    """The sentence for an image that must not be decoded at once."""
    limit = MAX_PIXELS // 10**6
    return f"{path} claims more than {limit} megapixels, too many to hold at once: cut it into tiles"


def damaged(path: Path) -> str:
    """The sentence for an image of which a part is missing or wrong."""
    return f"{path} is cut short or damaged and cannot be decoded: get it again"


def needs_codec(error: Exception) -> bool:
    """Whether tifffile cannot decode for want of another package, not because of the file."""
    return isinstance(error, ImportError) or "imagecodecs" in str(error)


def _decoded(path: Path, page: "TiffPage") -> NDArray[Any]:
    """The samples of a page, (H, W, channels)."""
    if page.imagelength * page.imagewidth > MAX_PIXELS:
        raise UserError(too_large(path))
    try:
        samples = page.asarray()
    except Exception as error:
        raise UserError(_kind(path, page) if needs_codec(error) else damaged(path)) from error
    if samples.ndim == 2:
        samples = samples[..., None]
    elif page.planarconfig == _SEPARATE_PLANES:
        samples = np.moveaxis(samples, 0, -1)
    if samples.size == 0 or samples.shape != (page.imagelength, page.imagewidth, page.samplesperpixel):
        raise UserError(damaged(path))
    return samples


@contextmanager
def _pages(path: Path) -> Iterator[list["TiffPage"]]:
    """The pages of a file, of which there is at least one, with their tags read; open as long as needed."""
    from tifffile import TiffFile  # slow to import, and seldom needed

    try:
        with unlogged(), TiffFile(path) as file:
            pages = list(file.pages)
            if not pages:
                raise UserError(damaged(path))
            yield cast("list[TiffPage]", pages)
    except UserError:
        raise
    except Exception as error:  # a damaged file raises anything at all, and has tags of any type
        raise UserError(damaged(path)) from error


@contextmanager
def unlogged() -> Iterator[None]:
    """Without what tifffile logs in this thread: it all comes back as an error, which names the file."""
    logger, here = logging.getLogger("tifffile"), get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(elsewhere)


def _orientation(page: "TiffPage") -> int:
    value = page.tags.valueof(ORIENTATION)
    return value if value in range(1, 9) else 1


def _kind(path: Path, page: "TiffPage") -> str:
    holds = f"{page.dtype} samples" if page.dtype is not None else f"samples of {page.bitspersample} bits"
    colours = getattr(page.photometric, "name", page.photometric)
    compression = getattr(page.compression, "name", page.compression)
    return (
        f"{path} is a TIFF of an unusual kind ({holds}, {colours}, compression {compression}): save it as "
        "8-bit RGB, or a label image as 16 or 32 bits, with LZW compression or none"
    )
