"""Where on a slide there is tissue: a threshold of colour, on a small picture of the whole."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Least saturation of tissue, of 255, as OpenCV's HSV has it. Glass has 0 to 12, faint connective tissue 20.
_LEAST_SATURATION = 18
#: Least value, of 255: below are letters, folds and what a scanner leaves black.
_LEAST_VALUE = 50
#: Hues, of 180, that no stain has: marker pens, yellow-green to blue-green.
_PEN_HUES = (32, 95)
_PEN_SATURATION = 60

#: Of a picture's pixels: smaller pieces are dust, smaller holes are part of the tissue.
_SPECK = 2e-4
_HOLE = 5e-4


def tissue_mask(thumbnail: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether there is tissue at each pixel, bool (H, W), of a small picture RGB uint8 (H, W, 3) of a slide.

    A threshold in HSV, as in Sahasrabudhe et al. (MICCAI 2020), who do not give the limits: tissue is
    coloured, glass is not; black and the colours of marker pens are neither. Blurred by a median before, and
    after it specks below 0.02 % of the picture are dropped and holes below 0.05 % filled.
    """
    hsv = cv2.cvtColor(cv2.medianBlur(np.ascontiguousarray(thumbnail), 3), cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    pen = (hue >= _PEN_HUES[0]) & (hue <= _PEN_HUES[1]) & (saturation >= _PEN_SATURATION)
    mask = (saturation >= _LEAST_SATURATION) & (value >= _LEAST_VALUE) & ~pen
    mask = _without_small(mask, _SPECK * mask.size)
    return ~_without_small(~mask, _HOLE * mask.size)


def _without_small(mask: NDArray[np.bool_], least_px: float) -> NDArray[np.bool_]:
    """The pieces of a mask, corners included, that have so many pixels."""
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    kept: NDArray[np.bool_] = (areas >= least_px)[pieces] & mask
    return kept
