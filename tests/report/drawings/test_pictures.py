import csv

import numpy as np
import pytest
from made_runs import SYNTHETIC, made_run, predicted_run, score_rows
from test_outline_path import area_px
from test_scored_images import table_of

from maskless.data.readers.synthetic import Synthetic
from maskless.report.drawings import scored_images, tissue
from maskless.report.drawings.pictures import pictures
from maskless.report.drawings.scored_images import find_source
from maskless.signals import Signal
from maskless.writers.labels import write_label_png


def truth_of(table, image: str) -> np.ndarray:
    source = find_source(table, table.rows[0].runs[0])
    item = next(item for item in source.items("test") if item.id == image)
    return source.read(item, [Signal.INSTANCES])[Signal.INSTANCES]


def test_every_method_has_its_own_best_median_and_worst(tmp_path):
    table = table_of(predicted_run(tmp_path, "full"), predicted_run(tmp_path, "poor", lost=2))
    shown, notes = pictures(table, 3)
    assert notes == []
    assert [(one.row, one.stands_for) for one in shown] == [
        (name, f"{word} of 5") for name in ("full", "poor") for word in ("best", "median", "worst")
    ]
    ajis = [float(one.caption.split()[1].strip(",")) for one in shown if one.row == "poor"]
    assert ajis == sorted(ajis, reverse=True)
    assert ajis[0] > ajis[2]


def test_a_tissue_is_shared_by_all_pictures_of_it(tmp_path):
    table = table_of(predicted_run(tmp_path, "full"), predicted_run(tmp_path, "poor", lost=2))
    shown, _ = pictures(table, 5)
    tissues = {}
    for one in shown:
        assert tissues.setdefault(one.tissue.image, one.tissue) is one.tissue
    assert len(shown) == 2 * len(tissues) == 10


def test_every_pixel_of_a_nucleus_is_correct_wrong_or_missed(tmp_path):
    run = predicted_run(tmp_path, lost=1)
    file = run.path / "predictions/synthetic/test/test-0000.png"
    table = table_of(run)
    truth = truth_of(table, "test-0000")
    found = np.roll(truth, (2, 3), (0, 1))
    found[found == found.max()] = 0  # so that more is missed than wrong
    write_label_png(file, found)
    shown = next(one for one in pictures(table, 5)[0] if one.tissue.image == "test-0000")
    assert area_px(shown.correct) == np.count_nonzero((truth > 0) & (found > 0)) > 0
    assert area_px(shown.wrong) == np.count_nonzero((truth == 0) & (found > 0)) > 0
    assert area_px(shown.missed) == np.count_nonzero((truth > 0) & (found == 0)) > 0
    assert area_px(shown.missed) > area_px(shown.wrong)
    assert area_px(shown.outlines) == np.count_nonzero(found)
    assert area_px(shown.tissue.truth) == np.count_nonzero(truth)


def test_what_was_found_and_how_well(tmp_path):
    full, poor = (
        pictures(table_of(predicted_run(tmp_path, str(lost), lost=lost)), 1)[0][0] for lost in (0, 2)
    )
    assert full.caption == f"AJI 1.000, {full.tissue.nuclei} nuclei found"
    assert poor.caption.endswith(f", {poor.tissue.nuclei - 2} nuclei found")


def test_the_areas_are_of_the_part_that_is_kept(tmp_path, monkeypatch):
    for name, size_px in (("FIELD_PX", 10), ("KEPT_PX", 20)):
        monkeypatch.setattr(tissue, name, size_px)
    monkeypatch.setattr("maskless.report.drawings.pictures.KEPT_PX", 20)
    table = table_of(predicted_run(tmp_path))
    shown = pictures(table, 1)[0][0]
    truth = truth_of(table, shown.tissue.image)
    assert (shown.tissue.width_px, shown.tissue.height_px) == (20, 20)
    assert area_px(shown.correct) == np.count_nonzero(truth[22:42, 22:42])
    assert shown.caption.startswith("AJI 1.000, ")
    assert shown.tissue.nuclei == len(np.unique(truth)) - 1


def test_outlines_that_do_not_belong_to_the_score_are_told_apart(tmp_path):
    run = predicted_run(tmp_path)
    run.add_scores(score_rows({f"test-000{k}": {"aji": 0.25} for k in range(5)}))
    caption = pictures(table_of(run), 1)[0][0].caption
    assert caption.startswith("AJI 1.000, ")
    assert "scored as 0.250, so on an image, truth or label map other than these" in caption


@pytest.mark.parametrize("broken", [b"\x89PNG no more", None])
def test_a_label_map_that_is_broken_or_lost_is_named_and_the_others_are_shown(tmp_path, broken):
    run = predicted_run(tmp_path)
    file = run.path / "predictions/synthetic/test/test-0000.png"
    file.unlink()
    if broken:
        file.write_bytes(broken)
    shown, notes = pictures(table_of(run), 5)
    assert {one.tissue.image for one in shown} == {f"test-000{k}" for k in (1, 2, 3, 4)}
    (note,) = notes
    assert note.startswith("test-0000 cannot be shown for threshold: ")
    assert str(file) in note


def test_a_row_without_label_maps_says_how_to_keep_them(tmp_path):
    bare = made_run(tmp_path, "bare", scores={f"test-000{k}": {"aji": 0.5} for k in range(5)})
    shown, notes = pictures(table_of(bare, predicted_run(tmp_path, "full")), 1)
    assert [one.row for one in shown] == ["full"]
    (note,) = notes
    assert note == "bare has not kept its label maps: score it again with predictions=true."


def test_images_that_are_no_longer_there_are_named(tmp_path, monkeypatch):
    table = table_of(predicted_run(tmp_path))
    monkeypatch.setattr(Synthetic, "items", lambda self, part: ())
    shown, notes = pictures(table, 3)
    assert shown == []
    assert notes == [
        "The images of threshold cannot be read any more: the configurations of the runs name other data, or "
        "it has changed: 5 of the 5 images that were scored are not in it, test-0000 for one."
    ]


def test_each_fold_shows_its_own_images(tmp_path, monkeypatch):
    """Fold k has tested on the images k and k + 3, and its own configuration has no more than it needs."""
    monkeypatch.setattr(
        scored_images,
        "build",
        lambda spec, trust: Synthetic(size_px=64, tiles={"test": int(spec["data_root"])}),
    )
    runs, of_fold = [], {}
    for k in range(3):
        images = [f"test-000{n}" for n in (k, k + 3) if n < 5]
        tiles = 1 + int(images[-1][-1])
        run = predicted_run(
            tmp_path, lost=k, split=f"fold{k}", dataset={**SYNTHETIC, "data_root": str(tiles)}
        )
        rows = [row for row in csv.DictReader((run.path / "scores.csv").open()) if row["image"] in images]
        (run.path / "scores.csv").unlink()
        run.add_scores(rows)
        runs.append(run)
        of_fold |= dict.fromkeys(images, f"fold{k}")
    shown, notes = pictures(table_of(*runs), 5)
    assert notes == []
    assert len(shown) == 5
    assert {one.stands_for.rpartition(" ")[2] for one in shown} == {"5"}
    assert {one.tissue.image: one.caption.partition(": ")[0] for one in shown} == of_fold


def test_of_seeds_the_caption_says_which_it_is_and_what_it_was_ranked_by(tmp_path):
    bare = made_run(tmp_path, seed=0, scores={f"test-000{k}": {"aji": 0.5} for k in range(5)})
    shown, _ = pictures(table_of(bare, predicted_run(tmp_path, seed=7)), 1)
    found = f"{shown[0].tissue.nuclei} nuclei found"
    assert shown[0].caption == f"seed 7 (mean AJI of 2 seeds 0.750): AJI 1.000, {found}"


def test_a_fold_without_label_maps_does_not_hide_the_others(tmp_path):
    kept = predicted_run(tmp_path, split="fold0")
    bare = made_run(tmp_path, scores={"far": {"aji": 0.0}}, split="fold1")
    shown, notes = pictures(table_of(kept, bare), 2)
    assert [one.stands_for for one in shown] == ["best of 6"]
    (note,) = notes
    assert note.startswith("far cannot be shown for threshold: its label map was not kept, or is lost (")
    assert note.endswith(": score it again with predictions=true.")


def test_no_picture_is_made_if_none_is_asked_for(tmp_path):
    assert pictures(table_of(made_run(tmp_path, scores={"1": {"aji": 0.5}})), 0) == ([], [])
