from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from maskless.postprocess.pieces import absorb_small, pieces

LABELS = hnp.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 5))
CROSS = ndimage.generate_binary_structure(2, 1)


@pytest.mark.parametrize("neighbours", [4, 8])
@given(labels=LABELS)
def test_pieces_are_those_of_each_id_in_reading_order(neighbours: Literal[4, 8], labels: np.ndarray) -> None:
    result = pieces(labels, neighbours=neighbours)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result > 0, labels > 0)
    for one in np.unique(labels[labels > 0]):
        expected, number = ndimage.label(labels == one, np.ones((3, 3)) if neighbours == 8 else CROSS)
        for piece in range(1, number + 1):
            inside = np.unique(result[expected == piece])
            assert len(inside) == 1
            np.testing.assert_array_equal(result == inside[0], expected == piece)
    newest = np.maximum.accumulate(np.concatenate([[0], result.ravel()]))
    assert np.diff(newest).max() <= 1


def test_small_ids_go_to_the_neighbour_that_they_touch_most() -> None:
    labels = np.array(
        [
            [1, 1, 1, 1, 0, 5],
            [1, 3, 3, 2, 2, 0],
            [1, 2, 2, 2, 2, 0],
            [0, 0, 4, 0, 0, 6],
        ]
    )
    # 3 touches 1 along three sides and 2 along three: the lower id has it. 4 touches 2, and 5 and 6 nothing.
    assert absorb_small(labels, min_area_px=3).tolist() == [
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 2, 2, 0],
        [1, 2, 2, 2, 2, 0],
        [0, 0, 2, 0, 0, 0],
    ]
    assert absorb_small(labels, min_area_px=1).tolist() == labels.tolist()
    assert not absorb_small(labels, min_area_px=100).any()


def test_the_longer_border_counts_before_the_lower_id() -> None:
    labels = np.array([[1, 3, 2], [1, 3, 2], [1, 2, 2]])
    assert absorb_small(labels, min_area_px=3).tolist() == [[1, 2, 2], [1, 2, 2], [1, 2, 2]]


@given(labels=LABELS, min_area_px=st.integers(0, 20))
def test_absorb_small_equals_asking_each_small_id(labels: np.ndarray, min_area_px: int) -> None:
    area = {one: np.sum(labels == one) for one in np.unique(labels) if one}
    expected = labels.copy()
    for one in (one for one, px in area.items() if px < min_area_px):
        own = np.pad(labels == one, 1)
        sides = {
            other: sum(np.sum(np.roll(own, step, (0, 1))[1:-1, 1:-1] & (labels == other)) for step in STEPS)
            for other, px in area.items()
            if px >= min_area_px
        }
        most = max(sides.values(), default=0)
        expected[labels == one] = min((k for k, number in sides.items() if number == most > 0), default=0)
    result = absorb_small(labels, min_area_px=min_area_px)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)


STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))
