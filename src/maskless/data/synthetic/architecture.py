"""How rendered tissue is built: where epithelium, lumen and stroma lie, and which bodies grow in them.

A piece of tissue is a sheet of epithelium, glands in stroma, or stroma with strands of epithelium. Its
architecture is a function of position in µm on an unbounded plane, so it can be seen at any power.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from maskless.data.synthetic.bodies import HARMONICS, Bodies, joined, thinned
from maskless.data.synthetic.noise import Noise, hashed

_Floats = NDArray[np.float64]

#: Bodies further from the window than this do not change what is in it (by a chain of displacements).
_MARGIN_UM: Final = 40.0

#: Numbers that a cell draws: chances for its looks, normals for its shape, its place and its priority.
_CHANCES, _NORMALS = 8, 5


class Kind(IntEnum):
    """What a body is."""

    EPITHELIAL = 0
    LYMPHOCYTE = 1
    STROMAL = 2
    RED_CELL = 3


@dataclass(frozen=True)
class Architecture:
    """What one piece of tissue is like. Levels and thresholds are in standard deviations of `region`."""

    keys: tuple[int, ...]
    region: Noise
    detail: Noise
    bend: Noise
    from_level: float  #: epithelium begins here
    nuclei_to: float  #: epithelial nuclei end here (the basal layer of a gland)
    lumen_from: float  #: a gland's lumen begins here
    palisade: bool
    flow_angle: float
    nucleus_um: float  #: mean diameter of an epithelial nucleus
    spread: float  #: of nuclear size, sd of its logarithm
    crowding: float  #: spacing of epithelial cells, in nuclear diameters
    elongation: float
    inflammation: float  #: lymphocytes where their field is above this
    haemorrhage: float  #: red cells where theirs is above this
    stromal_spacing_um: float
    closeness: float

    def level(self, rows_um: _Floats, cols_um: _Floats) -> NDArray[np.float32]:
        """Below `from_level` stroma, above it epithelium; float32, of the places' broadcast shape."""
        return self.region(rows_um, cols_um) + np.float32(0.22) * self.detail(rows_um, cols_um)

    def flow_um(self, rows_um: _Floats, cols_um: _Floats) -> NDArray[np.float32]:
        """Its level lines are the fibres of the stroma, which give way to the epithelium."""
        straight = rows_um * np.cos(self.flow_angle) - cols_um * np.sin(self.flow_angle)
        bent = 11 * self.bend(rows_um, cols_um) + 8 * self.region(rows_um, cols_um)
        return (straight + bent).astype(np.float32)

    def noise(self, number: int, spacing_um: float) -> Noise:
        """One more field of this tissue, by number."""
        return Noise(self.keys[number], spacing_um)


def architecture(draw: np.random.Generator) -> Architecture:
    """Draw what a piece of tissue is like."""
    keys = tuple(int(key) for key in draw.integers(2**63, size=24))
    pattern = draw.choice(["sheet", "gland", "stroma"], p=[0.42, 0.36, 0.22])
    gland = pattern == "gland"
    region_um = draw.uniform(28, 42) if gland else draw.uniform(24, 44)
    region = Noise(keys[0], region_um)
    band = draw.uniform(1.0, 1.6)
    # Measured from the level at one place near the origin, so that a small window there is never all lumen.
    here = region(np.array([32.0]), np.array([32.0]))[0]
    above = {"sheet": (0.3, 2.0), "gland": (-0.2, 0.55 * band), "stroma": (-1.3, -0.3)}[pattern]
    from_level = float(np.clip(here - draw.uniform(*above), -1.8, 1.5))
    return Architecture(
        keys=keys,
        region=region,
        detail=Noise(keys[1], region_um / 4),
        bend=Noise(keys[2], 38.0),
        from_level=from_level,
        nuclei_to=from_level + (0.62 * band if gland else 99),
        lumen_from=from_level + (band if gland else 99),
        palisade=gland,
        flow_angle=draw.uniform(0, np.pi),
        nucleus_um=draw.uniform(6.0, 8.5) if gland else draw.uniform(6.0, 10.5),
        spread=draw.uniform(0.08, 0.2),
        crowding=draw.uniform(0.95, 1.12)
        if gland
        else draw.choice([1.05, 1.25, 1.5]) * draw.uniform(0.95, 1.1),
        elongation=draw.uniform(1.15, 1.7) if gland else draw.uniform(1.1, 1.5),
        inflammation=draw.choice([0.6, 1.2, 2.2]) + draw.uniform(-0.3, 0.3),
        haemorrhage=draw.choice([1.0, 9.0], p=[0.3, 0.7]),
        stromal_spacing_um=draw.uniform(10, 17),
        closeness=draw.uniform(0.82, 1.0),
    )


def grown(tissue: Architecture, height_um: float, width_um: float) -> Bodies:
    """The nuclei and red cells in and around a window at the plane's origin."""
    window = (height_um, width_um)
    parts = [_epithelium(tissue, window), _lymphocytes(tissue, window)]
    parts += [_stroma(tissue, window), _red_cells(tissue, window)]
    return thinned(joined(parts), tissue.closeness)


def by_kind(bodies: Bodies, epithelial: float, lymphocyte: float, stromal: float) -> _Floats:
    """A value for each body by its kind: (N,), 0 for red cells."""
    return np.array([epithelial, lymphocyte, stromal, 0.0])[bodies.kind]


class _Cells:
    """Cells on a plane: a hexagonal lattice, each node moved and given its chances by its place's hash."""

    def __init__(self, key: int, spacing_um: float, jitter: float, window: tuple[float, float]) -> None:
        down_um = spacing_um * np.sqrt(3) / 2
        i = np.arange(-_MARGIN_UM // down_um, (window[0] + _MARGIN_UM) // down_um + 1).astype(np.int64)
        j = np.arange(-_MARGIN_UM // spacing_um, (window[1] + _MARGIN_UM) // spacing_um + 1).astype(np.int64)
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


def _epithelium(tissue: Architecture, window: tuple[float, float]) -> Bodies:
    cells = _Cells(tissue.keys[3], tissue.nucleus_um * tissue.crowding, 0.55, window)
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
        ripple=0.05,
        rank=0.0,
    )


def _lymphocytes(tissue: Architecture, window: tuple[float, float]) -> Bodies:
    cells = _Cells(tissue.keys[5], 7.6, 0.7, window)
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


def _stroma(tissue: Architecture, window: tuple[float, float]) -> Bodies:
    cells = _Cells(tissue.keys[7], tissue.stromal_spacing_um, 0.9, window)
    level = tissue.level(cells.rows_um, cells.cols_um)
    return cells.bodies(
        level < tissue.from_level - 0.12,
        Kind.STROMAL,
        diameter_um=5.2 * np.exp(0.16 * cells.normal[:, 4]),
        aspect=1.6 + 2.4 * cells.chance[:, 4],
        angle=_rising(tissue.flow_um, cells) + np.pi / 2 + 0.15 * cells.normal[:, 0],
        ripple=0.06,
        rank=0.1,
    )


def _red_cells(tissue: Architecture, window: tuple[float, float]) -> Bodies:
    cells = _Cells(tissue.keys[8], 7.0, 0.6, window)
    level = tissue.level(cells.rows_um, cells.cols_um)
    pool = tissue.noise(9, 22)(cells.rows_um, cells.cols_um)
    return cells.bodies(
        (pool > tissue.haemorrhage) & (level < tissue.from_level),
        Kind.RED_CELL,
        diameter_um=6.2 * np.exp(0.07 * cells.normal[:, 4]),
        aspect=1 + 0.35 * cells.chance[:, 5],
        angle=np.pi * cells.chance[:, 6],
        ripple=0.04,
        rank=-1.0,
    )


def _rising(field: Callable[[_Floats, _Floats], NDArray[np.float32]], cells: _Cells) -> _Floats:
    """The angle, from columns to rows, in which a field rises at each cell."""
    at, step_um = (cells.rows_um, cells.cols_um), 0.5
    down = field(at[0] + step_um, at[1]) - field(at[0] - step_um, at[1])
    along = field(at[0], at[1] + step_um) - field(at[0], at[1] - step_um)
    return np.arctan2(down, along).astype(np.float64)
