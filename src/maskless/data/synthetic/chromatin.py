"""What fills rendered nuclei: chromatin, even or clumped, and nucleoli."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.bodies import Bodies, Drawing
from maskless.data.synthetic.lattice import Kind, by_kind

_Map = NDArray[np.float32]

#: Of all nuclei, these are shrunken and dark (dying), or in division.
_DENSE: Final = 0.025


def chromatin(
    bodies: Bodies,
    drawing: Drawing,
    depth_um: _Map,
    clumps: _Map,
    vesicular: float,
    coarseness: float,
    pallor: float,
) -> _Map:
    """How much chromatin lies at each pixel, about 1: float32 (H, W), at least 0.03.

    Dense and even in lymphocytes; pale, clumped and rimmed in nuclei as far as they are `vesicular` (0 to 1).
    Epithelial nuclei as a whole are paler than others by `pallor` (0 to 1), without being clumped.
    `depth_um` is how far within its outline a pixel lies, `clumps` a noise of standard deviation 1, whose
    weight is `coarseness`.
    """
    owner = drawing.owner.astype(np.intp)
    open_ = vesicular * (0.35 + 0.65 * bodies.chance[:, 2])
    base = by_kind(bodies, 1.0 - pallor, 1.35, 1.12) * (0.45 + 0.8 * bodies.chance[:, 1] ** 0.75)
    base *= 1 - by_kind(bodies, 0.88, 0.15, 0.6) * open_
    grain = coarseness * (by_kind(bodies, 0.6, 0.7, 0.7) + by_kind(bodies, 1.8, 0.2, 0.9) * open_)
    # Relative to what is left of the chromatin: a rim about as dark as a dense nucleus.
    rim = by_kind(bodies, 0.15, 0.1, 0.15) + by_kind(bodies, 0.9, 0.1, 0.6) * open_ / (1.05 - 0.9 * open_)
    dense = bodies.chance[:, 3] > 1 - _DENSE
    base, grain, rim = np.where(dense, [1.9 + 0 * base, 0.3 * grain, 0.3 * rim], [base, grain, rim])

    at_membrane = np.exp(-(((depth_um - np.float32(0.35)) / np.float32(0.35)) ** 2))
    thickness = 0.8 + 0.2 * np.sqrt((1 - drawing.radius**2).clip(0))
    pattern = 1 + of_owner(grain, owner) * clumps + of_owner(rim, owner) * at_membrane
    return (of_owner(base, owner) * pattern * thickness).clip(0.03)


def nucleoli(bodies: Bodies, share: float, height_px: int, width_px: int, mpp: float) -> _Map:
    """A round spot in `share` of the epithelial nuclei, a second one in some: float32 (H, W), 0 to 1."""
    spots = np.zeros((height_px, width_px), np.float32)
    chance = bodies.chance
    radius_um = 0.3 + 0.4 * chance[:, 4] ** 1.5
    for turn, off, of_them in ((4, 5, share), (6, 7, 0.2 * share)):
        angle, off_um = 2 * np.pi * chance[:, turn], 0.45 * chance[:, off] * bodies.short_um
        row_um, col_um = bodies.rows_um + off_um * np.sin(angle), bodies.cols_um + off_um * np.cos(angle)
        for i in np.flatnonzero((bodies.kind == Kind.EPITHELIAL) & (chance[:, 3] < of_them)):
            rows, down = _bump(row_um[i], radius_um[i], height_px, mpp)
            cols, along = _bump(col_um[i], radius_um[i], width_px, mpp)
            spots[rows, cols] = np.maximum(spots[rows, cols], down[:, None] * along[None])
    return spots


def of_owner(values: NDArray[np.generic], owner: NDArray[np.intp]) -> _Map:
    """The value of each pixel's body, float32 (H, W), 0 where `owner` is -1, from a value a body (N,)."""
    return np.append(values, 0).astype(np.float32)[owner]


def _bump(at_um: float, radius_um: float, length_px: int, mpp: float) -> tuple[slice, _Map]:
    """The pixels of an axis that a Gaussian reaches, and its value there."""
    first = max(int((at_um - 3 * radius_um) / mpp), 0)
    last = max(min(int((at_um + 3 * radius_um) / mpp) + 1, length_px), first)
    away = ((np.arange(first, last) + 0.5) * mpp - at_um) / radius_um
    return slice(first, last), np.exp(-0.5 * away**2).astype(np.float32)
