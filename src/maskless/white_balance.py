"""White glass: an image whose background has no tint, whatever the lamp and the camera."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError


class WhiteBalance:
    """`white(image)`: RGB uint8 (H, W, 3) to the same with each channel's `percentile` at 255.

    What is as bright as that in a channel, the empty glass, is white afterwards; all else keeps its ratio to
    it, and so its optical density. For whole images: a crop may hold no glass. Raises UserError for a
    percentile that is none.
    """

    def __init__(self, percentile: float = 95.0) -> None:
        if not 0 < percentile <= 100:
            raise UserError(f"WhiteBalance's percentile={percentile} is above 0 and at most 100")
        self.percentile = percentile

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.like(image)(image)

    def like(self, whole: NDArray[np.uint8]) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
        """What does to images, parts of `whole` or not, what this does to `whole`, RGB uint8 (H, W, 3)."""
        bright = np.maximum(np.percentile(whole.reshape(-1, 3), self.percentile, axis=0), 1)

        def balanced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return np.clip(np.rint(image * (255 / bright)), 0, 255).astype(np.uint8)

        return balanced
