"""Runs of W&B, offline, read back from their files: whole, apart, continued, and without a connection."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from wandb_reader import Offline, read_offline

from maskless.runs import Run
from maskless.training.loggers.listener import Listener

WORDS = [
    "method=supervised", "preset=tiny", "dataset=synthetic", "dataset.size_px=64",
    "dataset.tiles={train:4,val:2}", "logger=wandb", "progress=false",
]  # fmt: skip


def offline_runs(run: Path) -> list[Offline]:
    return [read_offline(folder) for folder in sorted((run / "wandb").glob("offline-run-*"))]


def steps(found: Offline) -> list[int]:
    return [int(row["supervised/step"]) for row in found.history if "supervised/loss" in row]


@pytest.fixture
def calls(monkeypatch):
    """A server that stands where W&B's would, and what it was asked."""
    asked: list[str] = []

    class Asked(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_error(404)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()


def test_two_jobs_of_a_sweep_at_one_time_are_two_runs_and_nobody_is_called(tmp_path, calls, run_watched):
    words = ["-m", *WORDS, "seed=0,1", "study=both", "hydra.launcher.jobs=2"]
    run_watched(
        [sys.executable, "-m", "maskless", "train", *words],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    runs = [Run.open(path.parent) for path in sorted((tmp_path / "runs" / "both").glob("*/state.json"))]
    found = [offline_runs(run.path) for run in runs]
    assert [len(of_run) for of_run in found] == [1, 1]
    assert len({of_run[0].id for of_run in found}) == 2
    for run, (logged,) in zip(runs, found, strict=True):
        assert (logged.group, logged.job, logged.exit_code) == ("both", "supervised", 0)
        assert logged.config["seed"] == run.config["seed"]
        assert logged.config["method"] == run.config["method"]
        assert logged.config["code"]["commit"] == run.about["commit"]
        assert logged.config["data"]["main"]["sha256"] == run.data["main"]["sha256"]
        assert logged.config["data"]["main"]["images"]["train"] == 4
        rows = [row for row in logged.history if "supervised/loss" in row]
        assert steps(logged) == [3, 6] == [int(row["step"]) for row in run.metrics]
        for row, recorded in zip(rows, run.metrics, strict=True):
            assert row["supervised/loss"] == pytest.approx(float(recorded["loss"]))
        panels = [
            row["supervised/panel 1/path"] for row in logged.history if "supervised/panel 1/path" in row
        ]
        assert len(panels) == 2  # of the first epoch and of the last
        picture = np.asarray(Image.open(logged.folder / "files" / panels[-1]))
        # Input, foreground, boundary, instances, truth, errors below their titles.
        assert picture.shape == (24 + 64, 6 * 64 + 5 * 4, 3)
        (shown,) = [row["scores/path"] for row in logged.history if "scores/path" in row]
        table = json.loads((logged.folder / "files" / shown).read_text())
        assert table["columns"] == ["source", "split", "metric", "definition", "mean", "images"]
        (dice,) = [row for row in table["data"] if row[2:4] == ["dice", "foreground"]]
        values = [
            float(row["value"])
            for row in run.scores
            if (row["metric"], row["definition"]) == ("dice", "foreground")
        ]
        assert dice[:2] == ["synthetic", "val"]
        assert dice[4:] == [pytest.approx(np.mean(values)), 2]
        assert logged.summary["synthetic/val/dice/foreground"] == pytest.approx(np.mean(values))
    assert calls == []


def test_a_resumed_run_goes_on_with_its_own(tmp_path, cli, monkeypatch, calls):
    monkeypatch.chdir(tmp_path)

    def stop(self, trainer, module):
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt
        tell(self, trainer, module)

    tell = Listener.on_train_epoch_end
    monkeypatch.setattr(Listener, "on_train_epoch_end", stop)
    assert cli("train", *WORDS).code == 130
    monkeypatch.setattr(Listener, "on_train_epoch_end", tell)
    (path,) = (tmp_path / "runs" / "default").iterdir()
    done = cli("train", f"resume={path}", "progress=false")
    assert done.code == 0, done.err
    first, second = offline_runs(path)
    assert first.id == second.id == json.loads((path / "wandb.json").read_text())["id"]
    assert (steps(first), steps(second)) == ([3], [6])
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert "synthetic/val/dice/foreground" in second.summary
    assert calls == []


def test_a_missing_package_is_said_before_anything_is_done(refusal, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert refusal("train", *WORDS) == "logger=wandb needs wandb: pip install 'maskless[wandb]'"
    said = refusal("train", *WORDS[:-2], "logger=tensorboard")
    assert said == "logger=tensorboard needs tensorboard: pip install 'maskless[tensorboard]'"
