"""Where an image is stained by haematoxylin, by a threshold that needs no annotation."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from maskless.stain import stains


def stained(image: NDArray[np.uint8], sigma_px: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The amount of haematoxylin, blurred by `sigma_px`, and where Otsu finds much of it; both (H, W).

    `image` is RGB, uint8 (H, W, 3). Where the amount is the same everywhere, nothing is stained.
    """
    amount = ndimage.gaussian_filter(stains(image)[..., 0], sigma_px)
    if np.ptp(amount) == 0:
        return amount, np.zeros(amount.shape, bool)
    return amount, amount > threshold_otsu(amount)
