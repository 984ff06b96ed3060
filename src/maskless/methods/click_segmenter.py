"""A Segmenter that is told where the nuclei are, and finds their outlines."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.resizing import resized_labels
from maskless.seams import compact
from maskless.segmenter import MapSegmenter, Seen


class ClickSegmenter(MapSegmenter):
    """`clicked` makes labels (H, W) of an image at its own spacing and of clicks, float (N, 2), in it.

    It sees whole images: there are no windows. Without clicks it finds nothing, and says so.
    """

    def __init__(self, *, clicked: Callable[..., NDArray[Any]], **segmenter: Any) -> None:
        super().__init__(**segmenter)
        self.clicked = clicked

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        """Raises UserError."""
        raise UserError(
            "this method needs a click in each nucleus: maskless evaluate takes those of a source"
        )

    def look(self, image: np.ndarray, mpp: float | None = None) -> Seen:
        """Raises UserError."""
        raise UserError("this method needs a click in each nucleus, and there are none of a slide")

    def segment_clicked(
        self, image: np.ndarray, points: NDArray[np.float32], mpp: float | None = None
    ) -> np.ndarray:
        """Instances int32 (H, W), ids 1..N, of RGB uint8 (H, W, 3) at `mpp` µm/px and points (N, 2), px."""
        resampled = self._prepared(image, mpp)
        ratio = np.divide(resampled.shape[:2], image.shape[:2])
        labels = self.clicked(resampled, (np.reshape(points, (-1, 2)) + 0.5) * ratio - 0.5)
        return compact(resized_labels(labels, image.shape[:2]))
