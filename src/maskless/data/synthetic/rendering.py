"""One field of rendered tissue: grown, stained, lit, seen through a lens and a sensor.

The colours are never painted. Stains take up light by the law of Beer and Lambert, each along its own vector
of optical density, so whatever unmixes stains in real images unmixes them here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from maskless.address import generator
from maskless.data.derive import points
from maskless.data.synthetic.architecture import architecture
from maskless.data.synthetic.bodies import drawn, instances
from maskless.data.synthetic.growth import grown
from maskless.data.synthetic.lattice import NUCLEI, Kind
from maskless.data.synthetic.microscope import seen
from maskless.data.synthetic.stain import PIGMENT, STAINS, amounts, positive, vectors
from maskless.data.synthetic.texture import textured
from maskless.errors import UserError, did_you_mean

#: Least and greatest objective power: below these a nucleus is a few pixels, above there is no objective.
POWERS: Final = (5.0, 100.0)

#: An objective of power 40 gives 0.25 µm/px, of power 20 0.5, and so on.
_MPP_TIMES_POWER: Final = 10.0


@dataclass(frozen=True)
class Tissue:
    """A rendered field and all that is true of it."""

    image: NDArray[np.uint8]  #: (H, W, 3), RGB
    instances: NDArray[np.int32]  #: (H, W), 0 = background, ids 1..N, each one 4-connected piece
    points: NDArray[np.float32]  #: (N, 2), row and column in px, bounding-box centre of id i in row i - 1
    classes: dict[int, str]  #: the class of each id
    mpp: float  #: µm/px
    power: float  #: of the objective, 40 for 40x


def render(seed: int, index: int, *, size_px: int = 256, stain: str = "he", power: float = 40.0) -> Tissue:
    """Field `index` of the tissues of `seed`: a pure function, the same bytes on every call.

    The field is `size_px` square at 10 / `power` µm/px. Each (seed, index) is one piece of tissue on an
    unbounded plane, and fields of it share their top left corner: another power shows the same nuclei at
    another size, a larger field shows more of them, another stain shows the same nuclei in other colours.
    Classes are 'epithelial', 'lymphocyte' and 'stromal' in H&E ('he'), 'positive' and 'negative' in Ki67
    ('ki67'). Red blood cells, fibres, clefts, uneven light, blur and noise are in the image only.

    Raises UserError for a stain that is not known, a power outside `POWERS`, and a seed, index or size
    that is not a whole number of a sensible size.
    """
    check(seed, index, size_px, stain, power)
    mpp = _MPP_TIMES_POWER / power
    tissue = architecture(generator(seed, index, "architecture"))
    growth = grown(tissue, size_px * mpp, size_px * mpp)
    bodies = growth.bodies
    drawing = drawn(bodies, size_px, size_px, mpp)
    ids, behind = instances(drawing, np.isin(bodies.kind, NUCLEI))

    staining = generator(seed, index, "stain", stain)
    holds_ki67 = positive(bodies, staining)
    texture = textured(tissue, growth, drawing, mpp, generator(seed, index, "texture"))
    density = amounts(stain, texture, bodies, drawing, holds_ki67, staining)
    light = transmitted(density, vectors(stain, staining))
    light *= transmitted(texture.pigment[..., None], PIGMENT)
    image = seen(light, mpp, generator(seed, index, "microscope", stain))

    if stain == "ki67":
        names = ["positive" if held else "negative" for held in holds_ki67[behind]]
    else:
        names = [Kind(kind).name.lower() for kind in bodies.kind[behind]]
    classes = dict(enumerate(names, 1))
    return Tissue(image, ids, points(ids), classes, mpp, float(power))


def transmitted(density: NDArray[np.floating], stain_vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """The part of the light that passes: float32 (H, W, 3), 0 to 1, of stain amounts (H, W, S).

    The law of Beer and Lambert: 10 to the power of minus the sum of amounts times `stain_vectors` (S, 3).
    """
    exponent = -np.log(10) * np.asarray(stain_vectors)
    height, width, stains = density.shape
    absorbed = density.reshape(-1, stains) @ exponent.astype(np.float32)
    return np.exp(absorbed, out=absorbed).reshape(height, width, 3)


def check(seed: int, index: int, size_px: int, stain: str, power: float) -> None:
    """Raise UserError if `render` cannot take these arguments."""
    if stain not in STAINS:
        raise UserError(f"synthetic tissue has no stain {stain!r}{did_you_mean(str(stain), STAINS)}")
    least, most = POWERS
    if isinstance(power, bool) or not isinstance(power, int | float) or not least <= power <= most:
        raise UserError(f"synthetic tissue has no power {power!r}: give a number from {least:g} to {most:g}")
    for name, value, first in (("seed", seed, 0), ("index", index, 0), ("size_px", size_px, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < first:
            raise UserError(f"synthetic tissue has no {name} {value!r}: give a whole number, {first} or more")
