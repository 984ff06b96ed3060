"""What grows in rendered tissue: nuclei and red cells, and the spaces that they keep clear of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.architecture import Architecture
from maskless.data.synthetic.bodies import Bodies, inside, joined, thinned
from maskless.data.synthetic.lattice import Cells, Kind
from maskless.data.synthetic.noise import hashed

_Floats = NDArray[np.float64]
_Window = tuple[float, float]

#: Spaces are far larger than nuclei, so they are grown further beyond the window.
_SPACE_MARGIN_UM: Final = 80.0
#: Places for an endothelial nucleus around a vessel.
_AROUND: Final = 12


@dataclass(frozen=True)
class Growth:
    """All bodies in and around a window at the plane's origin."""

    bodies: Bodies  #: nuclei and red cells; no two of them overlap
    spaces: Bodies  #: fat cells and vessels: lumens with a rim


def grown(tissue: Architecture, height_um: float, width_um: float) -> Growth:
    """What grows in a window, as a function of the tissue alone."""
    window = (height_um, width_um)
    spaces = thinned(joined([_fat(tissue, window), _vessels(tissue, window)]), 1.0)
    nuclei = joined([_epithelium(tissue, window), _lymphocytes(tissue, window), _stroma(tissue, window)])
    nuclei = nuclei[~inside(spaces, nuclei.rows_um, nuclei.cols_um, beyond_um=nuclei.short_um)]
    parts = [nuclei, _endothelium(tissue, spaces), _red_cells(tissue, spaces, window)]
    return Growth(thinned(joined(parts), tissue.closeness), spaces)


def _epithelium(tissue: Architecture, window: _Window) -> Bodies:
    cells = Cells(tissue.keys[3], tissue.nucleus_um * tissue.crowding, 0.55, window)
    level = tissue.level(cells.rows_um, cells.cols_um)
    if tissue.palisade:  # columnar cells stand upright on their membrane
        angle = _rising(tissue.level, cells) + 0.2 * cells.normal[:, 0]
    else:
        angle = np.pi * tissue.noise(4, 30)(cells.rows_um, cells.cols_um) + 0.7 * cells.normal[:, 0]
    return cells.bodies(
        (level > tissue.from_level + 0.06) & (level < tissue.nuclei_to),
        Kind.EPITHELIAL,
        diameter_um=tissue.nucleus_um * np.exp(tissue.spread * cells.normal[:, 4]),
        aspect=1 + (tissue.elongation - 1) * 2 * cells.chance[:, 4],
        angle=angle,
        ripple=tissue.pleomorphism,
        rank=0.0,
    )


def _lymphocytes(tissue: Architecture, window: _Window) -> Bodies:
    cells = Cells(tissue.keys[5], 7.6, 0.7, window)
    level = tissue.level(cells.rows_um, cells.cols_um)
    crowd = tissue.noise(6, 26)(cells.rows_um, cells.cols_um) + 0.4 * cells.normal[:, 0]
    among_stroma = (crowd > tissue.inflammation) & (level < tissue.from_level - 0.05)
    stray = (cells.chance[:, 4] < 0.015) & (level < tissue.lumen_from)
    return cells.bodies(
        among_stroma | stray,
        Kind.LYMPHOCYTE,
        diameter_um=5.6 * np.exp(0.09 * cells.normal[:, 4]),
        aspect=1 + 0.3 * cells.chance[:, 5],
        angle=np.pi * cells.chance[:, 6],
        ripple=0.035,
        rank=0.3,
    )


def _stroma(tissue: Architecture, window: _Window) -> Bodies:
    cells = Cells(tissue.keys[7], tissue.stromal_spacing_um, 0.9, window)
    level = tissue.level(cells.rows_um, cells.cols_um)
    return cells.bodies(
        level < tissue.from_level - 0.12,
        Kind.STROMAL,
        diameter_um=5.2 * np.exp(0.16 * cells.normal[:, 4]),
        aspect=1.6 + 2.4 * cells.chance[:, 4],
        angle=_rising(tissue.flow_um, cells) + np.pi / 2 + 0.15 * cells.normal[:, 0],
        ripple=0.06 + 0.4 * tissue.pleomorphism,
        rank=0.1,
    )


def _fat(tissue: Architecture, window: _Window) -> Bodies:
    cells = Cells(tissue.keys[20], 30.0, 0.3, window, _SPACE_MARGIN_UM)
    level = tissue.level(cells.rows_um, cells.cols_um)
    lobule = tissue.noise(21, 70)(cells.rows_um, cells.cols_um)
    return cells.bodies(
        (lobule > tissue.adiposity) & (level < tissue.from_level - 0.1),
        Kind.FAT,
        diameter_um=28.0 * np.exp(0.12 * cells.normal[:, 4]),
        aspect=1 + 0.25 * cells.chance[:, 4],
        angle=np.pi * cells.chance[:, 6],
        ripple=0.05,
        rank=0.0,
    )


def _vessels(tissue: Architecture, window: _Window) -> Bodies:
    cells = Cells(tissue.keys[22], 55.0, 0.8, window, _SPACE_MARGIN_UM)
    level = tissue.level(cells.rows_um, cells.cols_um)
    return cells.bodies(
        (cells.chance[:, 5] < tissue.vascularity) & (level < tissue.from_level - 0.3),
        Kind.VESSEL,
        diameter_um=7 + 22 * cells.chance[:, 4] ** 2,
        aspect=1 + 1.8 * cells.chance[:, 7],
        angle=np.pi * cells.chance[:, 6],
        ripple=0.1,
        rank=1.0,
    )


def _endothelium(tissue: Architecture, spaces: Bodies) -> Bodies:
    """Flat nuclei along the walls of vessels, and a few at the rims of fat cells."""
    # Ten chances of their own for each place around each space, hashed from where the space is.
    row, col = (np.rint(16 * at[:, None]).astype(np.int64) for at in (spaces.rows_um, spaces.cols_um))
    drawn = hashed(tissue.keys[23], row, 1024 * col + np.arange(10 * _AROUND)).reshape(-1, _AROUND, 10)
    chance, shape = drawn[..., 8], drawn[..., 9]
    turn = 2 * np.pi * (np.arange(_AROUND) + 0.7 * shape) / _AROUND
    long_um, short_um = spaces.long_um[:, None], spaces.short_um[:, None]
    along, across = (long_um + 1.2) * np.cos(turn), (short_um + 1.2) * np.sin(turn)
    cos, sin = np.cos(spaces.angle)[:, None], np.sin(spaces.angle)[:, None]
    tangent = np.arctan2(short_um * np.cos(turn), -long_um * np.sin(turn))
    flat_um = 3.4 * np.exp(0.3 * (shape - 0.5))
    share = np.where(spaces.kind == Kind.VESSEL, 0.55, 0.06)[:, None] * np.minimum(1, long_um / 9)
    bodies = Bodies(
        rows_um=(spaces.rows_um[:, None] + along * sin + across * cos).ravel(),
        cols_um=(spaces.cols_um[:, None] + along * cos - across * sin).ravel(),
        long_um=flat_um.ravel(),
        short_um=(flat_um / (2.2 + 1.5 * drawn[..., 7])).ravel(),
        angle=(tangent + spaces.angle[:, None]).ravel(),
        ripples=np.zeros((chance.size, spaces.ripples.shape[1]), np.complex64),
        kind=np.full(chance.size, int(Kind.STROMAL)),
        priority=(1.5 + chance).ravel(),
        chance=drawn[..., :8].reshape(-1, 8),
    )
    bodies = bodies[(chance < share).ravel()]
    # Not in a neighbouring space.
    return bodies[~inside(spaces, bodies.rows_um, bodies.cols_um, beyond_um=0.3 * bodies.short_um)]


def _red_cells(tissue: Architecture, spaces: Bodies, window: _Window) -> Bodies:
    """Spilt into the stroma, and in vessels that hold blood."""
    cells = Cells(tissue.keys[8], 6.6, 0.6, window)
    level = tissue.level(cells.rows_um, cells.cols_um)
    pool = tissue.noise(9, 22)(cells.rows_um, cells.cols_um)
    filled = spaces[(spaces.kind == Kind.VESSEL) & (spaces.chance[:, 3] < 0.6)]
    in_vessel = inside(filled, cells.rows_um, cells.cols_um, beyond_um=np.full(len(cells.rows_um), -2.0))
    in_space = inside(spaces, cells.rows_um, cells.cols_um, beyond_um=np.full(len(cells.rows_um), 2.0))
    spilt = (pool > tissue.haemorrhage) & (level < tissue.from_level) & ~in_space
    return cells.bodies(
        spilt | (in_vessel & (cells.chance[:, 4] < 0.8)),
        Kind.RED_CELL,
        diameter_um=6.2 * np.exp(0.07 * cells.normal[:, 4]),
        aspect=1 + 0.35 * cells.chance[:, 5],
        angle=np.pi * cells.chance[:, 6],
        ripple=0.04,
        rank=-1.0,
    )


def _rising(field: Callable[[_Floats, _Floats], NDArray[np.float32]], cells: Cells) -> _Floats:
    """The angle, from columns to rows, in which a field rises at each cell."""
    at, step_um = (cells.rows_um, cells.cols_um), 0.5
    down = field(at[0] + step_um, at[1]) - field(at[0] - step_um, at[1])
    along = field(at[0], at[1] + step_um) - field(at[0], at[1] - step_um)
    return np.arctan2(down, along).astype(np.float64)
