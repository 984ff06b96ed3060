import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihc_layouts import write_ki67_breast
from made_runs import made_run
from test_scored_images import table_of

from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.metrics import DEFINITIONS, point_scores
from maskless.report.drawings import tissue as module
from maskless.report.drawings.outline_path import outline_path
from maskless.report.drawings.pictures import pictures
from maskless.report.drawings.point_truth import dots, hits, truth_path
from maskless.report.drawings.tissue import tissue_of_points, window
from maskless.signals import Signal
from maskless.writers.labels import write_label_png


def nuclei(*columns: int) -> np.ndarray:
    labels = np.zeros((20, 60), np.int32)
    for k, column in enumerate(columns, start=1):
        labels[8:13, column - 2 : column + 3] = k
    return labels


def test_nuclei_near_points_are_hits_and_others_stand_alone():
    region = np.zeros((20, 60), np.uint8)
    region[:, :40] = 1
    labels = nuclei(10, 30, 50)
    found = hits(np.array([(10.0, 12), (2, 20), (10, 50)]), labels, mpp=1, region=region)
    np.testing.assert_array_equal(found.hit, labels == 1)
    np.testing.assert_array_equal(found.alone, labels == 2)  # the third is not annotated
    assert found.missed.tolist() == [[2, 20]]
    assert hits(np.array([(10.0, 50)]), labels, mpp=1).hit[10, 50]


def test_a_dot_is_a_circle_about_the_middle_of_its_pixel():
    assert dots(np.zeros((0, 2)), 3) == ""
    (x, y, radius, across), (x2, *_) = [
        [float(word) for word in re.match(r"M(\S+) (\S+)a(\S+) \S+ 0 1 0 (\S+) 0", one).groups()]
        for one in dots(np.array([(4.0, 7), (1, 2)]), 2.5).split("z")[:-1]
    ]
    assert (x + radius, y, radius, across) == (7.5, 4.5, 2.5, 5)
    assert x2 + radius == 2.5


def test_a_region_is_outlined_if_it_is_not_everywhere():
    point = np.array([(4.0, 7)])
    everywhere = np.ones((9, 9), np.uint8)
    assert truth_path(point, None) == truth_path(point, everywhere) == dots(point, 2.5)
    part = everywhere.copy()
    part[:, :3] = 0
    assert truth_path(point, part) == outline_path(part) + dots(point, 2.5)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 14), st.randoms(use_true_random=False))
def test_the_window_holds_most_of_the_region(height, width, size_px, random):
    region = np.array([[random.random() < 0.3 for _ in range(width)] for _ in range(height)], np.uint8)
    rows, columns = window((height, width), size_px, region)
    h, w = min(height, size_px), min(width, size_px)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (h, w)
    places = [(r, c) for r in range(height - h + 1) for c in range(width - w + 1)]
    assert region[rows, columns].sum() == max(region[r : r + h, c : c + w].sum() for r, c in places)


def test_what_is_kept_of_a_large_image_is_where_it_is_annotated(monkeypatch):
    monkeypatch.setattr(module, "FIELD_PX", 10)
    monkeypatch.setattr(module, "KEPT_PX", 20)
    region = np.zeros((50, 70), np.uint8)
    region[30:48, 45:63] = 1
    points = np.array([(31.0, 46), (40, 50), (2, 2)])
    kept = tissue_of_points("a", np.zeros((50, 70, 3), np.uint8), points, region)
    assert (kept.width_px, kept.height_px) == (20, 20)
    assert (kept.nuclei, kept.told) == (2, "2 nuclei, a dot each, inside the outline")
    assert kept.cut == "the most annotated 10x10 of 50x70 px (its most annotated 20x20 when enlarged)"
    rows, columns = window((50, 70), 20, region)
    inside = np.array([(31.0, 46), (40, 50)]) - [rows.start, columns.start]
    assert kept.truth == truth_path(inside, region[rows, columns])
    assert tissue_of_points("a", np.zeros((9, 9, 3), np.uint8), points[2:]).told == "1 nucleus, a dot each"


@pytest.fixture
def run(tmp_path):
    """A run on two made fields: two nuclei of five, one that is none, one outside the region."""
    source = Ki67Breast(write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 14: 0.5}))
    found = np.zeros((40, 48), np.int32)
    for k, (row, column) in enumerate([(1, 2), (4, 20), (34, 15), (34, 40)], start=1):
        found[row - 1 : row + 2, column - 1 : column + 2] = k
    scores = {}
    for item in source.items("test"):
        sample = source.read(item, [Signal.POINTS, Signal.REGION])
        of_image = point_scores(sample[Signal.POINTS], found, sample.mpp, sample[Signal.REGION])
        scores[item.id] = {f"{metric}/{definition}": v for (metric, definition), v in of_image.items()}
    described = {"_target_": "maskless.data.readers.ki67_breast.Ki67Breast", "path": str(source.path)}
    made = made_run(tmp_path, scores=scores, source="ki67_breast", dataset=described, split="fixed")
    folder = made.path / "predictions" / "ki67_breast" / "test"
    folder.mkdir(parents=True)
    for image in scores:
        write_label_png(folder / f"{image}.png", found)
    return made


def test_pictures_of_points_show_whole_nuclei_and_circles(run):
    shown, notes = pictures(table_of(run), 2)
    assert notes == []
    assert {one.score for one in shown} == {"point F1"}
    of = {one.tissue.image: one for one in shown}
    assert set(of) == {"field_3", "field_14"}
    assert f"{DEFINITIONS['point_f1']}" == "within_3um"
    coarse = of["field_14"]  # 6 px: two of three are near a point, and three points near none
    assert coarse.caption == "point F1 0.500, 3 nuclei found"
    assert (coarse.correct.count("z"), coarse.wrong.count("z")) == (2, 1)
    assert coarse.missed.count("z") == 3
    assert "a6 6 0 1 0 12 0" in coarse.missed
    assert "a12 12 0 1 0 24 0" in of["field_3"].missed
