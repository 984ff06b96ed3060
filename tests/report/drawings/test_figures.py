from itertools import pairwise
from math import nan
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from maskless.report.drawings.figures import (
    Curve,
    Line,
    Point,
    _apart,
    by_group,
    by_threshold,
    curves,
    distributions,
    svg,
)


def texts_of(element: str) -> list[str]:
    found = (node for node in ElementTree.fromstring(element).iter() if node.tag.endswith("}text"))
    return ["".join(node.itertext()) for node in found]


def test_curves_show_each_run_and_pass_over_epochs_without_validation():
    figure = curves([Curve("a", [3, 2, 1], [nan, 0.2, 0.4]), Curve("b", [1], [0.1])])
    loss, score = figure.axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [[3, 2, 1], [1]]
    assert [line.get_xdata().tolist() for line in score.lines] == [[2, 3], [1]]
    assert [line.get_ydata().tolist() for line in score.lines] == [[0.2, 0.4], [0.1]]


def test_a_run_has_one_look_in_both_panels_and_no_two_share_it():
    figure = curves([Curve(str(k), [1, 2], [1, 2]) for k in range(20)])
    looks = [
        [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines]
        for axes in figure.axes
    ]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 20


def test_neighbouring_lines_differ_without_colour():
    (axes,) = by_threshold([Line(str(k), [0, 1], [1, 0]) for k in range(8)], "x", "y").axes
    styles = [(str(line._dash_pattern), line.get_marker()) for line in axes.lines]
    assert len(set(styles)) == 8
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(styles))


def test_lines_are_named_outside_the_axes_in_the_order_in_which_they_begin():
    lines = [Line("low", [0.5, 1], [0.2, 0]), Line("high", [0.5, 1], [0.9, 0.1])]
    figure = by_threshold(lines, "IoU", "accuracy")
    (axes,) = figure.axes
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["high", "low"]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.9, 0.1], [0.2, 0]]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()[0]) == ("IoU", "accuracy", 0)
    FigureCanvasAgg(figure).draw()
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize("number", [2, 19, 30, 60])
def test_a_legend_is_never_cut(number):
    names = [f"method {k}" for k in range(number)]
    for figure in (
        by_threshold([Line(name, [0.5, 1], [0.5, 0]) for name in names], "IoU", "accuracy"),
        curves([Curve(name, [2, 1], [0.1, 0.2]) for name in names]),
    ):
        FigureCanvasAgg(figure).draw()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
        assert all(axes.get_window_extent().height > 150 for axes in figure.axes)


def test_measured_points_are_filled_and_printed_ones_hollow():
    points = [Point("ours", 0, 0.4, 0.1), Point("theirs", 1, 0.5, None, printed=True)]
    figure = by_group(points, ["none", "points"], "AJI")
    (axes,) = figure.axes
    at = {
        line.get_ydata()[0]: line
        for line in axes.lines
        if len(line.get_ydata()) == 1 and line.get_marker() in "os" and line.get_xdata()[0] > -1
    }
    assert at[0.4].get_markerfacecolor() != "none"
    assert at[0.5].get_markerfacecolor() == "none"
    assert at[0.4].get_marker() != at[0.5].get_marker()
    assert round(at[0.4].get_xdata()[0]) == 0
    assert round(at[0.5].get_xdata()[0]) == 1
    low, high = axes.get_ylim()
    assert low < 0.3
    assert high > 0.5
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["measured", "printed"]


@pytest.mark.parametrize("number", [8, 60])
def test_names_of_equal_points_do_not_lie_on_each_other(number):
    figure = by_group([Point(f"method {k}", 0, 0.5, 0.1) for k in range(number)], ["none", "points"], "AJI")
    (axes,) = figure.axes
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == number
    assert not [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    assert all(axes.get_window_extent().contains(*corner) for box in boxes for corner in box.corners())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).map(sorted))
def test_names_are_moved_apart_and_no_further(values):
    placed = _apart(values, 0.05, -1, 2)
    assert (np.diff(placed) > 0.05 - 1e-9).all()
    if len(values) == 1 or np.diff(values).min() > 0.05:
        assert placed == pytest.approx(values)


def test_every_score_is_a_point_of_its_method():
    scores = [("a", [0.1, 0.5, 0.2]), ("b", [0.9, 0.8])]
    (axes,) = distributions(scores, "AJI of an image").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    for k, (points, (_, values)) in enumerate(zip(axes.collections, scores, strict=True)):
        x, y = points.get_offsets().T
        assert sorted(x) == sorted(values)
        assert (np.abs(y - k) < 0.3).all()
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first is above


@pytest.mark.parametrize("name", ["supervised, seed 1", "$x_1$ & <b>", "_hidden", "a_b^c"])
def test_svg_is_an_element_that_takes_the_colour_of_its_surroundings(name):
    figures = [
        curves([Curve(name, [2, 1], [0.1, 0.2])]),
        by_threshold([Line(name, [0, 1], [1, 0])], "x", "y"),
        by_group([Point(name, 0, 0.1, 0.1)], ["g"], "y"),
        distributions([(name, [0.1, 0.2])], "x"),
    ]
    for figure in figures:
        element = svg(figure)
        assert element.startswith("<svg")
        assert name in texts_of(element)
        assert "currentColor" in element
        assert "#010203" not in element
        assert "metadata" not in element
        assert "<g id=" not in element
