"""Label images and masks, whose numbers pass unchanged or are refused.

Decoders are lenient where science must not be: a 4-bit grey label is multiplied by 17, unsigned 32 bits come
out as signed, a damaged PNG yields whatever was decoded. Each of these is refused here, in one sentence.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskless.data.picture import bits_per_sample, load, opened, orientation, page_count, several_pages, tag
from maskless.data.tiff import PHOTOMETRIC, SAMPLE_FORMAT, SIGNED, WHITE_IS_ZERO, UnusualTiff, read_numbers
from maskless.data.wrapped_ids import squeezed_into_8_bits
from maskless.errors import UserError
from maskless.signals import IGNORE

#: In the place of an id, where a label image says that nothing is known.
UNKNOWN = -1
_WHITE = (1, 255, 65535)  # of masks
_PIECES_OF_A_MASK = 3  # one nucleus may be in two, if another lies across it


def read_labels(
    path: str | Path, size: tuple[int, int] | None = None, ignore: int | None = None
) -> NDArray[np.int32]:
    """A label image (PNG or TIFF of 8 to 64 bits) as int32 (H, W), ids as in the file, 0 = background.

    `size` is the (H, W) of the image that the labels belong to, if they are to be checked against it. Where
    the file holds `ignore`, nothing is known, and the result is UNKNOWN. Raises UserError for a file that is
    missing, damaged or of another size, for anything but one channel of whole numbers from 0 to 2**31 - 1,
    for ids that were squeezed into 8 bits (see `squeezed_into_8_bits`), and for a mask, which does not tell
    one nucleus from the next: 0 and 255 in 8 bits, or a single id of 1, 255 or 65535 in three pieces or more
    (pixels that share a corner are of one).
    """
    path = Path(path)
    labels = _ids(path)
    _refuse_other_size(path, labels.shape, size)
    unknown = np.zeros(labels.shape, bool) if ignore is None else labels == ignore
    labels = np.where(unknown, labels.dtype.type(0), labels)
    if labels.min() < 0:
        raise UserError(f"{path} holds negative ids: nuclei are numbered from 1, 0 is background")
    if labels.max() > np.iinfo(np.int32).max:
        raise UserError(f"{path} holds ids above 2147483647, which are not supported: relabel them from 1")
    if labels.max() in _WHITE and not ((labels > 0) & (labels < labels.max())).any():
        if labels.dtype == np.uint8 and labels.max() == 255:
            raise UserError(_binary(path))
        pieces = cv2.connectedComponents((labels > 0).astype(np.uint8), connectivity=8)[0] - 1
        if pieces >= _PIECES_OF_A_MASK:
            raise UserError(_binary(path, f"only 0 and {labels.max()}, the latter in {pieces} pieces"))
    if squeezed := squeezed_into_8_bits(labels):
        raise UserError(
            f"{path} has lost ids: {squeezed}; save it anew from its source, with 16 bits or more"
        )
    found = np.ascontiguousarray(labels, dtype=np.int32)
    found[unknown] = UNKNOWN
    return found


def read_binary(
    path: str | Path, size: tuple[int, int] | None = None, ignore: int | None = None
) -> NDArray[np.uint8]:
    """A mask (PNG, TIFF, BMP) as uint8 (H, W): 0 = background, 1 = nucleus, which is white, the larger value.

    The file holds 0 and 1, 0 and 255, 0 and 65535 (16 bits) or single bits; as grey, in equal colours, or as
    floating-point numbers. `size` is as for `read_labels`. Where the file holds `ignore`, nothing is known,
    and the result is IGNORE, 255. Raises UserError for a file that is missing, damaged or of another size,
    and for any value between, with its first place, counted from row 0, column 0.
    """
    path = Path(path)
    values = _values(path)
    _refuse_other_size(path, values.shape, size)
    unknown = np.zeros(values.shape, bool) if ignore is None else values == ignore
    values = np.where(unknown, values.dtype.type(0), values)
    white = next((white for white in (65535, 255) if (values == white).any()), 1)
    mask = values == white
    between = ~mask & (values != 0)  # also what is no number
    if between.any():
        row, col = _first(between)
        raise UserError(
            f"{path} holds {values[row, col]:g} at row {row}, column {col}, but a mask holds 0 and 255 (or 0 "
            "and 1) and nothing between: threshold it, and save it as PNG"
        )
    return np.where(unknown, np.uint8(IGNORE), mask.astype(np.uint8))


def _decoded(path: Path) -> Image.Image:
    """The picture of a file that holds one, on the grid that it is stored in."""
    with opened(path) as picture:
        pages = page_count(path, picture)
        if pages > 1:
            raise UserError(several_pages(path, pages))
        if orientation(picture) != 1:
            raise UserError(
                f"{path} asks to be rotated or mirrored when shown: save it upright, without that request"
            )
        load(path, picture)
    return picture


def _ids(path: Path) -> NDArray[Any]:
    """The whole numbers of a label image, (H, W), of the type that they are stored as."""
    try:
        picture = _decoded(path)
    except UnusualTiff:  # such as 64 bits
        labels = read_numbers(path)
        if labels.dtype.kind == "b":
            raise UserError(_binary(path)) from None
        if labels.dtype.kind == "f":
            raise UserError(_floating(path, labels)) from None
        return labels
    bits = bits_per_sample(path, picture)
    _refuse_unless_ids(path, picture, bits)
    labels = np.asarray(picture)
    if bits == 16:
        return labels
    # A decoder hands out int32 for unsigned 32 bits and uint8 for signed 8 bits.
    signed = tag(picture, SAMPLE_FORMAT) == SIGNED
    return labels.view(np.dtype(f"{'i' if signed else 'u'}{bits // 8}"))


def _refuse_unless_ids(path: Path, picture: Image.Image, bits: int) -> None:
    if picture.format not in ("PNG", "TIFF"):
        raise UserError(
            f"{path} is a {picture.format} file, but label images are PNG or TIFF, which keep ids exactly"
        )
    if picture.mode == "1" or bits == 1:
        raise UserError(_binary(path))
    if picture.mode == "F":
        raise UserError(_floating(path, np.asarray(picture)))
    one_channel = picture.mode == "L" or picture.mode.startswith("I")
    if not one_channel or "transparency" in picture.info:
        raise UserError(
            f"{path} holds colours ({picture.mode}), but a label image has one channel: an id a pixel"
        )
    if bits not in (8, 16, 32) or tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO:
        raise UserError(f"{path} stores its ids in an unusual way: save it with 8, 16 or 32 bits, black as 0")


def _values(path: Path) -> NDArray[Any]:
    """The values of a grey picture, (H, W), whatever it is stored as; single bits as 0 and 255."""
    try:
        picture = _decoded(path)
    except UnusualTiff:  # such as 64 bits
        return read_numbers(path)
    if tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO:
        raise UserError(
            f"{path} stores white as 0 (an inverting table), so it is not clear what the nuclei are: save it "
            "with black as 0, nuclei white"
        )
    if picture.mode in ("L", "F") or (picture.mode.startswith("I") and "transparency" not in picture.info):
        return np.asarray(picture)
    rgba = np.asarray(picture.convert("RGBA"))
    if rgba[..., 3].min() < 255:
        row, col = _first(rgba[..., 3] < 255)
        raise UserError(
            f"{path} is transparent at row {row}, column {col}: save the mask without an alpha channel"
        )
    coloured = (rgba[..., 0] != rgba[..., 1]) | (rgba[..., 0] != rgba[..., 2])
    if coloured.any():
        row, col = _first(coloured)
        colour = ", ".join(str(value) for value in rgba[row, col, :3])
        raise UserError(
            f"{path} holds the colour ({colour}) at row {row}, column {col}, but a mask is black and white"
        )
    return rgba[..., 0]


def _first(where: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the first pixel of a condition; of the first of all, if it holds nowhere."""
    row, col = np.unravel_index(int(where.argmax()), where.shape)
    return int(row), int(col)


def _refuse_other_size(path: Path, shape: tuple[int, ...], size: tuple[int, int] | None) -> None:
    if size is not None and shape != tuple(size):
        raise UserError(
            f"{path} is {shape[0]} x {shape[1]} px (rows x columns), but its image is "
            f"{size[0]} x {size[1]} px"
        )


def _floating(path: Path, values: NDArray[np.floating]) -> str:
    fractions = values != np.floor(values)
    row, col = _first(fractions if fractions.any() else values != 0)
    return (
        f"{path} holds floating-point numbers ({values[row, col]:g} at row {row}, column {col}), but ids are "
        "whole numbers: save it as 16 or 32 bits"
    )


def _binary(path: Path, holds: str = "only 0 and 255, or 1 bit") -> str:
    return (
        f"{path} is a binary mask ({holds}), but ids are expected, one number a nucleus: relabel it, for "
        "example with skimage.measure.label, or put it in masks/ of a source that is a folder"
    )
