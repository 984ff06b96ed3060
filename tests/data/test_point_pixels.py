import numpy as np
import pytest

from maskless.data.point_pixels import point_pixels
from maskless.errors import UserError

SIZE = (10, 20)


def test_points_go_to_the_nearest_pixel_once_in_reading_order() -> None:
    points = np.array([[9.4, 19.4], [0.6, 2.2], [1.2, 1.8], [0, 3], [-0.4, -0.4]], np.float32)
    assert point_pixels(points, SIZE).tolist() == [[0, 0], [0, 3], [1, 2], [9, 19]]
    assert point_pixels(points, SIZE).dtype == np.int64


def test_points_outside_the_image_are_left_out() -> None:
    points = [[-1, 5], [5, -0.6], [10, 5], [9.6, 5], [5, 20], [5, 19]]
    assert point_pixels(points, SIZE).tolist() == [[5, 19]]


def test_no_points() -> None:
    for nothing in ([], np.zeros((0, 2), np.float32), [[50.0, 50.0]]):
        assert point_pixels(nothing, SIZE).shape == (0, 2)


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(UserError, match=r"point 1 lies at \[nan, 2.0\], which is nowhere"):
        point_pixels([[1, 1], [np.nan, 2]], SIZE)
    with pytest.raises(UserError, match="point 0 lies at"):
        point_pixels([[np.inf, 2]], SIZE)
    for shape in ((3,), (2, 3), (1, 2, 2)):
        with pytest.raises(UserError, match=r"points must have the shape \(N, 2\)"):
            point_pixels(np.ones(shape), SIZE)
