"""How deep inside a mask a pixel lies."""

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.postprocess.filters import gaussian


def distance(mask: NDArray, *, sigma_px: float = 0.0) -> NDArray[np.float32]:
    """Exact Euclidean distance to the nearest background pixel, px, then a Gaussian blur: float32 (H, W).

    `mask` is (H, W), non-zero where set. Outside the image is not background, so a nucleus cut by the
    border is deepest there; only a mask without any background counts the outside as such. The blur is
    `gaussian`'s, over the background's zeros too.
    """
    inside = np.not_equal(mask, 0).view(np.uint8)
    if inside.all():
        framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        depth = _depth(framed)[1:-1, 1:-1]
    else:
        depth = _depth(inside)
    return gaussian(depth, sigma_px=sigma_px)


def _depth(inside: NDArray[np.uint8]) -> NDArray[np.float32]:
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # OpenCV's last bit depends on where the array lies in memory, and a watershed makes pixels of it. Squared
    # distances are whole numbers, so rounding them gives the one right value (for depths up to 1,000 px).
    return np.sqrt(np.rint(np.square(depth, dtype=np.float32)))
