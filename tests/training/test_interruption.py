"""A training that is told to stop says how to go on, and is not taken for a finished one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_resume import WORDS, only_run, start, wait_for_checkpoints

from maskless.training.atomic_checkpoints import AtomicCheckpoints


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_training_ends_with_130_and_a_sentence(tmp_path: Path, stop: signal.Signals) -> None:
    words = [*WORDS, "schedule.epochs=500"]
    process = subprocess.Popen(
        [sys.executable, "-m", "maskless", "train", *words],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_checkpoints(tmp_path, 3, process)
    process.send_signal(stop)
    _, complaints = process.communicate(timeout=120)
    run = only_run(tmp_path)
    assert process.returncode == 130
    assert f"interrupted: maskless train resume={run.relative_to(tmp_path)} goes on with it" in complaints
    assert "Traceback" not in complaints
    assert '"failed"' in (run / "state.json").read_text()


def test_a_run_at_work_is_not_resumed(tmp_path: Path) -> None:
    process = start(tmp_path, *WORDS, "schedule.epochs=500")
    wait_for_checkpoints(tmp_path, 2, process)
    resumed = subprocess.run(
        [sys.executable, "-m", "maskless", "train", f"resume={only_run(tmp_path)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    process.kill()
    process.wait()
    assert resumed.returncode == 2
    assert f"process {process.pid} is still at work" in resumed.stderr


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"step": 1}, path)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(Exception, match=r"last\.ckpt cannot be written"):
        AtomicCheckpoints().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
