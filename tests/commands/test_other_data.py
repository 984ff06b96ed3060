"""Scores of one data set are never taken for those of another, and a run goes on with its own data only."""

import csv
import shutil

from layouts import write_folder

NAMES = ["a", "b", "c", "d", "e"]


def scored(run) -> set[tuple[str, str]]:
    with (run / "scores.csv").open(newline="") as file:
        return {(row["source"], row["image"]) for row in csv.DictReader(file)}


def test_two_folders_scored_in_one_run_stay_apart(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    everything = "dataset.fractions={train: 0, val: 0, test: 1}"
    for name in ("first", "second"):
        write_folder(tmp_path / name, NAMES)
    (tmp_path / "second" / "images" / "a.png").unlink()
    (tmp_path / "second" / "labels" / "a.png").unlink()
    assert cli("evaluate", "method=threshold", "dataset=folder", "dataset.path=first", everything).code == 0
    (run,) = (tmp_path / "runs" / "default").iterdir()
    assert scored(run) == {("folder", name) for name in NAMES}
    assert cli("evaluate", f"run={run}", "dataset=folder", "dataset.path=second", everything).code == 0
    (label,) = {source for source, _ in scored(run)} - {"folder"}
    assert label.startswith("folder-")
    assert {image for source, image in scored(run) if source == label} == set(NAMES[1:])
    assert {image for source, image in scored(run) if source == "folder"} == set(NAMES)
    assert len(list((run / "predictions" / "folder" / "test").iterdir())) == 5
    assert len(list((run / "predictions" / label / "test").iterdir())) == 4
    # From any folder, the run finds its data again.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("evaluate", f"run={run}").code == 0
    assert {source for source, _ in scored(run)} == {"folder", label}


def test_a_run_whose_data_has_changed_does_not_go_on(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "cells", NAMES)
    assert cli("train", "method=threshold", "dataset=folder", "dataset.path=cells").code == 0
    (run,) = (tmp_path / "runs" / "default").iterdir()
    assert cli("train", f"resume={run}").code == 0
    images = tmp_path / "cells" / "images"
    shutil.copy(images / "a.png", images / "b.png")
    write_folder(tmp_path / "other", ["z"])
    shutil.copy(tmp_path / "other" / "images" / "z.png", images / "a.png")
    (images / "c.png").write_bytes((images / "c.png").read_bytes() + b"more")
    done = cli("train", f"resume={run}")
    assert done.code == 2
    assert "folder has changed since" in done.err
