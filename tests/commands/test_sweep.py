"""A sweep: each job is a process of its own, one that dies is a named row, the others go on."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from layouts import write_multiorgan

WORDS = [
    "method=supervised,threshold", "dataset=synthetic,multiorgan", "seed=0,1", "preset=tiny",
    "schedule.crop_px=32", "hydra.launcher.jobs=2", "progress=false",
]  # fmt: skip


def kill_once_running(study: Path, name: str, sweep: subprocess.Popen) -> int:
    """Kill -9 the job whose run directory is called `name-TIME`, as the machine might."""
    while sweep.poll() is None:
        for state in study.glob(f"{name}-*/state.json"):
            pid = json.loads(state.read_text())["pid"]
            os.kill(pid, signal.SIGKILL)
            return pid
        time.sleep(0.01)
    raise AssertionError(f"no job {name} was seen")


def test_seven_runs_finish_and_the_killed_one_is_named(tmp_path: Path) -> None:
    data = tmp_path / "my data, [v=1]"
    write_multiorgan(data / "multiorgan")
    sweep = subprocess.Popen(
        [sys.executable, "-m", "maskless", "train", "-m", *WORDS, f"data_root={data}"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    study = tmp_path / "runs" / "default"
    killed = kill_once_running(study, "supervised-multiorgan-1", sweep)
    printed, complaints = sweep.communicate(timeout=250)
    assert sweep.returncode == 3
    assert "maskless: 1 of 8 jobs failed" in complaints
    assert "method=supervised dataset=multiorgan seed=1 (the process ended with -9)" in complaints
    assert "Traceback" not in complaints

    states = {path.parent.name: json.loads(path.read_text()) for path in study.glob("*/state.json")}
    assert len(states) == 8, "no two jobs share a folder"
    finished = [name for name, state in states.items() if state["state"] == "finished"]
    assert len(finished) == 7
    (unfinished,) = states.keys() - set(finished)
    assert unfinished.startswith("supervised-multiorgan-1-")
    assert len({state["pid"] for state in states.values()} | {killed}) == 8, (
        "each job is a process of its own"
    )

    (table,) = study.glob("sweep-*.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert [row["state"] for row in rows].count("finished") == 7
    assert all((tmp_path / row["run"] / "scores.csv").is_file() for row in rows if row["state"] == "finished")
    assert printed.count("finished") == 7
