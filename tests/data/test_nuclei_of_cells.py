import numpy as np
import pytest
import slow_pseudo_labels as slow
from point_fields import spread_points
from scipy.ndimage import gaussian_filter

from maskless.data.nuclei_of_cells import nuclei_of_cells
from maskless.data.voronoi_label import voronoi_edges

NO_EDGES = np.zeros((60, 60), bool)


def blocks(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((60, 60), bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("blur_px", [1, 3])
def test_it_is_what_each_cell_by_itself_gives(seed: int, blur_px: int) -> None:
    size = (70, 90)
    points = spread_points(seed, size)[:: 7 + seed]
    rough = gaussian_filter(np.random.default_rng(seed).normal(size=size), blur_px) > 0
    edges = voronoi_edges(points, size)
    expected = slow.nuclei_of_cells(rough, edges)
    assert expected.any()
    np.testing.assert_array_equal(nuclei_of_cells(rough, edges), expected)


def test_pieces_below_30_px_go_and_corners_connect() -> None:
    assert not nuclei_of_cells(blocks((20, 25, 20, 25)), NO_EDGES).any()
    assert nuclei_of_cells(blocks((20, 25, 20, 25), (25, 30, 25, 30)), NO_EDGES).any()


def test_holes_are_filled_and_the_rim_goes() -> None:
    ring = blocks((15, 45, 15, 45)) & ~blocks((24, 36, 24, 36))
    nuclei = nuclei_of_cells(ring, NO_EDGES)
    assert nuclei[30, 30]
    assert 0 < nuclei.sum() < 30 * 30
    assert not nuclei[15].any()


def test_at_the_border_of_the_image_nothing_is_eroded() -> None:
    nuclei = nuclei_of_cells(blocks((0, 20, 0, 60)), NO_EDGES)
    np.testing.assert_array_equal(nuclei, blocks((0, 18, 0, 60)))


def test_what_spans_two_cells_is_cut_between_them() -> None:
    edges = blocks((0, 60, 29, 31))
    nuclei = nuclei_of_cells(blocks((20, 40, 10, 50)), edges)
    # Each cell reaches 2 px over its edges, and the halves shrink by 2 px where they were cut.
    assert nuclei[30, 20]
    assert nuclei[30, 40]
    assert nuclei[30].sum() < nuclei_of_cells(blocks((20, 40, 10, 50)), NO_EDGES)[30].sum()


def test_an_empty_mask_has_no_nuclei() -> None:
    assert not nuclei_of_cells(NO_EDGES, NO_EDGES).any()
