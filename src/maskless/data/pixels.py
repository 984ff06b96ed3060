"""Pixels of any kind as what a network takes: 8 bits, opaque, upright."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError

#: 16-bit values that all lie below this are of a camera with fewer bits (8, 10, 12 or 14), left unscaled.
_FULL_RANGE = 1 << 14


def eight_bits(path: Path, values: NDArray[np.uint16], bits: int = 16) -> NDArray[np.uint8]:
    """The upper 8 of the lower `bits` bits of uint16 values of any shape, as uint8.

    Raises UserError, naming `path`, for values that use a fraction of 16 bits, and for none beyond `bits`
    (which then do not describe them): to guess at white would set the brightness of each image by itself.
    """
    brightest = int(values.max())
    if bits < 16 and brightest < 1 << bits:
        return (values >> (bits - 8)).astype(np.uint8)
    if brightest < _FULL_RANGE:
        raise UserError(too_dark(path, f"its brightest value is {brightest} of 65535"))
    return (values >> 8).astype(np.uint8)


def check_full_range(path: Path, upper: NDArray[np.uint8]) -> None:
    """Raise UserError where 16-bit values, given by their upper 8 bits, use a fraction of 16 bits."""
    if upper.max() < _FULL_RANGE >> 8:
        raise UserError(too_dark(path, f"its brightest value is below {_FULL_RANGE} of 65535"))


def too_dark(path: Path, brightest: str) -> str:
    """The sentence for an image whose white is not known."""
    return (
        f"{path} has 16 bits a channel, but {brightest}, as if a camera's 10, 12 or 14 bits had been stored "
        "as they are: save it as 8-bit RGB, scaled as the camera's program shows it"
    )


def on_white(path: Path, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) as seen on white through its opacity, uint8 (H, W), 255 = opaque.

    Raises UserError, naming `path`, for a picture of which nothing would be seen: one that is transparent
    everywhere, or whose colours are all the same while its alpha channel holds shades.
    """
    if alpha.min() == 255:
        return rgb
    seen = rgb[alpha > 0]
    if not len(seen):
        raise UserError(f"{path} is transparent everywhere: save it without an alpha channel")
    if ((alpha > 0) & (alpha < 255)).any() and (seen == seen[0]).all():
        raise UserError(
            f"{path} has its picture in the alpha channel and one colour besides: save that channel as a "
            "grey image of its own"
        )
    return over_white(rgb, alpha)


def over_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) as seen on white through its opacity, uint8 (H, W): white where that is 0."""
    opacity = alpha[..., None].astype(np.uint16)
    return ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Pixels (H, W, ...) as the EXIF or TIFF tag `orientation` (1 to 8) wants them shown."""
    if orientation >= 5:  # rows and columns change places
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
