"""What is drawn or found outside the region changes no score: of instances, of points, of classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskless.inference.labelling import index_row
from maskless.metrics import all_scores, paper_scores, pixel_scores, point_scores
from maskless.signals import Item, Sample, Signal

SIDE, INSIDE = 24, 14
REGION = np.zeros((SIDE, SIDE), np.uint8)
REGION[:, :INSIDE] = 1


def with_boxes(draw, ids: range, left: int, right: int) -> np.ndarray:
    """Boxes drawn by chance between two columns, which a box may cross neither of."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number in ids:
        top, width = draw(st.integers(0, SIDE - 6)), draw(st.integers(1, 6))
        start = draw(st.integers(left, right - width))
        labels[top : top + draw(st.integers(1, 6)), start : start + width] = number
    return labels


@st.composite
def maps(draw) -> tuple[np.ndarray, ...]:
    """Truth and prediction inside, and for each something that lies wholly outside."""
    inside = [with_boxes(draw, range(1, 5), 0, INSIDE) for _ in range(2)]
    outside = [with_boxes(draw, range(11, 11 + draw(st.integers(0, 4))), INSIDE, SIDE) for _ in range(2)]
    return (*inside, *outside)


def same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert value == pytest.approx(other[key], nan_ok=True), key


@settings(deadline=None, max_examples=40)
@given(maps())
def test_nothing_outside_changes_a_score(example) -> None:
    true, pred, more_true, more_pred = example
    for scores in (all_scores, paper_scores):
        same(scores(true, pred, REGION), scores(true + more_true, pred + more_pred, REGION))
    one, other = (
        vars(pixel_scores(t > 0, p > 0, REGION))
        for t, p in ((true, pred), (true + more_true, pred + more_pred))
    )
    same(one, other)


@settings(deadline=None, max_examples=40)
@given(maps(), st.lists(st.tuples(st.floats(0, 23), st.floats(15, 23)), max_size=5))
def test_nothing_outside_changes_a_score_of_points_or_classes(example, more_points) -> None:
    _, pred, _, more_pred = example
    points = np.array([[3.0, 4.0], [10.0, 8.0], [20.0, 2.0]])
    more = np.concatenate([points, np.array(more_points).reshape(-1, 2)])
    same(point_scores(points, pred, 0.5, REGION), point_scores(more, pred + more_pred, 0.5, REGION))
    classes = {k: ("positive", "negative")[k % 2] for k in range(20)}
    rows = [
        index_row(
            Sample(Item("a", "a"), {Signal.POINTS: p, Signal.CLASSES: classes, Signal.REGION: REGION}, 0.5),
            found,
            classes,
        )
        for p, found in ((points, pred), (more, pred + more_pred))
    ]
    assert rows[0] == rows[1]


def test_an_object_whose_centroid_lies_outside_is_removed_on_both_sides() -> None:
    across = np.zeros((SIDE, SIDE), np.int32)
    across[4:8, INSIDE - 2 : INSIDE + 6] = 1
    nothing = np.zeros_like(across)
    for true, pred in ((across, nothing), (nothing, across), (across, across)):
        same(all_scores(true, pred, REGION), all_scores(nothing, nothing, REGION))
    mostly_inside = np.zeros_like(across)
    mostly_inside[4:8, INSIDE - 6 : INSIDE + 2] = 1
    cut = np.where(REGION > 0, mostly_inside, 0)
    same(all_scores(mostly_inside, cut, REGION), all_scores(cut, cut, REGION))
