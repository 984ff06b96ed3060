"""What fills rendered tissue: cytoplasm, fibres and gaps between its nuclei, chromatin within them.

Still without colour, so that every stain is taken up by the same tissue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.architecture import Architecture
from maskless.data.synthetic.bodies import REACH, Bodies, Drawing, drawn
from maskless.data.synthetic.chromatin import chromatin, nucleoli, of_owner
from maskless.data.synthetic.growth import Growth
from maskless.data.synthetic.lattice import Kind
from maskless.data.synthetic.noise import Noise

_Map = NDArray[np.float32]

#: Fields of a tissue's noise that its texture uses, numbered after those of its architecture.
_EDGE, _FINE, _COARSE, _BUNDLES, _THREADS, _TUFTS = 10, 11, 14, 16, 17, 18
_FOAM, _PIGMENT, _CHROMATIN, _MOTTLE = 24, 25, 28, 30

_MEMBRANE_UM: Final = 0.45


@dataclass(frozen=True)
class Texture:
    """Maps of one field, each float32 (H, W)."""

    epithelium: _Map  #: 0 to 1: stroma or epithelium
    stroma: _Map  #: protein of the stroma, about 1 where there is any
    cytoplasm: _Map  #: protein of the epithelium, about 1 where there is any
    present: _Map  #: 0 to 1: 0 in gaps, lumens and the pale haloes of nuclei
    basophilia: _Map  #: 0 to 1: patches of ground substance that take up haematoxylin
    mottle: _Map  #: 0 to 1: small blots in the cytoplasm that take up haematoxylin
    membrane: _Map  #: 0 to 1: borders between epithelial cells
    nucleus: _Map  #: 0 to 1: how much of the pixel is nucleus
    red_cell: _Map  #: 0 to 1: how much of the pixel is red cell
    chromatin: _Map  #: of the nucleus there, about 1
    nucleolus: _Map  #: 0 to 1
    pigment: _Map  #: 0 to 1: dark grains that are no stain


def textured(
    tissue: Architecture, growth: Growth, drawing: Drawing, mpp: float, draw: np.random.Generator
) -> Texture:
    """The textures of a window at the plane's origin, at `mpp` µm/px. `drawing` is that of its bodies."""
    height_px, width_px = drawing.owner.shape
    rows_um = (np.arange(0.5, height_px) * mpp)[:, None]
    cols_um = (np.arange(0.5, width_px) * mpp)[None]
    bodies = growth.bodies

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
    cleft = _step(0.7 * fibres + 0.9 * coarse, draw.uniform(0.8, 3.0), 0.5) * (1 - epithelium)
    lumen = _step(level + 0.12 * noise(_EDGE, 3.0), tissue.lumen_from, 0.1)
    space, wall = _spaces(growth.spaces, height_px, width_px, mpp)

    membranes, gap_um = _borders(drawing, mpp)
    membranes *= (0.7 + 0.4 * fine).clip(0, 1)  # not all are cut upright
    hollow = draw.uniform(0, 1) ** 2 * _step(gap_um, 1.2, 1.6) * (1 - membranes)
    hollow *= _step(coarse + 0.6 * fine, draw.uniform(-1.2, 0.8), 0.8)
    foam = draw.uniform(0, 1) ** 2 * _step(noise(_FOAM, draw.uniform(1.2, 3.5)), draw.uniform(0.2, 1.2), 0.8)
    granules = draw.uniform(0.1, 0.5)
    cytoplasm = (1 + 0.12 * coarse + granules * fine) * (1 - hollow) * (1 - foam * (1 - membranes))
    cytoplasm *= 1 + draw.uniform(-0.15, 0.5) * membranes

    short_um = of_owner(bodies.short_um, drawing.owner.astype(np.intp))
    depth_um = (1 - drawing.radius) * short_um
    soft_um = draw.uniform(0.25, 0.8)
    cover = (depth_um / np.float32(max(soft_um, mpp)) + 0.5).clip(0, 1) * (drawing.owner >= 0)
    is_red = of_owner(bodies.kind == Kind.RED_CELL, drawing.owner.astype(np.intp))
    most = np.float32(draw.uniform(0, 0.9) * draw.uniform(0, 1))
    halo = most * ((REACH - drawing.radius) / (REACH - 1)).clip(0, 1)

    vesicular = draw.beta(0.8, 1.1)
    clumps = noise(_CHROMATIN, *draw.choice([[1.5, 0.7], [1.0, 0.5], [2.2, 0.8]]))
    present = (1 - lumen) * (1 - cleft) * (1 - space) * (1 - halo * (1 - is_red))
    return Texture(
        epithelium=epithelium,
        stroma=(1 + draw.uniform(0.15, 0.35) * fibres + 0.14 * coarse + 0.1 * fine) * (1 + 0.7 * wall),
        cytoplasm=cytoplasm,
        present=present,
        basophilia=_step(coarse + 0.3 * fine, draw.uniform(0.0, 1.5), 2.2),
        mottle=_step(noise(_MOTTLE, draw.uniform(0.8, 3.0)), draw.uniform(0.3, 1.5), draw.uniform(0.8, 1.8)),
        membrane=membranes * epithelium * present,
        nucleus=cover * (1 - is_red),
        red_cell=cover * is_red,
        chromatin=chromatin(
            bodies, drawing, depth_um, clumps, vesicular, draw.uniform(0.15, 0.5), 0.6 * draw.beta(0.8, 1.6)
        ),
        nucleolus=nucleoli(bodies, 0.2 + 0.6 * vesicular, height_px, width_px, mpp),
        pigment=_pigment(noise, draw),
    )


def _spaces(spaces: Bodies, height_px: int, width_px: int, mpp: float) -> tuple[_Map, _Map]:
    """The lumens of fat cells and vessels (0 to 1), and the walls around them."""
    drawing = drawn(spaces, height_px, width_px, mpp)
    depth_um = (1 - drawing.radius) * of_owner(spaces.short_um, drawing.owner.astype(np.intp))
    within = drawing.owner >= 0
    lumen = _step(depth_um, 0.5, 0.6) * within
    return lumen, np.exp(-(((depth_um - np.float32(0.1)) / np.float32(0.6)) ** 2)) * within


def _pigment(noise: Callable[..., _Map], draw: np.random.Generator) -> _Map:
    """Dark grains in patches (melanin, carbon, formalin), 0 to 1; in few tissues."""
    most, rare = draw.uniform(0.5, 1) * (draw.uniform(0, 1) < 0.15), draw.uniform(1.2, 2.2)
    grains = _step(noise(_PIGMENT, 0.9), 1.5, 0.5)
    return np.float32(most) * grains * _step(noise(_PIGMENT + 1, 12.0), rare, 0.6)


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
