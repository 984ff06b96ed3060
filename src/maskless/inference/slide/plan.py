"""What there is to do on a slide, before it is done: its blocks, and how much tissue they hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.annotations import Region
from maskless.data.slides import Place, Slide
from maskless.data.tissue import tissue_mask
from maskless.inference.slide.grid import Block, Grid, block_sides
from maskless.segmenter import Segmenter
from maskless.translated import last_of

#: The longer side of the picture that tissue is looked for on.
THUMBNAIL_PX = 2048
#: A slide is known as a whole by so many squares of its tissue.
SQUARES = 16


@dataclass(frozen=True)
class Plan:
    """`mpp` is the spacing that blocks are read at, µm/px; `scale` how many px of level 0 a px of theirs is.

    `blocks` are those with tissue (of the regions, if there are any), `tissue` is where that is, bool (h, w),
    of `thumbnail`, RGB uint8 (h, w, 3), and `tissue_mm2` how much. `lost` is what the thumbnail could not be
    made of, as it cannot be decoded: white, and so no tissue.
    """

    mpp: float
    scale: float
    grid: Grid
    blocks: list[Block]
    thumbnail: NDArray[np.uint8]
    tissue: NDArray[np.bool_]
    tissue_mm2: float
    lost: frozenset[Place] = frozenset()

    @classmethod
    def of(
        cls, slide: Slide, segmenter: Segmenter, regions: Sequence[Region] = (), core_px: int | None = None
    ) -> "Plan":
        """What a segmenter has to do on a slide, in blocks with cores of `core_px`, or of its own choice."""
        wanted = getattr(segmenter, "mpp", None)
        mpp = slide.stored_mpp(wanted) if wanted else slide.mpp
        scale = mpp / slide.mpp
        side, margin = block_sides(getattr(last_of(segmenter), "tiling", None))
        height, width = (max(1, round(length / scale)) for length in (slide.height_px, slide.width_px))
        grid = Grid(height, width, core_px or side, margin)
        thumbnail, lost = slide.thumbnail_around_damage(THUMBNAIL_PX)
        tissue = tissue_mask(thumbnail)
        if regions:
            tissue &= _drawn(regions, tissue.shape, slide)
        mm2 = float(tissue.mean() * slide.height_px * slide.width_px * slide.mpp**2 / 1e6)
        blocks = grid.blocks(grid.holding(tissue))
        return cls(mpp, scale, grid, blocks, thumbnail, tissue, mm2, frozenset(lost))

    def tissue_in(self, places: Iterable[Place]) -> float:
        """The tissue, mm², in places that do not overlap."""
        if not self.tissue.any():
            return 0.0
        sides = [
            length * self.scale / pixels
            for length, pixels in zip(
                (self.grid.height_px, self.grid.width_px), self.tissue.shape, strict=True
            )
        ]
        held = 0.0
        for x, y, width, height in places:
            (top, rows), (left, cols) = (
                _shares(start / side, (start + length) / side)
                for side, start, length in zip(sides, (y, x), (height, width), strict=True)
            )
            part = self.tissue[top : top + len(rows), left : left + len(cols)]
            held += float(rows[: part.shape[0]] @ part @ cols[: part.shape[1]])
        return self.tissue_mm2 * held / float(self.tissue.sum())


def squares(slide: Slide, plan: Plan, side_px: int) -> NDArray[np.uint8]:
    """What the tissue of a slide is known by: up to SQUARES of it, evenly spread.

    They are at the spacing of the blocks, uint8 (N, side_px, side_px, 3). Of a slide without tissue it is the
    one in its middle. Those that cannot be decoded whole are left out, if any can be.
    """
    tissue = np.argwhere(plan.tissue)
    places = tissue[np.linspace(0, len(tissue) - 1, min(SQUARES, len(tissue))).round().astype(int)]
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
    found: list[tuple[NDArray[np.uint8], set[Place]]] = []
    for top, left in corners:
        around, lost = slide.around_damage()
        found.append((around.read(left, top, side_px, side_px, plan.mpp), lost))
    whole = [square for square, lost in found if not lost]
    return np.stack(whole or [square for square, _ in found])


def _shares(start: float, end: float) -> tuple[int, NDArray[np.float64]]:
    """Of an interval along pixels: the first pixel, and how much of each from there on it covers."""
    first = int(start)
    edges = np.arange(first, int(np.ceil(end)) + 1)
    return first, np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)


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
