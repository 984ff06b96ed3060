"""What there is to do on a slide, before it is done: its blocks, and how much tissue they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.annotations import Region
from maskless.data.slides import Slide
from maskless.data.tissue import tissue_mask
from maskless.inference.slide.grid import Block, Grid, block_sides
from maskless.segmenter import Segmenter
from maskless.translated import Translated
from maskless.windows import Tiling

#: The longer side of the picture that tissue is looked for on.
THUMBNAIL_PX = 2048
#: A slide is known as a whole by so many squares of its tissue.
SQUARES = 16


@dataclass(frozen=True)
class Plan:
    """`mpp` is the spacing that blocks are read at, µm/px; `scale` how many px of level 0 a px of theirs is.

    `blocks` are those with tissue (of the regions, if there are any), `tissue` is where that is, bool (h, w),
    of `thumbnail`, RGB uint8 (h, w, 3), and `tissue_mm2` how much.
    """

    mpp: float
    scale: float
    grid: Grid
    blocks: list[Block]
    thumbnail: NDArray[np.uint8]
    tissue: NDArray[np.bool_]
    tissue_mm2: float

    @classmethod
    def of(
        cls, slide: Slide, segmenter: Segmenter, regions: Sequence[Region] = (), core_px: int | None = None
    ) -> "Plan":
        """What a segmenter has to do on a slide, in blocks with cores of `core_px`, or of its own choice."""
        wanted = getattr(segmenter, "mpp", None)
        mpp = slide.stored_mpp(wanted) if wanted else slide.mpp
        scale = mpp / slide.mpp
        side, margin = block_sides(_tiling(segmenter))
        height, width = (max(1, round(length / scale)) for length in (slide.height_px, slide.width_px))
        grid = Grid(height, width, core_px or side, margin)
        thumbnail = slide.thumbnail(THUMBNAIL_PX)
        tissue = tissue_mask(thumbnail)
        if regions:
            tissue &= _drawn(regions, tissue.shape, slide)
        mm2 = float(tissue.mean() * slide.height_px * slide.width_px * slide.mpp**2 / 1e6)
        return cls(mpp, scale, grid, grid.blocks(grid.holding(tissue)), thumbnail, tissue, mm2)


def squares(slide: Slide, plan: Plan, side_px: int) -> NDArray[np.uint8]:
    """What the tissue of a slide is known by: up to SQUARES of it, evenly spread.

    They are at the spacing of the blocks, uint8 (N, side_px, side_px, 3). Of a slide without tissue it is the
    one in its middle.
    """
    found = np.argwhere(plan.tissue)
    places = found[np.linspace(0, len(found) - 1, min(SQUARES, len(found))).round().astype(int)]
    if not len(places):
        places = np.array([plan.tissue.shape]) // 2
    per_px = slide.height_px / plan.tissue.shape[0], slide.width_px / plan.tissue.shape[1]
    half = side_px * plan.scale / 2
    most = slide.height_px - 2 * half, slide.width_px - 2 * half
    corners = [
        [
            round(max(0.0, min((at + 0.5) * per - half, end)))
            for at, per, end in zip(place, per_px, most, strict=True)
        ]
        for place in places
    ]
    return np.stack([slide.read(left, top, side_px, side_px, plan.mpp) for top, left in corners])


def _tiling(segmenter: Segmenter) -> Tiling | None:
    """The windows of a segmenter, if it has any."""
    last = segmenter.then if isinstance(segmenter, Translated) else segmenter
    return getattr(last, "tiling", None)


def _drawn(regions: Sequence[Region], shape: tuple[int, ...], slide: Slide) -> NDArray[np.bool_]:
    """Where regions are, outlines included, on a picture (h, w) of the slide: bool of that shape."""
    drawn = np.zeros(shape, np.uint8)
    ratio = np.array([shape[1] / slide.width_px, shape[0] / slide.height_px])
    for region in regions:
        for polygon in getattr(region.outline, "geoms", [region.outline]):
            one = np.zeros(shape, np.uint8)
            rings = [np.array(ring.coords)[:, :2] for ring in (polygon.exterior, *polygon.interiors)]
            pixels = [np.floor(ring * ratio).astype(np.int32) for ring in rings]
            cv2.fillPoly(one, pixels, 1)
            cv2.polylines(one, pixels, True, 1)
            drawn |= one
    return drawn > 0
