"""How rendered tissue takes up stain: the amount of each stain at each pixel, before any light passes.

Amounts are decimal optical densities along a stain's vector. Haematoxylin binds chromatin (and, faintly,
cytoplasm), eosin protein; an antibody brings 3,3'-diaminobenzidine (DAB) to the Ki67 of dividing nuclei.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.bodies import Bodies, Drawing
from maskless.data.synthetic.chromatin import of_owner
from maskless.data.synthetic.lattice import by_kind
from maskless.data.synthetic.texture import Texture

_Map = NDArray[np.float32]

#: Two sets of vectors between which a laboratory's lie, a row a stain: those of Ruifrok & Johnston (2001);
#: the reference of Macenko et al. (ISBI 2009) for H&E, a bluer counterstain and a paler DAB for the others.
_H_DAB: Final = (((0.65, 0.70, 0.29), (0.27, 0.57, 0.78)), ((0.87, 0.45, 0.18), (0.36, 0.58, 0.73)))
_VECTORS: Final = {
    "he": (((0.65, 0.70, 0.29), (0.07, 0.99, 0.11)), ((0.5626, 0.7201, 0.4062), (0.2159, 0.8012, 0.5581))),
    "ki67": _H_DAB,
    "her2": _H_DAB,
}
_FROM_FIRST: Final = {"he": (0.6, 1.25), "ki67": (0.4, 1.1), "her2": (0.4, 1.1)}

STAINS: Final = tuple(_VECTORS)

#: Brown-black grains take up all colours, blue most: (1, 3).
PIGMENT: Final = np.array([[0.7, 0.9, 1.1]])


def vectors(stain: str, draw: np.random.Generator) -> NDArray[np.float64]:
    """The two stain vectors of one slide: float64 (2, 3), unit rows over red, green and blue.

    Haematoxylin first, then eosin ('he') or DAB ('ki67', 'her2').
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
    if stain == "he":
        pair = _he(texture, drawing, draw)
    elif stain == "ki67":
        pair = _ki67(texture, bodies, drawing, holds_ki67, draw)
    else:
        pair = _her2(texture, draw)
    return np.stack([np.asarray(amount, np.float32).clip(0) for amount in pair], -1)


def _he(t: Texture, drawing: Drawing, draw: np.random.Generator) -> tuple[_Map, _Map]:
    in_stroma, in_cytoplasm = draw.uniform(0.15, 0.45), draw.uniform(0.1, 0.38)
    in_red, in_nucleus = draw.uniform(0.35, 0.6), draw.uniform(0.08, 0.34)
    eosin = _over(
        _ground(t, in_stroma, in_cytoplasm), t, in_nucleus * (0.25 + 0.75 * t.chromatin).clip(0, 1.3)
    )
    eosin += 0.15 * t.nucleus * t.nucleolus
    eosin += in_red * t.red_cell * (0.72 + 0.35 * drawing.radius**2)  # biconcave: pale in the middle
    # Cytoplasm can be nearly as blue as its nuclei (ribosomes), and as uneven as they are.
    haematoxylin = _ground(t, draw.uniform(0.0, 0.08), 0.02 + 0.33 * draw.beta(0.9, 1.8))
    haematoxylin += draw.uniform(0, 0.4) ** 1.6 * t.basophilia * t.present
    haematoxylin += draw.uniform(0, 0.55) ** 1.6 * t.mottle * t.present * (0.3 + 0.7 * t.epithelium)
    chromatin = draw.uniform(0.3, 0.72) * t.chromatin * (1 + 0.7 * t.nucleolus)
    return _over(haematoxylin, t, chromatin), eosin


def _ki67(
    t: Texture, bodies: Bodies, drawing: Drawing, holds_ki67: NDArray[np.bool_], draw: np.random.Generator
) -> tuple[_Map, _Map]:
    ground, haze, counterstain = draw.uniform(0.02, 0.16), draw.uniform(0, 0.06), draw.uniform(0.15, 0.55)
    strength = holds_ki67 * (0.3 + 1.4 * bodies.chance[:, 6] ** 1.3) * draw.uniform(0.6, 1.2)
    ki67 = of_owner(strength, drawing.owner.astype(np.intp))
    spread = draw.uniform(0.2, 0.6)
    # Antibody that binds where it should not.
    blot = draw.uniform(0, 0.25) ** 1.5 * t.basophilia * t.present
    dab = _over(_ground(t, haze, haze) + blot, t, ki67 * (1 - spread + spread * t.chromatin.clip(0, 1.5)))
    blue = counterstain * _counterstained(t) * (1 - 0.5 * (ki67 > 0))
    cytoplasm = _ground(t, ground, ground * draw.uniform(0.7, 1.6))
    cytoplasm += draw.uniform(0, 0.35) ** 1.6 * t.mottle * t.present
    haematoxylin = _over(cytoplasm, t, blue)
    return haematoxylin + 0.04 * t.red_cell, dab + draw.uniform(0.05, 0.25) * t.red_cell


def _her2(t: Texture, draw: np.random.Generator) -> tuple[_Map, _Map]:
    """HER2 on the membranes of epithelium: none to strong and complete (0 to 3+)."""
    score = draw.choice([0.0, 0.25, 0.6, 1.0], p=[0.2, 0.25, 0.25, 0.3]) * draw.uniform(0.8, 1.2)
    ground, haze, counterstain = draw.uniform(0.02, 0.12), draw.uniform(0, 0.06), draw.uniform(0.2, 0.5)
    broken = 1 - (1 - score) * (1 - t.cytoplasm.clip(0, 1))
    dab = _ground(t, haze, haze + 0.12 * score) * (1 - 0.7 * t.nucleus) + score * t.membrane * broken.clip(0)
    haematoxylin = _over(_ground(t, ground, ground), t, counterstain * _counterstained(t))
    return haematoxylin, dab + 0.1 * t.red_cell


def _counterstained(t: Texture) -> _Map:
    """After antigen retrieval, chromatin is more even than in H&E."""
    return np.float32(0.3) + np.float32(0.7) * t.chromatin


def _ground(t: Texture, in_stroma: float, in_cytoplasm: float) -> _Map:
    stroma, cytoplasm = (1 - t.epithelium) * t.stroma, t.epithelium * t.cytoplasm
    return (np.float32(in_stroma) * stroma + np.float32(in_cytoplasm) * cytoplasm) * t.present


def _over(ground: _Map, t: Texture, in_nucleus: NDArray[np.floating]) -> _Map:
    """The ground, with nuclei and red cells in place of it."""
    return ground * (1 - t.nucleus) * (1 - t.red_cell) + t.nucleus * in_nucleus
