"""How rendered tissue is built: where epithelium, lumen and stroma lie, and what grows in them how densely.

A piece of tissue is a sheet of epithelium, glands in stroma, or stroma with strands of epithelium. Its
architecture is a function of position in µm on an unbounded plane, so it can be seen at any power.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.noise import Noise

_Floats = NDArray[np.float64]


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
    closeness: float  #: how near bodies may come, 1 where their outlines touch
    pleomorphism: float  #: how far nuclear outlines depart from ovals
    adiposity: float  #: fat cells where their field is above this
    vascularity: float  #: the chance of a vessel at a place for one

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
    keys = tuple(int(key) for key in draw.integers(2**63, size=32))
    pattern = draw.choice(["sheet", "gland", "stroma"], p=[0.45, 0.3, 0.25])
    gland = pattern == "gland"
    region_um = draw.uniform(28, 42) if gland else draw.uniform(24, 44)
    region = Noise(keys[0], region_um)
    band = draw.uniform(1.1, 2.0)
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
        nuclei_to=from_level + (draw.uniform(0.5, 0.9) * band if gland else 99),
        lumen_from=from_level + (band if gland else 99),
        palisade=gland,
        flow_angle=draw.uniform(0, np.pi),
        nucleus_um=draw.uniform(5.4, 9.0) if gland else draw.uniform(5.4, 12.5),
        spread=draw.uniform(0.08, 0.24),
        crowding=draw.uniform(0.93, 1.12)
        if gland
        else draw.choice([0.98, 1.2, 1.5]) * draw.uniform(0.93, 1.1),
        elongation=draw.uniform(1.15, 1.7) if gland else draw.uniform(1.1, 1.5),
        inflammation=draw.choice([0.6, 1.2, 2.2]) + draw.uniform(-0.3, 0.3),
        haemorrhage=draw.choice([1.0, 9.0], p=[0.3, 0.7]),
        stromal_spacing_um=draw.uniform(10, 17),
        closeness=draw.uniform(0.78, 1.0),
        pleomorphism=draw.uniform(0.04, 0.13),
        adiposity=draw.choice([0.3, 9.0], p=[0.12, 0.88]) + draw.uniform(-0.3, 0.8),
        vascularity=draw.uniform(0, 0.4),
    )
