import numpy as np
from hypothesis import given, settings
from label_map_examples import components, pairs

from maskless.metrics import relabel, relabel_mask


@settings(deadline=None, max_examples=150)
@given(pairs())
def test_equals_flooding_each_piece(example):
    for labels in example:
        for count in (4, 8):
            for found, values in (
                (relabel(labels, count), labels),
                (relabel_mask(labels, count), labels > 0),
            ):
                assert found.dtype == np.int32
                assert np.array_equal(found, components(values, count))


def test_an_id_in_two_pieces_becomes_two_and_touching_ids_stay_apart():
    labels = np.array([[7, 7, 0, 7], [3, 3, 0, 7]])
    assert relabel(labels).tolist() == [[1, 1, 0, 2], [3, 3, 0, 2]]
    assert relabel_mask(labels).tolist() == [[1, 1, 0, 2], [1, 1, 0, 2]]


def test_pixels_that_meet_at_a_corner():
    labels = np.array([[5, 0], [0, 5]])
    assert relabel(labels).tolist() == [[1, 0], [0, 1]]
    assert relabel(labels, 4).tolist() == relabel_mask(labels, 4).tolist() == [[1, 0], [0, 2]]
    assert relabel_mask(labels).tolist() == [[1, 0], [0, 1]]


def test_the_map_is_left_as_it_was():
    labels = np.array([[9, 0, 9]])
    relabel(labels), relabel_mask(labels)
    assert labels.tolist() == [[9, 0, 9]]
