"""The pictures of a panel: which images, what is drawn on them, and what is left out."""

import numpy as np
import pytest
from made_runs import predicted_run
from PIL import Image
from test_scored_images import table_of

from maskless.report.drawings import panel_rows as module
from maskless.report.drawings.panel_rows import outlined, panel_rows
from maskless.report.drawings.scored_images import find_source
from maskless.signals import Signal


@pytest.fixture
def table(tmp_path):
    """A row that has found all of five images, and one that lacks two nuclei of each."""
    return table_of(predicted_run(tmp_path, "full"), predicted_run(tmp_path, "poor", lost=2))


def test_a_row_has_an_image_its_truth_and_what_each_method_found(table) -> None:
    rows = panel_rows(table, 3, "poor")
    assert len(rows) == 3
    source = find_source(table, table.rows[0].runs[0])
    for row in rows:
        assert row.source == "synthetic"
        assert list(row.pictures) == ["image", "truth", "full", "poor"]
        item = next(item for item in source.items("test") if item.id == row.image)
        sample = source.read(item, [Signal.IMAGE, Signal.INSTANCES])
        np.testing.assert_array_equal(row.pictures["image"], sample[Signal.IMAGE])
        np.testing.assert_array_equal(row.pictures["truth"], row.pictures["full"])
        lost = outlined(sample[Signal.IMAGE], sample[Signal.INSTANCES] * (sample[Signal.INSTANCES] > 2), 1)
        np.testing.assert_array_equal(row.pictures["poor"], lost)
        assert (row.pictures["poor"] != row.pictures["full"]).any()


def test_images_are_the_best_median_and_worst_of_the_row_that_leads(table) -> None:
    ranked = sorted((ajis := table_row(table, "poor")), key=lambda image: -ajis[image])
    assert [row.image for row in panel_rows(table, 3, "poor")] == [ranked[k] for k in (0, 2, 4)]
    assert panel_rows(table, 0) == []
    assert len(panel_rows(table, 99, "no such row")) == 5


def table_row(table, name: str) -> dict[str, float]:
    (row,) = (row for row in table.rows if row.name == name)
    (values,) = (values for column, values in row.by_image.items() if column.metric == "aji")
    return dict(values)


def test_a_label_map_that_was_not_kept_leaves_a_gap_and_an_image_without_any_is_left_out(table) -> None:
    runs = {row.name: row.runs[0].path / "predictions" / "synthetic" / "test" for row in table.rows}
    (runs["poor"] / "test-0001.png").unlink()
    for folder in runs.values():
        (folder / "test-0002.png").unlink()
    shown = {row.image: list(row.pictures) for row in panel_rows(table, 5)}
    assert "test-0002" not in shown
    assert shown["test-0001"] == ["image", "truth", "full"]
    assert shown["test-0000"] == ["image", "truth", "full", "poor"]


def test_a_large_image_is_shown_by_its_middle_at_the_scale_of_all(table, monkeypatch) -> None:
    monkeypatch.setattr(module, "SHOWN_UM", 10.0)  # of 64 px at 0.25 µm
    (row,) = panel_rows(table, 1)
    assert {picture.shape for picture in row.pictures.values()} == {(40, 40, 3)}
    monkeypatch.undo()
    (whole,) = panel_rows(table, 1)
    np.testing.assert_array_equal(row.pictures["image"], whole.pictures["image"][12:52, 12:52])


def test_what_was_made_of_an_image_before_it_was_segmented_stands_before_what_was_found(table) -> None:
    (full,) = (row.runs[0].path for row in table.rows if row.name == "full")
    folder = full / "predictions" / "synthetic" / "test" / "translated"
    folder.mkdir()
    made = np.full((64, 64, 3), (200, 120, 180), np.uint8)
    Image.fromarray(made).save(folder / "test-0000.jpg")
    Image.fromarray(made[:9]).save(folder / "test-0001.jpg")  # of another image
    shown = {row.image: row.pictures for row in panel_rows(table, 5)}
    assert list(shown["test-0000"]) == ["image", "truth", "translated by full", "full", "poor"]
    assert np.abs(shown["test-0000"]["translated by full"].astype(int) - made).max() <= 2
    assert "test-0001" not in shown
    assert list(shown["test-0002"]) == ["image", "truth", "full", "poor"]


@pytest.mark.parametrize("line_px", [1, 2])
def test_outlines_lie_inside_and_part_nuclei_that_touch(line_px: int) -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[2:12, 2:10], labels[2:12, 10:18] = 1, 2
    image = np.full((20, 20, 3), 90, np.uint8)
    green = (outlined(image, labels, line_px) == (0, 255, 0)).all(-1)
    expected = labels > 0
    for left in (2, 10):
        expected[2 + line_px : 12 - line_px, left + line_px : left + 8 - line_px] = False
    np.testing.assert_array_equal(green, expected)
    assert (image == 90).all()
