"""A training that is killed goes on exactly: the same weights and table as if nothing had happened."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

WORDS = [
    "method=supervised", "dataset=synthetic", "dataset.size_px=64", "dataset.tiles={train:4,val:2,test:1}",
    "preset=tiny", "schedule.epochs=3", "schedule.steps=4", "schedule.crop_px=64", "checkpoint_every=1",
    "progress=false",
]  # fmt: skip

#: A GAN, whose step is three, and whose discriminators are shown older fakes.
GAN = [
    "method=spatial_prior", "dataset=synthetic", "dataset.size_px=64", "dataset.tiles={train:4,val:2,test:1}",
    "prior=synthetic", "prior.size_px=64", "prior.tiles={train:4}", "method.epochs=3", "method.steps=4",
    "method.batch=2", "method.crop_px=32", "method.depth=5", "method.filters=2", "method.filters_d=2",
    "method.pool=3", "method.ema=0.9", "method.selection_from=1", "checkpoint_every=1", "progress=false",
]  # fmt: skip


def start(folder: Path, *words: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "maskless", "train", *words]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs" / "default").iterdir()
    return run


def step_of(run: Path) -> int:
    return int(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["DataModule"]["step"])


def wait_for_checkpoints(
    folder: Path, count: int, process: subprocess.Popen, name: str = "last.ckpt"
) -> None:
    """Until the last checkpoint has been written so often: once a step here."""
    seen: set[int] = set()
    while len(seen) < count and process.poll() is None:
        seen |= {path.stat().st_mtime_ns for path in folder.glob(f"runs/default/*/checkpoints/{name}")}
        time.sleep(0.002)


def table(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder, *WORDS).wait(timeout=200) == 0
    return only_run(folder)


def test_a_killed_gan_goes_on_with_its_discriminators_and_pools(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    assert start(tmp_path / "whole", *GAN).wait(timeout=200) == 0
    whole = only_run(tmp_path / "whole")
    process = start(tmp_path / "killed", *GAN)
    wait_for_checkpoints(tmp_path / "killed", 6, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(tmp_path / "killed")
    assert 5 <= step_of(run) <= 7
    assert start(tmp_path / "killed", f"resume={run}", "progress=false").wait(timeout=200) == 0
    assert table(run) == table(whole)
    assert len(table(run)) == 3
    assert_same_weights(run, whole, "last", "best")
    pools, expected = (
        torch.load(r / "checkpoints" / "last.ckpt", weights_only=True)["pools"] for r in (run, whole)
    )
    for name in ("s", "r"):
        assert len(pools[0][name]["images"]) == 3
        assert torch.equal(pools[0][name]["images"], expected[0][name]["images"])


# Loader workers change no pixel, so one uninterrupted run is the reference for both.
@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    whole: Path, tmp_path: Path, workers: int
) -> None:
    process = start(tmp_path, *WORDS, f"hardware.workers={workers}")
    wait_for_checkpoints(tmp_path, 6, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(tmp_path)
    assert 5 <= step_of(run) <= 7, "it was to be killed in the middle of its second epoch"
    assert (run / "state.json").read_text().count('"running"') == 1

    run = run.rename(run.with_name("moved, [v=1]"))  # as people do

    assert start(tmp_path, f"resume={run}", "progress=false").wait(timeout=200) == 0
    assert only_run(tmp_path) == run
    assert '"finished"' in (run / "state.json").read_text()
    assert table(run) == table(whole)
    assert len(table(run)) == 3
    assert_same_weights(run, whole, "last", "best")


def assert_same_weights(run: Path, whole: Path, *names: str) -> None:
    for name in names:
        expected, found = (
            torch.load(r / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
            for r in (whole, run)
        )
        assert expected.keys() == found.keys()
        for key, weights in expected.items():
            assert torch.equal(weights, found[key]), f"{name}: {key}"


#: Methods of two stages with averaged weights: what the first is called, and their words.
STAGED = {
    "point_supervised": ("spn", ["method.spn.ema=0.9", "method.ema=0.9"]),
    "attention_points": ("attention", []),
}


def words_of(method: str) -> list[str]:
    return [f"method={method}", *WORDS[1:], *STAGED[method][1]]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The uninterrupted run of a method, trained once."""

    @cache
    def trained(method: str) -> Path:
        folder = tmp_path_factory.mktemp(method)
        assert start(folder, *words_of(method)).wait(timeout=300) == 0
        return only_run(folder)

    return trained


@pytest.mark.parametrize(
    ("method", "killed_in"),
    [
        ("point_supervised", "first"),
        ("point_supervised", "last"),
        pytest.param("attention_points", "first", marks=pytest.mark.long),
        ("attention_points", "last"),
    ],
)
def test_a_run_killed_in_either_stage_goes_on_in_that_stage(
    staged: Callable[[str], Path], tmp_path: Path, method: str, killed_in: str
) -> None:
    whole, first = staged(method), STAGED[method][0]
    process = start(tmp_path, *words_of(method))
    wait_for_checkpoints(tmp_path, 6, process, "last.ckpt" if killed_in == "last" else f"{first}-last.ckpt")
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(tmp_path)
    assert (run / "checkpoints" / "last.ckpt").is_file() == (killed_in == "last")
    of_first = run / "checkpoints" / f"{first}-last.ckpt"
    before = of_first.stat().st_mtime_ns

    assert start(tmp_path, f"resume={run}", "progress=false").wait(timeout=300) == 0
    assert table(run) == table(whole)
    assert len(table(run)) == 6
    assert_same_weights(run, whole, f"{first}-last", f"{first}-best", "last", "best")
    if killed_in == "last":  # a stage that was through is not trained again
        assert of_first.stat().st_mtime_ns == before
