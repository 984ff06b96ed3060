"""The structuring element of every morphological step."""

import numpy as np
from numpy.typing import NDArray


def disk(radius_px: int) -> NDArray[np.uint8]:
    """1 where row^2 + column^2 <= radius^2 around the centre: uint8 (2r + 1, 2r + 1)."""
    squares = np.arange(-radius_px, radius_px + 1) ** 2
    return (squares[:, None] + squares <= radius_px**2).astype(np.uint8)
