"""Labels of pixels for training, from one point a nucleus or, for comparison, from every nucleus' outline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.data.cluster_label import Colours, cluster_label
from maskless.data.disturbed_points import check_disturbance, disturbed_points
from maskless.data.point_pixels import point_pixels
from maskless.data.voronoi_label import voronoi_edges, voronoi_label
from maskless.errors import UserError
from maskless.signals import IGNORE, Signal


@dataclass(frozen=True)
class PointLabels:
    """The Voronoi label and the cluster label of an image and its points (Liu et al., ISBI 2022).

    `colours` is 'adaptive': colours are divided by the image's own scale of them, found near the points in
    boxes of `patch_px` (the paper's L), and weighed by `colour_weight` (lambda) against the distance to the
    points; or 'global', as in Qu et al. (2019), which knows neither. Distances are clipped at `distance_px`
    (d*). k-means begins `starts` times, drawn with `seed`. The defaults are the paper's for MultiOrgan.

    A fraction `keep` of the points is used, moved by `jitter_px` (see `disturbed_points`), to see what
    partial and careless annotation does. Raises UserError for values that cannot be.
    """

    colours: Colours = "adaptive"
    colour_weight: float = 0.2
    distance_px: float = 20.0
    patch_px: int = 60
    starts: int = 10
    keep: float = 1.0
    jitter_px: float = 0.0
    seed: int = 0

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.POINTS})
    makes: ClassVar[frozenset[Signal]] = frozenset({Signal.LABELS})

    def __post_init__(self) -> None:
        if self.colours not in ("adaptive", "global"):
            raise UserError(f"PointLabels' colours are 'adaptive' or 'global', not {self.colours!r}")
        for name in ("colour_weight", "distance_px"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise UserError(f"PointLabels' {name} must be above 0 and finite, not {value}")
        for name in ("patch_px", "starts"):
            value = getattr(self, name)
            if value < 1:
                raise UserError(f"PointLabels' {name} must be 1 or more, not {value}")
        check_disturbance("PointLabels", self.keep, self.jitter_px, self.seed)

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        """'labels', uint8 (H, W, 2): the Voronoi label, then the cluster label, 0, 1 or 255 = ignored.

        Given the image, uint8 (H, W, 3), RGB, and points, (N, 2), (row, column) in px. A point counts for its
        nearest pixel, once, and not at all outside the image. Clusters are of the pixels in the region, uint8
        (H, W), if there is one. Without points all is ignored. Raises UserError
        for points that are not finite.
        """
        image = signals[Signal.IMAGE]
        size = image.shape[:2]
        points = point_pixels(self._disturbed(signals[Signal.POINTS], size), size)
        if not len(points):
            return {Signal.LABELS: np.full((*size, 2), IGNORE, np.uint8)}
        edges = voronoi_edges(points, size)
        region = signals.get(Signal.REGION)
        clusters = cluster_label(
            image,
            points,
            edges,
            colours=self.colours,
            colour_weight=self.colour_weight,
            distance_px=self.distance_px,
            patch_px=self.patch_px,
            starts=self.starts,
            seed=self.seed,
            inside=None if region is None else region > 0,
        )
        return {Signal.LABELS: np.stack([voronoi_label(points, edges), clusters], axis=-1)}

    def _disturbed(self, points: Any, size: tuple[int, int]) -> NDArray[np.float64]:
        return disturbed_points(points, size, keep=self.keep, jitter_px=self.jitter_px, seed=self.seed)


@dataclass(frozen=True)
class MaskLabels:
    """Nucleus or not from every nucleus' outline: what labels from points are measured against."""

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.INSTANCES})
    makes: ClassVar[frozenset[Signal]] = frozenset({Signal.LABELS})

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        """'labels', uint8 (H, W, 1), 0 or 1: nothing is ignored. Given instances, integers (H, W)."""
        return {Signal.LABELS: (signals[Signal.INSTANCES] > 0).astype(np.uint8)[..., None]}
