import json
import logging
import multiprocessing
import threading
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from maskless import runs
from maskless.errors import UserError
from maskless.runs import Run

CONFIG = {"method": {"_target_": "maskless.x.Y", "lr": 1e-5, "names": ["ä", "b c"], "none": None}, "seed": 3}


def create(root: Path, name: str = "threshold-synthetic-0") -> Run:
    return Run.create(
        root, "study", name, CONFIG, ["maskless", "train", "a=b c"], {"main": {"name": "synthetic"}}
    )


def test_what_is_created_is_read_back(tmp_path):
    run = Run.open(create(tmp_path).path)
    assert run.path.parent == tmp_path / "study"
    assert run.path.name.startswith("threshold-synthetic-0-")
    assert run.config == CONFIG
    assert run.about["command"] == ["maskless", "train", "a=b c"]
    assert run.about["id"] == run.path.name
    assert run.about["versions"]["torch"]
    assert run.data == {"main": {"name": "synthetic"}}
    assert run.state["state"] == "running"
    assert (run.metrics, run.scores) == ([], [])


def test_the_stored_configuration_has_no_tags_of_python(tmp_path):
    assert yaml.safe_load((create(tmp_path).path / "config.yaml").read_text(encoding="utf-8")) == CONFIG


class Noon(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2030, 1, 2, 12)


def test_runs_of_the_same_second_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "datetime", Noon)
    processes, each = 6, 5
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes)

    def job():
        start.wait()
        for _ in range(each):
            create(tmp_path)

    jobs = [context.Process(target=job) for _ in range(processes)]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join()
        assert one.exitcode == 0
    made = sorted(path.name for path in (tmp_path / "study").iterdir())
    first = "threshold-synthetic-0-20300102-120000"
    assert made == sorted([first, *(f"{first}-{k}" for k in range(2, processes * each + 1))])
    assert {Run.open(tmp_path / "study" / name).about["id"] for name in made} == set(made)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (None, "there is no run directory"),
        ("config.yaml", "it has no config.yaml"),
        ("state.json", "it has no state.json"),
    ],
)
def test_what_is_no_run_is_not_opened(tmp_path, missing, sentence):
    path = create(tmp_path).path if missing else tmp_path / "nothing"
    if missing:
        (path / missing).unlink()
    with pytest.raises(UserError, match=sentence):
        Run.open(path)


@pytest.mark.parametrize("text", ["a: [", "- a\n- b", "", "\xff\xfe", "!!python/object:os.system {}"])
def test_a_broken_configuration_is_named(tmp_path, text):
    run = create(tmp_path)
    (run.path / "config.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"config\.yaml"):
        _ = run.config


def test_a_broken_state_is_named(tmp_path):
    run = create(tmp_path)
    (run.path / "state.json").write_text('{"state": ')
    with pytest.raises(UserError, match=r"state\.json cannot be read"):
        _ = run.state


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write a run below .*runs_dir="):
        create(tmp_path / "file")


def test_a_run_is_running_then_finished(tmp_path):
    run = create(tmp_path)
    with run.recorded():
        assert run.state["state"] == "running"
    assert run.state["state"] == "finished"
    with run.recorded(finished=True):
        assert run.state["state"] == "finished"


@pytest.mark.parametrize(
    ("error", "why"), [(ValueError("no room"), "no room"), (KeyboardInterrupt(), "KeyboardInterrupt")]
)
def test_a_failed_run_says_why(tmp_path, error, why):
    run = create(tmp_path)
    with pytest.raises(type(error)), run.recorded():
        raise error
    assert (run.state["state"], run.state["why"]) == ("failed", why)


def test_the_log_takes_what_is_said_while_the_run_is_at_work_and_the_traceback_of_a_failure(tmp_path):
    run = create(tmp_path)
    log = logging.getLogger("maskless.somewhere")

    def work():
        with run.recorded():
            log.info("working")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    log.info("gone")
    text = (run.path / "log.txt").read_text()
    assert "working" in text
    assert "Traceback" in text
    assert "ZeroDivisionError" in text
    assert "gone" not in text


def test_scoring_a_finished_run_again_does_not_make_it_a_failed_one(tmp_path):
    run = create(tmp_path)
    run.mark("finished")
    with pytest.raises(ValueError, match="later"), run.recorded(finished=True):
        raise ValueError("later")
    assert run.state["state"] == "finished"


def epochs(run: Run) -> list[tuple[str, str]]:
    return [(row["step"], row["loss"]) for row in run.metrics]


def test_rows_of_metrics_are_added_replaced_and_trimmed_by_step(tmp_path):
    run = create(tmp_path)
    for step in (10, 20, 30):
        run.add_metrics({"stage": "toy", "step": step, "loss": step / 10})
    run.add_metrics(
        {"stage": "toy", "step": 20, "loss": 9.0}
    )  # a resumed run comes by again: what was later is gone
    assert epochs(run) == [("10", "1.0"), ("20", "9.0")]
    run.add_metrics({"stage": "toy", "step": 100, "loss": 0.5})  # steps are numbers, not words
    run.trim_metrics("toy", 20)
    assert epochs(run) == [("10", "1.0"), ("20", "9.0")]
    run.trim_metrics("toy", -1)
    assert epochs(run) == []


def test_the_rows_of_another_stage_stay(tmp_path):
    run = create(tmp_path)
    run.add_metrics({"stage": "first", "step": 100, "loss": 1.0})
    run.add_metrics({"stage": "second", "step": 10, "loss": 2.0})
    run.add_metrics({"stage": "second", "step": 20, "loss": 1.5})
    run.trim_metrics("second", 10)
    assert epochs(run) == [("100", "1.0"), ("10", "2.0")]


def test_a_column_that_comes_later_does_not_lose_the_earlier_rows(tmp_path):
    run = create(tmp_path)
    run.add_metrics({"step": 1, "loss": 1.0})
    run.add_metrics({"step": 2, "loss": 0.5, "val_aji": 0.3})
    assert [row["val_aji"] for row in run.metrics] == ["", "0.3"]


def row(source: str, split: str, image: str, value: float) -> dict:
    return {
        "source": source, "image": image, "split": split, "metric": "aji", "definition": "kumar",
        "region": "all", "value": value,
    }  # fmt: skip


def test_scores_of_a_source_and_split_replace_the_earlier_ones_and_no_others(tmp_path):
    run = create(tmp_path)
    run.add_scores([row("a", "val", "1", 0.1), row("a", "val", "2", 0.2)])
    run.add_scores([row("a", "test", "1", 0.3)])
    run.add_scores([row("b", "val", "1", 0.4)])
    run.add_scores([row("a", "val", "2", 0.5)])
    found = [(r["source"], r["split"], r["image"], r["value"]) for r in run.scores]
    assert found == [("a", "test", "1", "0.3"), ("b", "val", "1", "0.4"), ("a", "val", "2", "0.5")]
    assert tuple(run.scores[0]) == runs.SCORE_COLUMNS


def test_labelling_indices_are_kept_by_source_and_go_with_the_scores(tmp_path):
    run = create(tmp_path)
    assert run.labelling_indices == []
    for source, positive in (("a", 1), ("b", 2), ("a", 3)):
        run.add_labelling_indices([{"source": source, "image": "x", "split": "test", "positive": positive}])
    assert [(r["source"], r["positive"]) for r in run.labelling_indices] == [("b", "2"), ("a", "3")]
    run.add_scores([row("a", "test", "x", 1.0)])
    assert run.forget_scores() == [("a", "test")]
    assert run.labelling_indices == run.scores == []


def test_names_with_commas_quotes_and_umlauts_survive_the_csv(tmp_path):
    run = create(tmp_path)
    name = 'Zell, "neu"\nzwei'
    run.add_scores([row("a", "val", name, 0.1)])
    assert run.scores[0]["image"] == name


def test_a_reader_never_sees_half_a_file(tmp_path):
    run = create(tmp_path)
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(json.loads((run.path / "state.json").read_text())["state"])

    reader = threading.Thread(target=read)
    reader.start()
    for k in range(300):
        run.mark("running", note="x" * (k % 7) * 5000)
    done.set()
    reader.join()
    assert set(seen) == {"running"}


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    run = create(tmp_path)
    run.add_metrics({"step": 1, "loss": 1.0})
    before = sorted(path.name for path in run.path.iterdir())

    def fail(self, target):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UserError, match=r"metrics\.csv cannot be written"):
        run.add_metrics({"step": 2, "loss": 0.5})
    monkeypatch.undo()
    assert epochs(run) == [("1", "1.0")]
    assert sorted(path.name for path in run.path.iterdir()) == before


def test_the_best_checkpoint_is_the_last_one_where_nothing_could_choose(tmp_path):
    run = create(tmp_path)
    with pytest.raises(UserError, match="has no checkpoint yet; its state is 'running'"):
        _ = run.best
    run.checkpoint("last").touch()
    assert run.best == run.checkpoint("last")
    run.checkpoint("best").touch()
    assert run.best == run.checkpoint("best")
