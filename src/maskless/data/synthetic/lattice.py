"""Cells on an unbounded plane: where a body may stand, and what is left to chance about it."""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from maskless.data.synthetic.bodies import HARMONICS, Bodies
from maskless.data.synthetic.noise import hashed

_Floats = NDArray[np.float64]

#: Numbers that a cell draws: chances for its looks, normals for its shape, its place and its priority.
_CHANCES, _NORMALS = 8, 5


class Kind(IntEnum):
    """What a body is. The first three are nuclei, the last two spaces in the tissue."""

    EPITHELIAL = 0
    LYMPHOCYTE = 1
    STROMAL = 2
    RED_CELL = 3
    FAT = 4
    VESSEL = 5


NUCLEI: Final = (Kind.EPITHELIAL, Kind.LYMPHOCYTE, Kind.STROMAL)


def by_kind(bodies: Bodies, epithelial: float, lymphocyte: float, stromal: float) -> _Floats:
    """A value for each body by its kind: (N,), 0 for what is no nucleus."""
    return np.array([epithelial, lymphocyte, stromal, 0.0, 0.0, 0.0])[bodies.kind]


class Cells:
    """A hexagonal lattice, each node moved and given its chances by its place's hash.

    `window` is the height and width in µm of what will be seen, from the plane's origin; cells reach
    `margin_um` beyond it, further than any body there changes what is in it.
    """

    def __init__(
        self, key: int, spacing_um: float, jitter: float, window: tuple[float, float], margin_um: float = 40.0
    ) -> None:
        down_um = spacing_um * np.sqrt(3) / 2
        i = np.arange(-margin_um // down_um, (window[0] + margin_um) // down_um + 1).astype(np.int64)
        j = np.arange(-margin_um // spacing_um, (window[1] + margin_um) // spacing_um + 1).astype(np.int64)
        row, col = (axis.ravel() for axis in np.meshgrid(i, j, indexing="ij"))
        drawn = np.stack([hashed(key, row, col, k) for k in range(_CHANCES + _NORMALS + 3)], 1)
        self.chance = drawn[:, :_CHANCES]
        self.normal = ndtri(drawn[:, _CHANCES : _CHANCES + _NORMALS].clip(1e-9)).clip(-2, 2)
        moved_um = jitter * spacing_um * (drawn[:, -3:-1] - 0.5)
        self.rows_um = row * down_um + moved_um[:, 0]
        self.cols_um = (col + 0.5 * (row % 2)) * spacing_um + moved_um[:, 1]
        self.priority = drawn[:, -1]

    def bodies(
        self,
        where: NDArray[np.bool_],
        kind: Kind,
        *,
        diameter_um: _Floats,
        aspect: _Floats,
        angle: _Floats,
        ripple: float,
        rank: float,
    ) -> Bodies:
        """Bodies of a kind in the cells `where`; of two kinds the one of higher `rank` keeps its place."""
        sizes = ripple * np.array([1.0, 0.7, 0.4, 0.3]) * np.abs(self.normal[:, : len(HARMONICS)])
        ripples = sizes * np.exp(2j * np.pi * self.chance[:, : len(HARMONICS)])
        return Bodies(
            rows_um=self.rows_um,
            cols_um=self.cols_um,
            long_um=diameter_um / 2 * np.sqrt(aspect),
            short_um=diameter_um / 2 / np.sqrt(aspect),
            angle=angle,
            ripples=ripples.astype(np.complex64),
            kind=np.full(len(where), int(kind)),
            priority=self.priority + rank,
            chance=self.chance,
        )[where]
