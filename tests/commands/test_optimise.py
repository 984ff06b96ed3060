"""`maskless optimise`: trials in processes of their own, a file that outlives them, a command at the end."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import TINY_TISSUE

from maskless.commands.optimise import _drop_weights
from maskless.runs import Run
from maskless.training.study import Trial


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """A folder with a search of one's own, for `supervised`."""
    folder = tmp_path / "mine"
    (folder / "search").mkdir(parents=True)
    spec = {
        "_target_": "maskless.training.search.TrainingSearch",
        "trials": 4,
        "startup": 2,
        "fixed": {"schedule.epochs": 1},
        "space": {
            "method.lr": {"low": 1e-4, "high": 1e-2, "log": True},
            "schedule": [{"batch": 1, "steps": 4}, {"batch": 2, "steps": 2}],
        },
        "begin": {"method.lr": 1e-3, "schedule": {"batch": 2, "steps": 2}},
    }
    (folder / "search" / "own.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    return folder


class Trainings:
    """Stands for the processes: notes the words of each, and answers with a score that follows from them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.words = folder, []
        self.fail = lambda values: ""

    def __call__(self, words, report: Path) -> dict:
        self.words.append(list(words))
        values = dict(word.split("=", 1) for word in words)
        run = self.folder / values["study"] / f"run-{len(self.words)}"
        (run / "checkpoints").mkdir(parents=True)
        (run / "checkpoints" / "best.ckpt").touch()
        if why := self.fail(values):
            return {"state": "failed", "value": "", "run": str(run), "why": why}
        return {"state": "finished", "value": float(values["method.lr"]), "run": str(run), "why": ""}


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch) -> Trainings:
    made = Trainings(tmp_path)
    monkeypatch.setattr("maskless.commands.optimise.run_job", made)
    return made


def words_of(config_dir: Path, tmp_path: Path, *more: str) -> list[str]:
    return [
        "optimise", f"--config-dir={config_dir}", "method=supervised", "search=own", "preset=tiny",
        *TINY_TISSUE, f"runs_dir={tmp_path}", "progress=false", *more,
    ]  # fmt: skip


def test_the_weights_of_a_run_elsewhere_stay_whatever_the_study_says(tmp_path: Path) -> None:
    other = tmp_path / "somebody" / "run-1"
    (other / "checkpoints").mkdir(parents=True)
    trials = [Trial(k, "finished", {}, float(k), str(other)) for k in range(2)]
    _drop_weights(SimpleNamespace(folder=tmp_path / "study", best=trials[1], settled=trials))
    assert (other / "checkpoints").is_dir()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_trial_is_a_training_and_the_best_is_a_command(config_dir, tmp_path, trainings, cli) -> None:
    done = cli(*words_of(config_dir, tmp_path, "study=mine", "search.trials=4"))
    assert done.code == 0, done.err
    assert len(trainings.words) == 4
    common = ["method=supervised", "preset=tiny", *TINY_TISSUE, f"runs_dir={tmp_path}", "progress=false"]
    assert trainings.words[0] == [
        *common, "schedule.epochs=1", "method.lr=0.001", "schedule={batch:2,steps:2}", "study=mine",
    ]  # fmt: skip
    rows = rows_of(tmp_path / "mine" / "study.csv")
    assert [row["state"] for row in rows] == ["finished"] * 4
    best = max(rows, key=lambda row: float(row["score"]))
    kept = [row["run"] for row in rows if (Path(row["run"]) / "checkpoints").exists()]
    assert kept == [best["run"]], "the others' weights are gone"
    command = shlex.split(done.out.splitlines()[-1])
    assert command[:2] == ["maskless", "train"]
    assert command[2:-2] == common
    assert command[-2] == f"method.lr={best['method.lr']}"
    assert command[-1] in ("schedule={batch:1,steps:4}", "schedule={batch:2,steps:2}")


def test_the_same_command_again_does_what_is_missing(config_dir, tmp_path, trainings, cli) -> None:
    words = words_of(config_dir, tmp_path)
    assert cli(*words, "search.trials=2").code == 0
    assert cli(*words, "search.trials=2").code == 0
    assert len(trainings.words) == 2
    assert cli(*words, "search.trials=3", "hardware=cpu").code == 0
    assert len(trainings.words) == 3
    done = cli(*words, "method.width=6")
    assert done.code == 2
    assert "is of another search: choose another study=NAME" in done.err
    assert len(trainings.words) == 3


def test_a_failed_trial_is_named_at_the_end(config_dir, tmp_path, trainings, cli) -> None:
    trainings.fail = lambda values: "no memory" if len(trainings.words) == 2 else ""
    done = cli(*words_of(config_dir, tmp_path))
    assert done.code == 3
    assert len(trainings.words) == 4
    assert "1 of 4 trials failed; the table is" in done.err
    assert "trial 1 (no memory)" in done.err
    assert "maskless train" in done.out.splitlines()[-1]


def test_where_the_first_fails_nothing_else_is_tried(config_dir, tmp_path, trainings, cli) -> None:
    trainings.fail = lambda values: "no data"
    done = cli(*words_of(config_dir, tmp_path))
    assert done.code == 2
    assert "the first trial failed, so no other was tried: no data" in done.err
    assert len(trainings.words) == 1
    trainings.fail = lambda values: ""
    assert cli(*words_of(config_dir, tmp_path)).code == 0
    assert trainings.words[1] == trainings.words[0], "it is done again"


def test_a_study_still_at_work_is_left_alone(config_dir, tmp_path, trainings, cli, monkeypatch) -> None:
    Run.create(tmp_path, "search", "orphan", {}, [], {})
    monkeypatch.setattr(Run, "at_work", property(lambda self: True))
    done = cli(*words_of(config_dir, tmp_path))
    assert done.code == 2
    assert f"process {os.getpid()} is still at work on" in done.err
    assert not trainings.words


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "optimise takes a search of trainings, as search=le_bescond_2022"),
        (("search=postprocess",), "a chain is tuned by maskless evaluate search=postprocess"),
        (("search=le_bescond_2022", "resume=runs/x"), "optimise goes on by itself"),
        (("search=le_bescond_2022", "method.selection=loss"), "method.selection=loss is none: choose one"),
        (
            ("search=le_bescond_2022", "dataset.tiles={train: 1, val: 0, test: 1}"),
            "the source has no images for them",
        ),
        (("search=le_bescond_2022", "method.lrr=1"), "optimise has no option 'method.lrr'"),
        (("search=le_bescond_2022", "-m", "seed=0,1"), "-m is for sweeps of train"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence_before_any_work(refusal, words, sentence) -> None:
    assert sentence in refusal("optimise", *words)


def test_evaluate_takes_no_search_of_trainings(refusal) -> None:
    sentence = "one of trainings is for maskless optimise"
    assert sentence in refusal("evaluate", "method=threshold", *TINY_TISSUE, "search=le_bescond_2022")


def test_a_killed_search_goes_on_with_the_trial_it_was_at(config_dir, tmp_path) -> None:
    words = words_of(config_dir, tmp_path, "search.trials=2")

    def begun() -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "maskless", *words],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    study = tmp_path / "search"
    search = begun()
    while len(list(study.glob("*/state.json"))) < 2:  # the second is at work
        assert search.poll() is None, search.communicate()
        time.sleep(0.01)
    os.killpg(search.pid, signal.SIGKILL)  # the search and its trial, as the machine might
    search.communicate()

    printed, complaints = (again := begun()).communicate(timeout=250)
    assert again.returncode == 0, complaints
    rows = rows_of(study / "study.csv")
    assert [row["state"] for row in rows] == ["finished", "stopped", "finished"]
    assert rows[2]["method.lr"] == rows[1]["method.lr"] != rows[0]["method.lr"] == "0.001"
    assert len(list(study.glob("*/state.json"))) == 3
    for row in (rows[0], rows[2]):
        run = Run.open(tmp_path / row["run"])
        assert run.state["state"] == "finished"
        assert run.config["method"]["lr"] == float(row["method.lr"])
        assert run.config["method"]["epochs"] == 1
        assert float(row["score"]) == pytest.approx(float(run.metrics[-1]["val_aji"]), abs=1e-6)
    best = max((rows[0], rows[2]), key=lambda row: float(row["score"]))
    assert f"method.lr={best['method.lr']}" in printed.splitlines()[-1]
    assert json.loads((Path(best["run"]) / "state.json").read_text())["state"] == "finished"
