import io
import re
from math import nan
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from maskless.report.figures import Curve, curves, middle, outline_path, png, svg

label_maps = npst.arrays(
    np.int32, npst.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 3)
)


def corners_of(path: str) -> list[list[tuple[int, int]]]:
    """The rings of an SVG path of M, h, v and z, each as its corners (x, y)."""
    rings = []
    for ring in re.findall(r"M(-?\d+) (-?\d+)((?:[hv]-?\d+)*)z", path):
        x, y = int(ring[0]), int(ring[1])
        corners = [(x, y)]
        for axis, step in re.findall(r"([hv])(-?\d+)", ring[2]):
            x, y = (x + int(step), y) if axis == "h" else (x, y + int(step))
            corners.append((x, y))
        rings.append(corners)
    return rings


@given(label_maps)
def test_an_outline_encloses_its_pixels_and_follows_their_sides(instances):
    path = outline_path(instances)
    rings = corners_of(path)
    assert "".join(re.findall(r"[Mz]", path)) == "Mz" * len(rings)
    area = length = 0
    for corners in rings:
        sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        assert all((x0 == x1) != (y0 == y1) for (x0, y0), (x1, y1) in sides)
        area += sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in sides)
        length += sum(abs(x1 - x0) + abs(y1 - y0) for (x0, y0), (x1, y1) in sides)
    padded = np.pad(instances, 1)
    beyond = [np.roll(padded, shift, axis) for shift in (1, -1) for axis in (0, 1)]
    assert abs(area) == 2 * np.count_nonzero(instances)
    assert length == sum(np.count_nonzero((padded > 0) & (padded != other)) for other in beyond)


def test_an_empty_map_has_no_outline():
    assert outline_path(np.zeros((4, 4), np.int32)) == ""


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 60))
def test_the_middle_is_in_the_middle(height, width, size_px):
    for part, length in zip(middle((height, width), size_px), (height, width), strict=True):
        assert part.stop - part.start == min(length, size_px)
        assert 0 <= (length - part.stop) - part.start <= 1


def test_png_keeps_every_pixel():
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    assert np.array_equal(np.array(Image.open(io.BytesIO(png(image)))), image)


def test_curves_show_each_run_and_pass_over_epochs_without_validation():
    figure = curves([Curve("a", [3, 2, 1], [nan, 0.2, 0.4]), Curve("b", [1], [0.1])])
    loss, score = figure.axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [[3, 2, 1], [1]]
    assert [line.get_xdata().tolist() for line in score.lines] == [[2, 3], [1]]
    assert [line.get_ydata().tolist() for line in score.lines] == [[0.2, 0.4], [0.1]]


def test_a_run_has_one_look_in_both_panels_and_no_two_share_it():
    figure = curves([Curve(str(k), [1, 2], [1, 2]) for k in range(20)])
    looks = [[(line.get_color(), line.get_linestyle()) for line in axes.lines] for axes in figure.axes]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 20


@pytest.mark.parametrize("name", ["supervised, seed 1", "$x_1$ & <b>", "_hidden"])
def test_svg_is_an_element_that_takes_the_colour_of_its_surroundings(name):
    element = svg(curves([Curve(name, [2, 1], [0.1, 0.2])]))
    assert element.startswith("<svg")
    texts = [text.text for text in ElementTree.fromstring(element).iter() if text.tag.endswith("}text")]
    assert name in texts
    assert "currentColor" in element
    assert "#010203" not in element
    assert "metadata" not in element
