"""Instances made convex within their cells."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation
from skimage.morphology import convex_hull_image

from maskless.data.convex import convex


def ring(side: int = 21) -> np.ndarray:
    rows, cols = np.mgrid[:side, :side] - side // 2
    distance = np.hypot(rows, cols)
    return ((distance <= 8) & (distance >= 5) & (cols <= 3)).astype(np.int32)  # open on the right


def test_a_rim_that_is_open_on_one_side_becomes_a_whole_nucleus() -> None:
    one_cell = np.ones((21, 21), np.int32)
    filled = convex(ring(), one_cell)
    assert filled[10, 10] == 1
    exact = convex_hull_image(ring(), offset_coordinates=False)
    assert (filled > 0)[exact].all()
    assert not (filled > 0)[~binary_dilation(exact)].any()  # the outline itself is taken with it


def test_a_hull_stays_in_its_cell_and_takes_nothing_from_a_neighbour() -> None:
    instances = np.zeros((9, 12), np.int32)
    instances[1:8, 1:3] = 1  # an L, whose hull reaches over its foot
    instances[6:8, 1:9] = 1
    instances[1:3, 9:11] = 2
    cells = np.ones((9, 12), np.int32)
    cells[:, 6:] = 2
    cells[:, 5] = 0  # the edge between them
    instances[:, 5] = 0
    instances[6:8, 6:9] = 0
    filled = convex(instances, cells)
    assert (filled[:, 5:] == instances[:, 5:]).all()
    assert filled[5, 3] == 1  # within the L


@given(st.integers(0, 2**31))
def test_nothing_is_lost_and_each_stays_in_its_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((12, 12))).astype(np.int32)
    instances = np.where(rng.random((24, 24)) < 0.1, cells, 0).astype(np.int32)
    filled = convex(instances, cells)
    assert np.array_equal(filled[instances > 0], instances[instances > 0])
    assert np.array_equal(np.where(filled > 0, cells, 0), filled)
