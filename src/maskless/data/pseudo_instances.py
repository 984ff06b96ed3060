"""Instances for training an embedding: from points and a map of nuclei or, for comparison, from outlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.data.convex import convex
from maskless.data.disturbed_points import check_disturbance, disturbed_points
from maskless.data.point_pixels import point_pixels
from maskless.data.voronoi_label import (
    BACKGROUND,
    NUCLEUS,
    POINT_RADIUS_PX,
    discs,
    voronoi_edges,
    voronoi_label,
)
from maskless.errors import UserError
from maskless.postprocess.binary import fill_holes, label, remove_small
from maskless.postprocess.pieces import pieces
from maskless.signals import IGNORE, Signal


@dataclass(frozen=True)
class PseudoInstances:
    """What of an earlier stage's nuclei lies around each point (Liu et al., ISBI 2022).

    Nuclei are where the map is at least `foreground`, without pieces below `min_area_px` and holes;
    background is where it is at most `background`, but not 0, which is padding. `keep`, `jitter_px` and
    `seed` disturb the points as those of `PointLabels` do. Raises UserError for values that cannot be.

    Not in the paper: `hull` makes every instance convex within its cell, and `parted` makes background of
    what lies between two cells, though the map says nucleus there.
    """

    foreground: float = 0.5
    background: float = 0.3
    min_area_px: int = 20
    hull: bool = False
    parted: bool = False
    keep: float = 1.0
    jitter_px: float = 0.0
    seed: int = 0

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.POINTS, Signal.PROBABILITY})
    makes: ClassVar[frozenset[Signal]] = frozenset({Signal.INSTANCES, Signal.LABELS})

    def __post_init__(self) -> None:
        if not 0 <= self.background < self.foreground <= 1:
            raise UserError(
                "PseudoInstances needs 0 <= background < foreground <= 1, "
                f"not background={self.background} and foreground={self.foreground}"
            )
        if self.min_area_px < 0:
            raise UserError(f"PseudoInstances' min_area_px must be 0 or more, not {self.min_area_px}")
        check_disturbance("PseudoInstances", self.keep, self.jitter_px, self.seed)

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        """'instances', int32 (H, W), numbered from 1, and 'labels', uint8 (H, W, 1), 0, 1 or 255 = ignored.

        Given points, (N, 2), (row, column) in px, and the probability of a nucleus, float (H, W), 0 to 1. An
        instance is the nuclei's pixels in one Voronoi cell, of which only the pieces are kept that come
        within 2 px of the point. No points, no instances. Raises UserError for points that are not finite.
        """
        probability = signals[Signal.PROBABILITY]
        size = probability.shape
        disturbed = disturbed_points(
            signals[Signal.POINTS], size, keep=self.keep, jitter_px=self.jitter_px, seed=self.seed
        )
        points = point_pixels(disturbed, size)
        nuclei = remove_small(probability >= self.foreground, min_area_px=self.min_area_px, neighbours=8)
        nuclei, cells = fill_holes(nuclei), _cells(points, size)
        instances = _around_points(points, nuclei, cells)
        if self.hull:
            instances = convex(instances, cells)
        background = (probability > 0) & (probability <= self.background)
        if self.parted:
            background |= nuclei & (cells == 0)
        return {Signal.INSTANCES: instances, Signal.LABELS: _labels(instances, background)}


@dataclass(frozen=True)
class TrueInstances:
    """Every nucleus as it was outlined: what instances from points are measured against.

    An id in several pieces is several instances, and a piece below `min_area_px` is ignored, as by Liu et al.
    """

    min_area_px: int = 10

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.INSTANCES})
    makes: ClassVar[frozenset[Signal]] = frozenset({Signal.INSTANCES, Signal.LABELS})

    def __post_init__(self) -> None:
        if self.min_area_px < 0:
            raise UserError(f"TrueInstances' min_area_px must be 0 or more, not {self.min_area_px}")

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        """'instances' and 'labels' as from `PseudoInstances`. Given instances, integers (H, W), 0 = none."""
        truth = signals[Signal.INSTANCES]
        parts = pieces(truth, neighbours=8)
        large = np.bincount(parts.ravel()) >= self.min_area_px
        instances = _only(parts, large)
        return {Signal.INSTANCES: instances, Signal.LABELS: _labels(instances, truth == 0)}


def _cells(points: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.int32]:
    """The cells of the points, numbered from 1, and 0 on the edges between them; all 0 without points."""
    if not len(points):
        return np.zeros(size, np.int32)
    return label(voronoi_label(points, voronoi_edges(points, size)) != BACKGROUND, neighbours=4)


def _around_points(
    points: NDArray[np.int64], nuclei: NDArray[np.bool_], cells: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The nuclei's pixels in each cell, in pieces that touch its point, numbered by cell."""
    inside = np.where(nuclei, cells, 0)
    parts = pieces(inside, neighbours=8)
    touching = np.zeros(parts.max() + 1, bool)
    touching[parts[discs(points, nuclei.shape, radius_px=POINT_RADIUS_PX)]] = True
    inside[~touching[parts]] = 0
    return _only(inside, np.bincount(inside.ravel()) > 0)


def _only(labels: NDArray[np.int32], kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The labels (H, W) for which `kept` is true, a truth value a label, renumbered from 1 in their order."""
    numbers = np.zeros(len(kept), np.int32)
    kept[0] = False
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return numbers[labels]


def _labels(instances: NDArray[np.int32], background: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 where there is an instance, else 0 in the background, else 255; (H, W, 1)."""
    labels = np.where(background, BACKGROUND, IGNORE).astype(np.uint8)
    labels[instances > 0] = NUCLEUS
    return labels[..., None]
