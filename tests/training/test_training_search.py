"""What a search of trainings proposes, and what its file keeps."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from maskless.build import build
from maskless.errors import UserError
from maskless.training.search import TrainingSearch
from maskless.training.study import Study

CONF = Path(__file__).parents[2] / "conf"
RATE = {"low": 1e-5, "high": 1e-1, "log": True}
SPACE = {
    "method.lr": RATE,
    "schedule": [{"batch": 1}, {"batch": 2}, {"batch": 4}],
    "method.epochs": {"low": 1, "high": 9},
}
BEGIN = {"method.lr": 1e-4, "schedule": {"batch": 2}, "method.epochs": 3}


def search(**changed) -> TrainingSearch:
    return TrainingSearch(**{"trials": 9, "space": SPACE, "begin": BEGIN, "startup": 3, **changed})


def score_of(values: dict) -> float:
    """Best, 1, at a rate of 1e-2 with batches of 4."""
    return 1 - abs(np.log10(values["method.lr"]) + 2) / 4 - (4 - values["schedule"]["batch"]) / 10


def run(study: Study, trials: int, seed: int = 0) -> list[dict]:
    """Do trials until there are so many; the values of all."""
    while len(study.settled) < trials:
        trial = study.begin(seed)
        study.end(score=score_of(study.search.values(trial.places)), run=f"runs/{trial.number}")
    return [study.search.values(trial.places) for trial in study.settled]


def opened(folder: Path, **changed) -> Study:
    return Study(folder, search(**changed), {"words": ["seed=1"]}, higher_is_better=True)


def test_it_begins_as_told_and_gets_better(tmp_path: Path) -> None:
    study = opened(tmp_path)
    values = run(study, 7)
    assert values[0] == BEGIN
    assert all(RATE["low"] <= one["method.lr"] <= RATE["high"] for one in values)
    assert all(one["schedule"] in SPACE["schedule"] for one in values)
    assert all(one["method.epochs"] in range(1, 10) for one in values)
    scores = [score_of(one) for one in values]
    assert max(scores[3:]) > max(scores[:3]), "what the Gaussian process proposes"
    assert max(scores) > 0.85
    assert study.best.score == max(scores)
    assert study.best.run == f"runs/{int(np.argmax(scores))}"


def test_a_seed_repeats_it_also_when_it_is_killed_at_every_trial(tmp_path: Path) -> None:
    """Killed while a trial runs, and opened anew."""
    at_once = run(opened(tmp_path / "one"), 4)
    for trial in range(4):
        killed = opened(tmp_path / "two")
        killed.stop_running()
        assert len(killed.settled) == trial
        killed.begin(seed=0)
        again = opened(tmp_path / "two")
        again.stop_running()
        run(again, trial + 1)
    states = [trial.state for trial in again.trials]
    assert states == ["stopped", "finished"] * 4
    assert [again.search.values(trial.places) for trial in again.settled] == at_once
    assert run(opened(tmp_path / "other"), 3, seed=1) != at_once[:3]


def test_a_failed_trial_is_no_result_and_is_not_proposed_again(tmp_path: Path) -> None:
    study = opened(tmp_path, startup=2)
    for _ in range(6):
        values = study.search.values(study.begin(seed=0).places)
        if values["schedule"]["batch"] == 4:  # does not fit the memory
            study.end(why="out of memory", run="runs/x")
        else:
            study.end(score=score_of(values))
    failed = [trial for trial in study.settled if trial.state == "failed"]
    assert 1 <= len(failed) <= 4
    assert {trial.why for trial in failed} == {"out of memory"}
    assert study.best.score == max(trial.score for trial in study.settled if trial.score is not None)
    with study.write_table().open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert list(rows[0]) == ["trial", "state", "score", *SPACE, "run", "why"]
    assert [row["score"] for row in rows if row["state"] == "failed"] == [""] * len(failed)
    assert float(rows[0]["method.lr"]) == BEGIN["method.lr"]


def test_the_least_is_best_of_a_distance(tmp_path: Path) -> None:
    study = Study(tmp_path, search(startup=9), {}, higher_is_better=False)
    for score in (3.0, 1.0, 2.0):
        study.begin(seed=0)
        study.end(score=score)
    assert (study.best.number, study.best.score) == (1, 1.0)


def test_a_file_of_another_search_is_left_alone(tmp_path: Path) -> None:
    run(opened(tmp_path), 1)
    with pytest.raises(UserError, match=r"is of another search: choose another study=NAME"):
        Study(tmp_path, search(), {"words": ["seed=2"]}, higher_is_better=True)
    assert len(opened(tmp_path).settled) == 1


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "Zellkörner, [1] = {x} 50% ?#"
    run(opened(folder), 1)
    assert len(opened(folder).settled) == 1
    assert (folder / "study.db").is_file()


def test_the_shipped_search_is_the_papers() -> None:
    spec = yaml.safe_load((CONF / "search" / "le_bescond_2022.yaml").read_text())
    paper = build(spec)
    assert paper.trials == 50
    assert paper.fixed == {"schedule.epochs": 10}
    assert [one["batch"] for one in paper.space["schedule"]] == [10, 30, 60, 120, 140]
    for one in paper.space["schedule"]:
        assert (one["steps"] - 1) * one["batch"] < 709 <= one["steps"] * one["batch"]
    places = paper.proposed([], seed=0, higher_is_better=True)
    first = paper.values(places)
    assert list(first.values()) == [64, 0.5, 1e-4, 1e-10, {"batch": 30, "steps": 24}]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"trials": 0}, "search.trials=0"),
        ({"space": {}}, "search.space is empty"),
        ({"space": {"lr": [1]}, "begin": None}, "lr takes two values or more"),
        ({"space": {"lr": [1, 1]}, "begin": None}, "lr takes two values or more"),
        ({"space": {"lr": 3}, "begin": None}, "lr takes a list of values, or"),
        ({"space": {"lr": {"low": 2, "high": 1}}, "begin": None}, "lr takes a list of values, or"),
        ({"space": {"lr": {"low": 1, "high": 2, "logg": 1}}, "begin": None}, "lr takes a list of values, or"),
        ({"space": {"lr": {"low": 0, "high": 1, "log": True}}, "begin": None}, "low=0 must be above 0"),
        ({"begin": {**BEGIN, "method.lr": 1.0}}, "method.lr=1.0 is none of what search.space has"),
        ({"begin": {**BEGIN, "schedule": {"batch": 3}}}, "is none of what search.space has"),
        ({"begin": {"method.lr": 1e-3}}, "the same names: method.epochs is in one alone"),
        ({"begin": {**BEGIN, "method.l": 1}}, "method.l is in one alone; did you mean 'method.lr'"),
    ],
)
def test_what_is_no_search(changed: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence.replace("[", r"\[")):
        search(**changed)
