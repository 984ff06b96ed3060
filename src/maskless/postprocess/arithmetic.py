"""Maps from maps, pixel by pixel."""

import numpy as np
from numpy.typing import NDArray


def negative(values: NDArray) -> NDArray[np.float32]:
    """Minus `values`, float32 (H, W): turns hills into basins, for a watershed."""
    return np.negative(values, dtype=np.float32)


def difference(values: NDArray, minus: NDArray) -> NDArray[np.float32]:
    """`values` less `minus`, both (H, W), as float32 (H, W)."""
    return np.subtract(values, minus, dtype=np.float32)
