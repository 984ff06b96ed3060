"""A study is a YAML below experiments/: composed by its name, alone and as a sweep."""

import csv

import pytest

from maskless.runs import Run

STUDY = """# @package _global_
# The floor on rendered tissue
defaults:
  - override /method: threshold
  - override /dataset: synthetic
study: baselines
dataset: {size_px: 96, tiles: {train: 1, val: 1, test: 1}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder that Hydra's grammar would trip over, with two studies."""
    work = tmp_path / "Zellkörner, [1] = x"
    (work / "experiments" / "baselines").mkdir(parents=True)
    (work / "experiments" / "baselines" / "floor.yaml").write_text(STUDY)
    slip = STUDY.replace("threshold", "treshold")
    (work / "experiments" / "baselines" / "slip.yaml").write_text(slip)
    (work / "experiments" / "baselines" / "broken.yaml").write_text("# @package _global_\na: [\n")
    monkeypatch.chdir(work)
    return work


def test_a_study_sets_what_it_names_and_can_be_overridden(folder, cli):
    assert cli("train", "experiment=baselines/floor", "seed=3").code == 0
    (path,) = (folder / "runs" / "baselines").iterdir()
    run = Run.open(path)
    assert path.name.startswith("threshold-synthetic-3-")
    assert run.config["dataset"]["size_px"] == 96
    assert run.about["command"] == ["maskless", "train", "experiment=baselines/floor", "seed=3"]


def test_a_study_is_swept(folder, cli):
    done = cli("train", "-m", "experiment=baselines/floor", "seed=0,1")
    assert done.code == 0, done.err
    (table,) = (folder / "runs" / "baselines").glob("sweep-*.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished", "finished"]
    assert [Run.open(row["run"]).config["seed"] for row in rows] == [0, 1]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("flor", "there is no study experiments/baselines/flor.yaml; did you mean 'baselines/floor'"),
        ("slip", "there is no method 'treshold'; did you mean 'threshold'?"),
        ("broken", "the configuration cannot be composed: "),
    ],
)
@pytest.mark.parametrize("sweep", [[], ["-m"]])
def test_slips_in_a_study(folder, cli, name, sentence, sweep):
    done = cli("train", *sweep, f"experiment=baselines/{name}")
    assert done.code == 2
    assert done.err.startswith(f"maskless: {sentence}")
    assert done.err.count("\n") == 1
    assert not (folder / "runs").exists()
