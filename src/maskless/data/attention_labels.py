"""Labels of pixels on which two signs of a nucleus agree: nobody has drawn or clicked anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskless.data.stained import stained
from maskless.data.voronoi_label import voronoi_edges, voronoi_label
from maskless.errors import UserError
from maskless.postprocess.binary import fill_holes, remove_small
from maskless.postprocess.distance import distance
from maskless.postprocess.markers import local_maxima
from maskless.signals import IGNORE, Signal


@dataclass(frozen=True)
class AttentionLabels:
    """The Voronoi label of the middles of nuclei, and the label of what stain and attention agree on.

    A pixel is nucleus where an earlier stage's probability is above `above` and haematoxylin, blurred by
    `sigma_px`, above its Otsu threshold, background where neither is, and ignored where they disagree. Of the
    nuclei, pieces of less than `min_area_px` are ignored too, holes of at most `hole_px` are filled, and what
    is left is parted into nuclei at the maxima of its distance from the edge within `radius_px`: their
    points, and the lines half-way between them, are the Voronoi label of Liu et al. (ISBI 2022).

    Raises UserError for values that cannot be.
    """

    above: float = 0.5
    sigma_px: float = 1.0
    radius_px: int = 7
    min_area_px: int = 30
    hole_px: int = 800

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.PROBABILITY})
    makes: ClassVar[frozenset[Signal]] = frozenset({Signal.LABELS})

    def __post_init__(self) -> None:
        least = min(self.radius_px, self.min_area_px, self.hole_px)
        if not 0 < self.above < 1 or self.sigma_px < 0 or least < 1:
            raise UserError(
                f"AttentionLabels cannot be made with above={self.above}, sigma_px={self.sigma_px}, "
                f"radius_px={self.radius_px}, min_area_px={self.min_area_px}, hole_px={self.hole_px}: above "
                "is between 0 and 1, sigma_px 0 or more, the others 1 or more"
            )

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        """'labels', uint8 (H, W, 2): the Voronoi label, then the agreement; 0, 1 or 255 for ignored.

        Given the image, uint8 (H, W, 3), RGB, and the probability, (H, W), 0 to 1. Where no nucleus is agreed
        on, the Voronoi label is ignored throughout.
        """
        image, probability = signals[Signal.IMAGE], signals[Signal.PROBABILITY]
        attended, (_, dark) = probability > self.above, stained(image, self.sigma_px)
        nuclei = remove_small(attended & dark, min_area_px=self.min_area_px)
        nuclei = fill_holes(nuclei, max_area_px=self.hole_px)
        agreement = np.where(attended | dark, IGNORE, 0).astype(np.uint8)
        agreement[nuclei] = 1
        return {Signal.LABELS: np.stack([self._parted(nuclei), agreement], axis=-1)}

    def _parted(self, nuclei: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """The Voronoi label of the middles of nuclei, bool (H, W)."""
        depth = distance(nuclei, sigma_px=1)
        maxima = local_maxima(depth, mask=nuclei, radius_px=self.radius_px)
        ids = np.arange(1, int(maxima.max(initial=0)) + 1)
        if not len(ids):
            return np.full(nuclei.shape, IGNORE, np.uint8)
        middles = np.rint(ndimage.center_of_mass(maxima > 0, maxima, ids)).astype(np.int64)
        points = np.unique(middles, axis=0)
        return voronoi_label(points, voronoi_edges(points, nuclei.shape))
