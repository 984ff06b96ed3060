import numpy as np
from hypothesis import given, settings
from label_map_examples import label_maps, objects

from maskless.metrics.boxes import boxes


@settings(deadline=None, max_examples=200)
@given(label_maps((11, 13)))
def test_equal_the_extremes_of_each_objects_pixels(labels):
    expected = []
    for _, pixels in sorted(objects(labels).items()):
        rows, columns = zip(*pixels, strict=True)
        expected.append([min(rows), max(rows) + 1, min(columns), max(columns) + 1])
    assert boxes(labels).tolist() == expected


def test_a_box_holds_all_pieces_of_an_object_and_goes_by_id():
    labels = np.zeros((9, 7), np.uint64)
    labels[1, 2], labels[7, 5], labels[4, 4:] = 2**64 - 1, 2**64 - 1, 3
    assert boxes(labels).tolist() == [[4, 5, 4, 7], [1, 8, 2, 6]]


def test_no_objects_have_no_boxes():
    assert boxes(np.zeros((3, 4), int)).shape == (0, 4)
