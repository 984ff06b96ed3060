"""Colour deconvolution: how much of each stain there is in a pixel, by the law of Beer and Lambert.

Light that passes a stain is weakened by a factor for each colour, so optical densities of stains add up, and
a pixel's density is its stains' amounts times their colours (Ruifrok & Johnston, "Quantification of
histochemical staining by color deconvolution", Anal. Quant. Cytol. Histol. 23, 2001). Densities are decimal:
1 is a tenth of the light.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError, did_you_mean

_HAEMATOXYLIN: Final = (0.65, 0.70, 0.29)
_EOSIN: Final = (0.07, 0.99, 0.11)
_DAB: Final = (0.27, 0.57, 0.78)

#: Rec. 601 luma weights of red, green and blue.
_LUMINANCE: Final = np.array([0.299, 0.587, 0.114], np.float32)


def _with_residual(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    """Two stains and, as the third row, the unit colour that neither of them has."""
    residual = np.cross(first, second)
    return np.array([first, second, residual / np.linalg.norm(residual)])


#: Stain vectors by name: a row a stain, its optical density in red, green and blue (Ruifrok & Johnston,
#: table 1). Columns of `stains` follow the rows; the third of two stains is what they do not explain.
VECTORS: Final[Mapping[str, NDArray[np.float64]]] = {
    "H-E-DAB": np.array([_HAEMATOXYLIN, _EOSIN, _DAB]),
    "H-DAB": _with_residual(_HAEMATOXYLIN, _DAB),
    "H-E": _with_residual(_HAEMATOXYLIN, _EOSIN),
}

#: Stains to take an image apart into: a name in `VECTORS`, or the colour of each of two or three by its name.
Vectors = str | Mapping[str, Sequence[float]]

_LEAST_ANGLE: Final = 0.05  # sine of the one between two stains, or of one and the plane of the others

# Grey level 0 stands for any light below half a level; it counts as a quarter, which is finite, and which
# `recombine` rounds to 0 again.
_DENSITY_OF_LEVEL: Final = -np.log10(np.r_[0.25, np.arange(1, 256)] / 255).astype(np.float32)


def optical_density(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Decimal optical density of each channel: 0 where the image is 255, 3.01 where it is 0.

    `image` is uint8 of any shape; the result has its shape.
    """
    return _DENSITY_OF_LEVEL[image]


def stains(
    image: NDArray[np.uint8], vectors: Vectors | NDArray[np.floating] = "H-E-DAB"
) -> NDArray[np.float32]:
    """Amount of each stain in each pixel: float32 (H, W, 3), in optical density along the stain's vector.

    `image` is RGB, uint8 (H, W, 3); `vectors` a name in `VECTORS`, stains of your own as in `stain_matrix`,
    or a (3, 3) array like those of `VECTORS`. Amounts are negative where a colour is outside what the stains
    can mix; they are kept, so that `recombine` gives the image back exactly. Raises UserError for a name that
    is not known.
    """
    unmix = np.linalg.inv(stain_matrix(vectors)).astype(np.float32)
    return optical_density(image) @ unmix


def recombine(
    amounts: NDArray[np.floating], vectors: Vectors | NDArray[np.floating] = "H-E-DAB"
) -> NDArray[np.uint8]:
    """The image, uint8 (H, W, 3) RGB, of stain amounts (H, W, 3): the inverse of `stains`.

    Colours outside 0 to 255 are clipped. Raises UserError for a name that is not known.
    """
    density = np.asarray(amounts, np.float32) @ stain_matrix(vectors).astype(np.float32)
    return np.clip(np.rint(255 * np.power(np.float32(10), -density)), 0, 255).astype(np.uint8)


def luminance(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness as the eye weighs it, 0 (black) to 1 (white): float32 (H, W) of RGB uint8 (H, W, 3)."""
    return (image.astype(np.float32) @ _LUMINANCE) / np.float32(255)


def stain_matrix(vectors: Vectors | NDArray[np.floating]) -> NDArray[np.float64]:
    """The rows of `VECTORS`, float64 (3, 3), of stains by name, of stains of your own, or as they are given.

    Of your own, each of two or three has its optical density in red, green and blue, as pixels of it alone
    have it, which is brought to length 1; two get what neither explains as the third. Raises UserError for a
    name that is not known, for another number of stains, and for stains too much alike to be told apart.
    """
    if isinstance(vectors, str):
        if vectors not in VECTORS:
            raise UserError(f"there are no stain vectors named {vectors!r}{did_you_mean(vectors, VECTORS)}")
        return VECTORS[vectors]
    if not isinstance(vectors, Mapping):
        return np.asarray(vectors, np.float64)
    rows = [tuple(row) for row in vectors.values() if isinstance(row, Sequence)]
    numbers = all(len(row) == 3 and all(isinstance(value, int | float) for value in row) for row in rows)
    if len(rows) != len(vectors) or len(rows) not in (2, 3) or not numbers or not all(map(any, rows)):
        raise UserError(
            f"stains={dict(vectors)} must be two or three stains, each with its optical density in red, "
            "green and blue, as in {haematoxylin: [0.65, 0.70, 0.29], dab: [0.27, 0.57, 0.78]}"
        )
    directions = [row / np.linalg.norm(row) for row in np.array(rows, np.float64)]
    if len(rows) == 2:
        apart = float(np.linalg.norm(np.cross(*directions)))
    else:
        apart = abs(float(np.linalg.det(np.array(directions))))
    if apart < _LEAST_ANGLE:
        raise UserError(f"stains={dict(vectors)} are too much alike to be told apart")
    return _with_residual(*(row.tolist() for row in directions)) if len(rows) == 2 else np.array(directions)
