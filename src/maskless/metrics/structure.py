"""Structure kept: how far nuclei move, appear or vanish between two pictures of the same tissue."""

from dataclasses import asdict, dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from maskless.metrics.points import HIT_UM, point_pairs

#: Where the µm/px is not known, nuclei are one within this distance: HIT_UM at 40x.
HIT_PX = 12.0


@dataclass(frozen=True)
class StructureKept:
    """Of the nuclei of two pictures of one place: how many there are, and how many are in both.

    `kept` nuclei match one to one; the others have `vanished` or `appeared`. `kept_share` and
    `vanished_share` are of those before, `appeared_share` of those after, 0 to 1; `count_ratio` is after
    over before. `moved_*` are the mean and the 95th percentile of how far the kept are apart, at most the
    distance within which they match; in µm where the µm/px is known. What is undefined is nan.
    """

    nuclei_before: int
    nuclei_after: int
    kept: int
    vanished: int
    appeared: int
    kept_share: float
    vanished_share: float
    appeared_share: float
    count_ratio: float
    moved_mean_px: float
    moved_p95_px: float
    moved_mean_um: float
    moved_p95_um: float

    def as_row(self) -> dict[str, float | int | None]:
        """By name, shares and distances to four digits, None for what is undefined."""
        return {name: None if value != value else round(value, 4) for name, value in asdict(self).items()}


def structure_kept(before: ArrayLike, after: ArrayLike, mpp: float | None = None) -> StructureKept:
    """Compare the nuclei of a picture, a point each, (N, 2), row and column in px, with those of another.

    Points match one to one within HIT_UM, or within HIT_PX if `mpp` (µm/px) is not given, as many as there
    can be, and of all ways to have so many by the least sum of distances. Raises ValueError as
    `match_points` does.
    """
    there, then = (np.asarray(side, np.float64).reshape(-1, 2) for side in (before, after))
    pairs = point_pairs(there, then, HIT_PX if mpp is None else HIT_UM, mpp)
    count, found, kept = len(there), len(then), len(pairs)
    moved_px = np.linalg.norm(there[pairs[:, 0]] - then[pairs[:, 1]], axis=1)
    mean_px, p95_px = (float(moved_px.mean()), float(np.percentile(moved_px, 95))) if kept else (nan, nan)
    return StructureKept(
        nuclei_before=count,
        nuclei_after=found,
        kept=kept,
        vanished=count - kept,
        appeared=found - kept,
        kept_share=_share(kept, count),
        vanished_share=_share(count - kept, count),
        appeared_share=_share(found - kept, found),
        count_ratio=_share(found, count),
        moved_mean_px=mean_px,
        moved_p95_px=p95_px,
        moved_mean_um=mean_px * (mpp or nan),
        moved_p95_um=p95_px * (mpp or nan),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else nan
