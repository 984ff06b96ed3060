"""What grows in rendered tissue: nuclei keep clear of fat and vessels, and a window shows what is there."""

import numpy as np
import pytest

from maskless.address import generator
from maskless.data.synthetic.architecture import Architecture, architecture
from maskless.data.synthetic.bodies import drawn, inside
from maskless.data.synthetic.growth import grown
from maskless.data.synthetic.lattice import NUCLEI, Kind


def tissues(n: int) -> list[Architecture]:
    return [architecture(generator(17, index)) for index in range(n)]


def test_nuclei_stand_outside_fat_cells_and_vessels():
    spaces = nuclei = 0
    for tissue in tissues(30):
        growth = grown(tissue, 120.0, 120.0)
        stands = growth.bodies[np.isin(growth.bodies.kind, NUCLEI)]
        assert not inside(growth.spaces, stands.rows_um, stands.cols_um, np.full(len(stands), -0.5)).any()
        spaces, nuclei = spaces + len(growth.spaces), nuclei + len(stands)
    assert spaces > 30
    assert nuclei > 3000


def test_red_cells_lie_in_vessels():
    found = 0
    for tissue in tissues(30):
        growth = grown(tissue, 120.0, 120.0)
        red = growth.bodies[growth.bodies.kind == Kind.RED_CELL]
        vessels = growth.spaces[growth.spaces.kind == Kind.VESSEL]
        found += inside(vessels, red.rows_um, red.cols_um, np.zeros(len(red))).sum()
        fat = growth.spaces[growth.spaces.kind == Kind.FAT]
        assert not inside(fat, red.rows_um, red.cols_um, np.zeros(len(red))).any()
    assert found > 10


def test_flat_nuclei_follow_the_walls_of_vessels():
    along = []
    for tissue in tissues(60):
        growth = grown(tissue, 150.0, 150.0)
        vessels = growth.spaces[(growth.spaces.kind == Kind.VESSEL) & (growth.spaces.long_um < 12)]
        flat = growth.bodies[growth.bodies.kind == Kind.STROMAL]
        for k in range(len(vessels)):
            near = flat[inside(vessels[[k]], flat.rows_um, flat.cols_um, np.full(len(flat), 1.8))]
            outward = np.arctan2(near.rows_um - vessels.rows_um[k], near.cols_um - vessels.cols_um[k])
            along += list(np.abs(np.sin(near.angle - outward)))
    assert len(along) > 20
    assert np.mean(along) > 0.8  # 0.64 if they lay any way


@pytest.mark.parametrize("kind", list(Kind))
def test_a_larger_window_shows_the_same_bodies(kind: Kind):
    """Seen in the smaller window, what a larger one has grown is the same."""
    for tissue in tissues(8):
        pictures = []
        for side_um in (50.0, 110.0):
            growth = grown(tissue, side_um, side_um)
            of_kind = growth.spaces if kind in (Kind.FAT, Kind.VESSEL) else growth.bodies
            pictures.append(drawn(of_kind[of_kind.kind == kind], 200, 200, 0.25).radius)
        np.testing.assert_array_equal(*pictures)
