import numpy as np
import pytest
import yaml
from made_runs import SYNTHETIC, TILES, made_run, predicted_run, score_rows
from test_figures import corners_of

from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.report import pictures
from maskless.report.pictures import chosen, find_source, keeps_predictions, picture
from maskless.report.results import read_result
from maskless.report.tables import Table, tables
from maskless.signals import Signal


def table_of(*runs) -> Table:
    (table,) = tables([read_result(run) for run in runs])
    return table


def ranked(tmp_path, values) -> Table:
    return table_of(made_run(tmp_path, scores={f"{k:02}": {"aji": value} for k, value in enumerate(values)}))


@pytest.mark.parametrize(
    ("count", "images"),
    [
        (1, ["04"]),
        (2, ["00", "09"]),
        (3, ["00", "04", "09"]),
        (4, ["00", "04", "06", "09"]),
        (99, [f"{k:02}" for k in range(10)]),
    ],
)
def test_best_median_and_worst_are_chosen_first(tmp_path, count, images):
    found = chosen(ranked(tmp_path, np.linspace(0.9, 0.1, 10)), count)
    assert [image for image, _ in found] == images
    told = {"00": "best", "04": "median", "09": "worst"}
    for image, stands_for in found:
        word = told.get(image, f"number {int(image) + 1}")
        assert stands_for == f"{word} of 10 by the AJI of threshold"


@pytest.mark.parametrize("images", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_as_many_are_chosen_as_there_are(tmp_path, images, count):
    found = chosen(ranked(tmp_path, np.linspace(0, 1, images)), count)
    assert len({image for image, _ in found}) == len(found) == min(images, count)


def test_images_without_an_aji_are_not_ranked(tmp_path):
    assert [image for image, _ in chosen(ranked(tmp_path, [0.1, np.nan, 0.3]), 6)] == ["02", "00"]
    assert chosen(ranked(tmp_path, [np.nan, np.nan]), 1) == [("00", "")]


def test_the_source_is_found_again(tmp_path):
    source = find_source(table_of(predicted_run(tmp_path)))
    assert isinstance(source, Synthetic)
    assert source.tiles == TILES


def test_the_source_can_be_one_that_was_only_tested_on(tmp_path):
    run = predicted_run(tmp_path)
    config = {**run.config, "dataset": None, "test": {"other": SYNTHETIC}}
    (run.path / "config.yaml").write_text(yaml.safe_dump(config))
    assert isinstance(find_source(table_of(run)), Synthetic)


def test_data_root_is_where_the_data_is_today(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        pictures, "build", lambda spec, trust: asked.append(spec) or Synthetic(size_px=64, tiles=TILES)
    )
    find_source(
        table_of(predicted_run(tmp_path, dataset={**SYNTHETIC, "data_root": "/then"})), data_root="/now"
    )
    find_source(table_of(predicted_run(tmp_path)), data_root="/now")
    assert asked == [{**SYNTHETIC, "data_root": "/now"}, SYNTHETIC]


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"scores": {"test-0099": {"aji": 0.5}}}, "1 of its images are no longer there, test-0099"),
        ({"scores": {"test-0000": {"aji": 0.5}}, "source": "elsewhere"}, "no run has elsewhere"),
        ({"scores": {"test-0000": {"aji": 0.5}}, "dataset": {"_target_": "os.system"}}, "outside maskless"),
    ],
)
def test_why_the_images_cannot_be_found(tmp_path, run, why):
    with pytest.raises(UserError, match=why):
        find_source(table_of(made_run(tmp_path, **run)))


def test_a_picture_shows_the_truth_and_every_run(tmp_path):
    full, poor = predicted_run(tmp_path, "full"), predicted_run(tmp_path, "poor", lost=2)
    bare = made_run(tmp_path, "bare", scores={f"test-000{k}": {"aji": 0.5} for k in range(5)})
    table = table_of(full, poor, bare)
    assert keeps_predictions(table)
    source = find_source(table)
    shown = picture(table, source, "test-0001", "best")
    truth = source.read(source.items("test")[1], [Signal.INSTANCES])[Signal.INSTANCES]
    nuclei = len(np.unique(truth)) - 1

    assert shown.title == "test-0001: best"
    assert (shown.height_px, shown.width_px) == truth.shape
    assert [panel.name for panel in shown.panels] == ["truth", "full", "poor", "bare"]
    of_truth, of_full, of_poor, of_bare = shown.panels
    assert of_truth.outlines == of_full.outlines
    assert of_full.caption == f"AJI 1.000, {nuclei} nuclei"
    assert len(corners_of(of_poor.outlines or "")) < len(corners_of(of_full.outlines or ""))
    assert of_poor.caption.endswith(f", {nuclei - 2} nuclei")
    assert (of_bare.outlines, of_bare.caption) == (None, "has not kept its label map")


def test_of_a_large_image_the_middle_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "FIELD_PX", 20)
    table = table_of(predicted_run(tmp_path))
    shown = picture(table, find_source(table), "test-0000", "best")
    assert shown.title == "test-0000: best, the middle 20x20 of 64x64 px"
    for panel in shown.panels:
        for x, y in (corner for ring in corners_of(panel.outlines or "") for corner in ring):
            assert 0 <= x <= 20
            assert 0 <= y <= 20


def test_outlines_that_do_not_belong_to_the_score_are_told_apart(tmp_path):
    run = predicted_run(tmp_path)
    run.add_scores(score_rows({f"test-000{k}": {"aji": 0.25} for k in range(5)}))
    table = table_of(run)
    caption = picture(table, find_source(table), "test-0000", "").panels[1].caption
    assert caption.startswith("AJI 1.000, ")
    assert "scored as 0.250" in caption


def test_a_broken_label_map_is_named_in_its_place(tmp_path):
    run = predicted_run(tmp_path)
    file = run.path / "predictions/synthetic/test/test-0000.png"
    file.write_bytes(file.read_bytes()[:40])
    table = table_of(run)
    panel = picture(table, find_source(table), "test-0000", "").panels[1]
    assert panel.outlines is None
    assert "test-0000.png" in panel.caption
