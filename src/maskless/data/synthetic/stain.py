"""How rendered tissue takes up stain: the amount of each stain at each pixel, before any light passes.

Amounts are decimal optical densities along a stain's vector. Haematoxylin binds chromatin (and, faintly,
cytoplasm), eosin protein; an antibody brings 3,3'-diaminobenzidine (DAB) to the Ki67 of dividing nuclei.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.architecture import by_kind
from maskless.data.synthetic.bodies import Bodies, Drawing
from maskless.data.synthetic.texture import Texture

_Map = NDArray[np.float32]

#: Two sets of vectors between which a laboratory's lie, a row a stain: those of Ruifrok & Johnston (2001);
#: the reference of Macenko et al. (ISBI 2009) for H&E, a bluer counterstain and a paler DAB for Ki67.
_VECTORS: Final = {
    "he": (((0.65, 0.70, 0.29), (0.07, 0.99, 0.11)), ((0.5626, 0.7201, 0.4062), (0.2159, 0.8012, 0.5581))),
    "ki67": (((0.65, 0.70, 0.29), (0.27, 0.57, 0.78)), ((0.87, 0.45, 0.18), (0.36, 0.58, 0.73))),
}
_FROM_FIRST: Final = {"he": (0.65, 1.15), "ki67": (0.4, 1.1)}

STAINS: Final = tuple(_VECTORS)


def vectors(stain: str, draw: np.random.Generator) -> NDArray[np.float64]:
    """The two stain vectors of one slide: float64 (2, 3), unit rows over red, green and blue.

    Haematoxylin first, then eosin ('he') or DAB ('ki67').
    """
    one, other = np.array(_VECTORS[stain])
    mixed = one + draw.uniform(*_FROM_FIRST[stain], (2, 1)) * (other - one) + draw.normal(0, 0.02, (2, 3))
    mixed = mixed.clip(0.02)
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def positive(bodies: Bodies, draw: np.random.Generator) -> NDArray[np.bool_]:
    """Which bodies hold Ki67: (N,). How many do varies from tissue to tissue; stroma seldom divides."""
    index = np.clip(draw.beta(0.9, 2.2), 0.03, 0.85)
    return bodies.chance[:, 0] < by_kind(bodies, index, 0.25 * index, 0.1 * index)


def amounts(
    stain: str,
    texture: Texture,
    bodies: Bodies,
    drawing: Drawing,
    holds_ki67: NDArray[np.bool_],
    draw: np.random.Generator,
) -> _Map:
    """Amounts of the two stains of `vectors`: float32 (H, W, 2), not negative."""
    pair = _he(texture, drawing, draw) if stain == "he" else _ki67(texture, bodies, drawing, holds_ki67, draw)
    return np.stack([np.asarray(amount, np.float32).clip(0) for amount in pair], -1)


def _he(t: Texture, drawing: Drawing, draw: np.random.Generator) -> tuple[_Map, _Map]:
    in_stroma, in_cytoplasm, in_red = (
        draw.uniform(0.2, 0.42),
        draw.uniform(0.13, 0.34),
        draw.uniform(0.4, 0.6),
    )
    eosin = _ground(t, in_stroma, in_cytoplasm)
    eosin = eosin * (1 - 0.7 * t.nucleus) * (1 - t.red_cell) + 0.1 * t.nucleus * t.nucleolus
    eosin += in_red * t.red_cell * (0.72 + 0.35 * drawing.radius**2)  # biconcave: pale in the middle
    haematoxylin = _ground(t, draw.uniform(0.0, 0.06), draw.uniform(0.03, 0.18))
    haematoxylin += draw.uniform(0, 0.4) ** 1.6 * t.basophilia * t.present
    chromatin = draw.uniform(0.42, 0.72) * t.chromatin * (1 + 0.5 * t.nucleolus)
    return _over(haematoxylin, t, chromatin), eosin


def _ki67(
    t: Texture, bodies: Bodies, drawing: Drawing, holds_ki67: NDArray[np.bool_], draw: np.random.Generator
) -> tuple[_Map, _Map]:
    ground, haze, counterstain = draw.uniform(0.03, 0.13), draw.uniform(0, 0.05), draw.uniform(0.25, 0.55)
    strength = np.append(holds_ki67 * (0.35 + 1.1 * bodies.chance[:, 6] ** 1.3), 0).astype(np.float32)
    ki67 = strength[drawing.owner]
    dab = _over(_ground(t, haze, haze), t, ki67 * (0.65 + 0.35 * t.chromatin))
    blue = counterstain * t.chromatin * (1 - 0.5 * (ki67 > 0))
    haematoxylin = _over(_ground(t, ground, ground * draw.uniform(0.7, 1.4)), t, blue)
    return haematoxylin + 0.04 * t.red_cell, dab + 0.1 * t.red_cell


def _ground(t: Texture, in_stroma: float, in_cytoplasm: float) -> _Map:
    stroma, cytoplasm = (1 - t.epithelium) * t.stroma, t.epithelium * t.cytoplasm
    return (np.float32(in_stroma) * stroma + np.float32(in_cytoplasm) * cytoplasm) * t.present


def _over(ground: _Map, t: Texture, in_nucleus: _Map) -> _Map:
    """The ground, with nuclei and red cells in place of it."""
    return ground * (1 - t.nucleus) * (1 - t.red_cell) + t.nucleus * in_nucleus
