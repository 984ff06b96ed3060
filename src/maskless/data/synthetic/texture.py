"""What fills rendered tissue: cytoplasm, fibres and gaps between its nuclei, chromatin within them.

Still without colour, so that every stain is taken up by the same tissue.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.architecture import Architecture, Kind, by_kind
from maskless.data.synthetic.bodies import REACH, Bodies, Drawing
from maskless.data.synthetic.noise import Noise

_Map = NDArray[np.float32]

#: Fields of a tissue's noise that its texture uses, numbered after those of its architecture.
_EDGE, _FINE, _COARSE, _BUNDLES, _THREADS, _TUFTS, _CHROMATIN = 10, 11, 14, 16, 17, 18, 19

_MEMBRANE_UM: Final = 0.45
_SOFT_EDGE_UM: Final = 0.45


@dataclass(frozen=True)
class Texture:
    """Maps of one field, each float32 (H, W)."""

    epithelium: _Map  #: 0 to 1: stroma or epithelium
    stroma: _Map  #: protein of the stroma, about 1 where there is any
    cytoplasm: _Map  #: protein of the epithelium, about 1 where there is any
    present: _Map  #: 0 to 1: 0 in gaps, lumens and the pale haloes of nuclei
    basophilia: _Map  #: 0 to 1: patches of ground substance that take up haematoxylin
    nucleus: _Map  #: 0 to 1: how much of the pixel is nucleus
    red_cell: _Map  #: 0 to 1: how much of the pixel is red cell
    chromatin: _Map  #: of the nucleus there, about 1
    nucleolus: _Map  #: 0 to 1


def textured(
    tissue: Architecture, bodies: Bodies, drawing: Drawing, mpp: float, draw: np.random.Generator
) -> Texture:
    """The textures of a window at the plane's origin, at `mpp` µm/px."""
    height_px, width_px = drawing.owner.shape
    rows_um = (np.arange(0.5, height_px) * mpp)[:, None]
    cols_um = (np.arange(0.5, width_px) * mpp)[None]

    def noise(number: int, *spacings_um: float) -> _Map:
        """A sum of fields, coarse to fine; what is finer than a pixel averages out within it."""
        total = np.zeros((height_px, width_px), np.float32)
        for k, spacing_um in enumerate(spacings_um):
            seen = min(1, spacing_um / (1.5 * mpp))
            if seen > 0.15:
                total += np.float32(seen) * tissue.noise(number + k, spacing_um)(rows_um, cols_um)
        return total / np.float32(np.sqrt(len(spacings_um)))

    level = tissue.level(rows_um, cols_um)
    epithelium = _step(level, tissue.from_level, 0.12)
    fine, coarse = noise(_FINE, 2.2, 0.9, 0.45), noise(_COARSE, 14.0, 5.0)

    flow_um = tissue.flow_um(rows_um, cols_um)
    bundles, threads = (
        _along(tissue.noise(_BUNDLES, 3.2), flow_um),
        _along(tissue.noise(_THREADS, 1.1), flow_um),
    )
    fibres = (0.8 * bundles + 0.5 * threads) * (0.7 + 0.5 * noise(_TUFTS, 12.0))
    cleft = _step(0.7 * fibres + 0.9 * coarse, draw.uniform(1.2, 3.0), 0.5) * (1 - epithelium)
    lumen = _step(level + 0.12 * noise(_EDGE, 3.0), tissue.lumen_from, 0.1)

    membranes, gap_um = _borders(drawing, mpp)
    membranes *= (0.7 + 0.4 * fine).clip(0, 1)  # not all are cut upright
    hollow = draw.uniform(0, 1) ** 2 * _step(gap_um, 1.2, 1.6) * (1 - membranes)
    hollow *= _step(coarse + 0.6 * fine, draw.uniform(-1.2, 0.8), 0.8)
    cytoplasm = (1 + 0.12 * coarse + 0.2 * fine) * (1 - hollow) * (1 + draw.uniform(-0.15, 0.25) * membranes)

    owner = drawing.owner.astype(np.intp)  # -1 looks up the last entry of a table, which is for no body
    depth_um = (1 - drawing.radius) * _table(bodies.short_um)[owner]
    cover = (depth_um / np.float32(max(_SOFT_EDGE_UM, mpp)) + 0.5).clip(0, 1) * (owner >= 0)
    is_red = _table(bodies.kind == Kind.RED_CELL)[owner]
    most = np.float32(draw.uniform(0, 0.8) * draw.uniform(0, 1))
    halo = most * ((REACH - drawing.radius) / (REACH - 1)).clip(0, 1)

    vesicular = draw.uniform(0, 1)
    return Texture(
        epithelium=epithelium,
        stroma=1 + 0.24 * fibres + 0.14 * coarse + 0.07 * fine,
        cytoplasm=cytoplasm,
        present=(1 - lumen) * (1 - cleft) * (1 - halo * (1 - is_red)),
        basophilia=_step(coarse + 0.3 * fine, draw.uniform(0.0, 1.5), 2.2),
        nucleus=cover * (1 - is_red),
        red_cell=cover * is_red,
        chromatin=_chromatin(bodies, drawing, owner, depth_um, noise(_CHROMATIN, 1.5, 0.7), vesicular),
        nucleolus=_nucleoli(bodies, 0.25 + 0.6 * vesicular, height_px, width_px, mpp),
    )


def _chromatin(
    bodies: Bodies, drawing: Drawing, owner: NDArray[np.intp], depth_um: _Map, clumps: _Map, vesicular: float
) -> _Map:
    """Dense and even in lymphocytes; pale, clumped and rimmed in vesicular nuclei."""
    base = by_kind(bodies, 1.0 - 0.3 * vesicular, 1.35, 1.1) * (0.5 + 0.75 * bodies.chance[:, 1] ** 0.75)
    grain = by_kind(bodies, 0.12, 0.2, 0.15) + by_kind(bodies, 0.3 * vesicular, 0, 0) * bodies.chance[:, 2]
    rim = by_kind(bodies, 0.15 + 0.7 * vesicular, 0.1, 0.2)
    at_membrane = np.exp(-(((depth_um - np.float32(0.35)) / np.float32(0.4)) ** 2))
    thickness = 0.8 + 0.2 * np.sqrt((1 - drawing.radius**2).clip(0))
    pattern = 1 + _table(grain)[owner] * clumps + _table(rim)[owner] * at_membrane
    return (_table(base)[owner] * pattern * thickness).clip(0.12)


def _nucleoli(bodies: Bodies, share: float, height_px: int, width_px: int, mpp: float) -> _Map:
    """A round spot in `share` of the epithelial nuclei, a second one in some: float32 (H, W), 0 to 1."""
    spots = np.zeros((height_px, width_px), np.float32)
    chance = bodies.chance
    radius_um = 0.33 + 0.28 * chance[:, 4]
    for turn, off, of_them in ((4, 5, share), (6, 7, 0.2 * share)):
        angle, off_um = 2 * np.pi * chance[:, turn], 0.45 * chance[:, off] * bodies.short_um
        row_um, col_um = bodies.rows_um + off_um * np.sin(angle), bodies.cols_um + off_um * np.cos(angle)
        for i in np.flatnonzero((bodies.kind == Kind.EPITHELIAL) & (chance[:, 3] < of_them)):
            rows, down = _bump(row_um[i], radius_um[i], height_px, mpp)
            cols, along = _bump(col_um[i], radius_um[i], width_px, mpp)
            spots[rows, cols] = np.maximum(spots[rows, cols], down[:, None] * along[None])
    return spots


def _bump(at_um: float, radius_um: float, length_px: int, mpp: float) -> tuple[slice, _Map]:
    """The pixels of an axis that a Gaussian reaches, and its value there."""
    first = max(int((at_um - 3 * radius_um) / mpp), 0)
    last = max(min(int((at_um + 3 * radius_um) / mpp) + 1, length_px), first)
    away = ((np.arange(first, last) + 0.5) * mpp - at_um) / radius_um
    return slice(first, last), np.exp(-0.5 * away**2).astype(np.float32)


def _borders(drawing: Drawing, mpp: float) -> tuple[_Map, _Map]:
    """Cell membranes, half way between neighbouring nuclei (0 to 1), and the distance to a nucleus, in µm."""
    outside = (drawing.radius >= 1).view(np.uint8)
    if outside.all():
        return np.zeros_like(drawing.radius), np.full_like(drawing.radius, 99)
    distance_px, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    at = np.flatnonzero(outside == 0)
    owner_of = np.zeros(len(at) + 1, np.int32)
    owner_of[nearest.ravel()[at]] = drawing.owner.ravel()[at]
    cell = owner_of[nearest]
    line = np.zeros_like(drawing.radius)
    line[1:] += cell[1:] != cell[:-1]
    line[:, 1:] += cell[:, 1:] != cell[:, :-1]
    sigma_px = max(_MEMBRANE_UM / mpp, 0.3)
    line = cv2.GaussianBlur(line * outside, (0, 0), sigma_px) * np.float32(1.8 * sigma_px)
    return line.clip(0, 1), distance_px * np.float32(mpp)


def _along(noise: Noise, flow_um: _Map) -> _Map:
    """Stripes that follow the level lines of a flow: the noise along one line, laid over it."""
    step_um = noise.spacing_um / 8
    first_um = float(flow_um.min()) - step_um
    count = int((float(flow_um.max()) - first_um) / step_um) + 3
    line = noise((first_um + step_um * np.arange(count))[:, None], np.zeros((1, 1)))[:, 0]
    place = (flow_um - np.float32(first_um)) / np.float32(step_um)
    node = place.astype(np.intp)
    return line[node] + (place - node.astype(np.float32)) * (line[1:] - line[:-1])[node]


def _step(values: _Map, at: float, width: float) -> _Map:
    """From 0 to 1, smoothly, over `width` around `at`."""
    t = ((values - np.float32(at)) / np.float32(width) + np.float32(0.5)).clip(0, 1)
    return t * t * (3 - 2 * t)


def _table(values: NDArray[np.generic]) -> _Map:
    """A value for each body, and a last one, 0, for no body."""
    return np.append(values, 0).astype(np.float32)
