"""A truth of points as a page shows it: dots, and what was found, found in vain and missed of them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from maskless.metrics import HIT_UM, point_pairs
from maskless.metrics.points import Points, lies_in
from maskless.metrics.region import centroids
from maskless.report.drawings.outline_path import outline_path

#: A dot on a point of the truth.
DOT_RADIUS_PX = 2.5


class Hits(NamedTuple):
    """Which nuclei of a label map match a point, `hit`, and which match none, `alone`: their pixels, bool
    (H, W) each; and the points that no nucleus matches, float64 (N, 2), (row, column) in px."""

    hit: npt.NDArray[np.bool_]
    alone: npt.NDArray[np.bool_]
    missed: Points


def hits(
    points: Points, labels: npt.NDArray[Any], mpp: float, region: npt.NDArray[np.uint8] | None = None
) -> Hits:
    """What is right and wrong, as `point_scores` counts it, at `mpp` µm/px; what lies outside is neither."""
    ids, centres = centroids(labels)
    if region is not None:
        points = points[lies_in(region, points)]
        inside = lies_in(region, centres)
        ids, centres = ids[inside], centres[inside]
    pairs = point_pairs(points, centres, HIT_UM, mpp=mpp)
    matched = ids[pairs[:, 1]]
    return Hits(
        hit=np.isin(labels, matched),
        alone=np.isin(labels, np.setdiff1d(ids, matched)),
        missed=np.delete(points, pairs[:, 0], axis=0),
    )


def dots(points: Points, radius_px: float) -> str:
    """A circle about each point, (row, column) in px, as the `d` of one SVG path.

    The centre of the first pixel, (0, 0), is at (0.5, 0.5) of the drawing, as in `outline_path`.
    """
    arc, across = f"a{radius_px:g} {radius_px:g} 0 1 0", f"{2 * radius_px:g} 0"
    return "".join(
        f"M{column + 0.5 - radius_px:.7g} {row + 0.5:.7g}{arc} {across}{arc} -{across}z"
        for row, column in points.tolist()
    )


def truth_path(points: Points, region: npt.NDArray[np.uint8] | None) -> str:
    """A dot on each point, and the outline of the region (H, W), 0 = outside, if it is not everywhere."""
    outline = "" if region is None or region.all() else outline_path((region > 0).astype(np.uint8))
    return outline + dots(points, DOT_RADIUS_PX)
