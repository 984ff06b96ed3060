from itertools import pairwise
from math import atan2, cos, pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskless.data.polygons import rasterise

SIZE = (12, 16)

#: Coordinates in eighths of a pixel, none on a row or column of centres, where a rule has to decide.
coordinates = st.integers(-40, 160).filter(lambda eighths: eighths % 8 != 4).map(lambda eighths: eighths / 8)
outlines = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9)


def drawn(*outlines: list[tuple[float, float]], size: tuple[int, int] = SIZE) -> NDArray[np.int32]:
    return rasterise([np.asarray(outline, float).reshape(-1, 2) for outline in outlines], size)


def rectangle(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def pixels(labels: NDArray[np.int32], identity: int = 1) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(labels == identity)}


def winds_around(outline: list[tuple[float, float]], x: float, y: float) -> bool:
    """By the angles under which a point sees the edges: another way than counting crossings."""
    turned = 0.0
    for (x0, y0), (x1, y1) in pairwise([*outline, outline[0]]):
        angle = atan2(y1 - y, x1 - x) - atan2(y0 - y, x0 - x)
        turned += (angle + pi) % (2 * pi) - pi
    return round(turned / (2 * pi)) != 0


def on_an_edge(outline: list[tuple[float, float]], x: float, y: float) -> bool:
    return any(
        (x1 - x0) * (y - y0) == (y1 - y0) * (x - x0)
        and min(x0, x1) <= x <= max(x0, x1)
        and min(y0, y1) <= y <= max(y0, y1)
        for (x0, y0), (x1, y1) in pairwise([*outline, outline[0]])
    )


def test_whole_numbers_are_corners_of_pixels_x_to_the_right_and_y_down() -> None:
    labels = drawn(rectangle(1, 2, 4, 4))
    assert labels.dtype == np.int32
    assert pixels(labels) == {(row, column) for row in (2, 3) for column in (1, 2, 3)}


@settings(max_examples=150, deadline=None)
@given(outlines)
def test_a_pixel_is_inside_where_the_outline_winds_around_its_centre(
    outline: list[tuple[float, float]],
) -> None:
    labels = drawn(outline)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            centre = (column + 0.5, row + 0.5)
            if not on_an_edge(outline, *centre):
                assert (labels[row, column] == 1) == winds_around(outline, *centre)


@settings(max_examples=50, deadline=None)
@given(outlines, st.integers(0, 8), st.booleans())
def test_where_and_which_way_an_outline_is_begun_and_that_it_is_closed_changes_nothing(
    outline: list[tuple[float, float]], start: int, backwards: bool
) -> None:
    again = outline[start % len(outline) :] + outline[: start % len(outline)]
    again = [*again, again[0]][:: -1 if backwards else 1]
    np.testing.assert_array_equal(drawn(again), drawn(outline))


@settings(max_examples=50, deadline=None)
@given(outlines)
def test_what_lies_outside_the_image_is_cut_off(outline: list[tuple[float, float]]) -> None:
    moved = [(x + 10, y + 10) for x, y in outline]
    larger = drawn(moved, size=(SIZE[0] + 20, SIZE[1] + 20))
    np.testing.assert_array_equal(drawn(outline), larger[10:-10, 10:-10])


def test_of_two_that_share_an_edge_through_centres_each_pixel_is_one_s() -> None:
    left, right = rectangle(0, 0, 5.5, 12), rectangle(5.5, 0, 16, 12)
    assert (drawn(left) + drawn(right) == 1).all()
    above, below = rectangle(0, 0, 16, 3.5), rectangle(0, 3.5, 16, 12)
    assert (drawn(above) + drawn(below) == 1).all()
    upper, lower = [(0.0, 0.0), (12.0, 0.0), (0.0, 12.0)], [(12.0, 0.0), (12.0, 12.0), (0.0, 12.0)]
    assert (drawn(upper, size=(12, 12)) + drawn(lower, size=(12, 12)) == 1).all()


def test_an_outline_that_crosses_itself_has_no_holes() -> None:
    star = [(8 + 7 * sin(4 * pi * k / 5), 6 - 7 * cos(4 * pi * k / 5)) for k in range(5)]
    assert drawn(star)[6, 8] == 1
    bow = drawn([(1, 1), (15, 11), (15, 1), (1, 11)])
    assert bow[6, 2] == bow[6, 13] == 1
    assert bow[2, 8] == bow[9, 8] == 0


def test_the_earlier_of_two_that_overlap_has_the_pixel() -> None:
    labels = drawn(rectangle(0, 0, 6, 6), rectangle(4, 0, 10, 6), rectangle(1, 1, 3, 3))
    assert len(pixels(labels, 1)) == 36
    assert pixels(labels, 2) == {(row, column) for row in range(6) for column in range(6, 10)}
    assert not pixels(labels, 3)


@pytest.mark.parametrize(
    "outline",
    [
        [],
        [(3, 3)],
        [(3, 3), (9, 9)],
        [(3, 3), (9, 9), (3, 3)],
        rectangle(3.6, 3.6, 4.4, 4.4),
        rectangle(-9, 2, -1, 8),
        rectangle(2, 12, 8, 20),
        rectangle(-1e7, -1e7, -9e6, 1e7),
    ],
)
def test_what_covers_no_centre_has_no_id_and_the_next_keeps_its_own(
    outline: list[tuple[float, float]],
) -> None:
    assert set(np.unique(drawn(outline, rectangle(0, 0, 2, 2)))) == {0, 2}


def test_no_polygons_give_background() -> None:
    assert drawn().shape == SIZE
    assert not drawn().any()


def test_a_disk_has_the_area_of_a_disk() -> None:
    angles = np.linspace(0, 2 * pi, 300)
    disk = np.stack([50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles)], axis=1)
    assert np.count_nonzero(rasterise([disk], (100, 100))) == pytest.approx(pi * 40**2, rel=0.002)
