"""`maskless evaluate search=postprocess`: what it leaves in the run, what uses it, what it refuses."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from conftest import OF_TEST, TINY_TISSUE
from PIL import Image

import maskless
from maskless.cli import main
from maskless.data.readers.synthetic import Synthetic
from maskless.runs import Run
from maskless.signals import Signal

TILES = Synthetic(size_px=96, tiles={"train": 4, "val": 2, "test": 2})
#: Nuclei are smaller than the start has it, and parted better by the longer radius.
SEARCH = ("search=postprocess", "search.parameters={mask.min_area_px: [20, 60], markers.radius_px: [1, 8]}")
BAD_START = ("method=threshold", "method.chain.mask.min_area_px=500", "method.chain.markers.radius_px=1")


@pytest.fixture(scope="module")
def badly_begun(tmp_path_factory) -> Path:
    """A finished run whose chain drops most nuclei, scored on val and test. Copy it before you change it."""
    root = tmp_path_factory.mktemp("runs")
    assert main(["evaluate", *BAD_START, *TINY_TISSUE, f"runs_dir={root}"]) == 0
    (run,) = (root / "default").iterdir()
    assert main(["evaluate", f"run={run}", "part=val"]) == 0
    return run


@pytest.fixture
def run(badly_begun, tmp_path) -> Path:
    return shutil.copytree(badly_begun, tmp_path / "a run")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def mean_aji(run: Path, part: str) -> float:
    rows = [row for row in Run.open(run).scores if (row["split"], row["metric"]) == (part, "aji")]
    return float(np.mean([float(row["value"]) for row in rows if row["definition"] == "kumar"]))


def test_the_best_chain_becomes_the_runs(run, cli, tmp_path):
    bad = {part: mean_aji(run, part) for part in ("val", "test")}
    done = cli("evaluate", f"run={run}", *SEARCH)
    assert done.code == 0, done.err
    assert "scores and label maps of synthetic val" in done.out

    trials = rows_of(run / "search.csv")
    assert list(trials[0]) == ["trial", "mask.min_area_px", "markers.radius_px", "val_aji"]
    assert [row["trial"] for row in trials] == ["0", "1", "2", "3", "4"]
    assert list(trials[0].values())[1:3] == ["500", "1"]
    assert float(trials[0]["val_aji"]) == pytest.approx(bad["val"], abs=1e-12)
    best = max(trials, key=lambda row: float(row["val_aji"]))
    area_px, radius_px = int(best["mask.min_area_px"]), int(best["markers.radius_px"])
    assert area_px in (20, 60)
    assert f"mask.min_area_px: 500 -> {area_px}" in done.out
    assert f"{bad['val']:.4f} -> {float(best['val_aji']):.4f}" in done.out
    assert float(best["val_aji"]) > bad["val"] + 0.05

    chosen = yaml.safe_load((run / "chain.yaml").read_text())
    before = yaml.safe_load((run / "config.yaml").read_text())["method"]["chain"]
    before["mask"]["min_area_px"], before["markers"]["radius_px"] = area_px, radius_px
    assert chosen == before
    # Nothing of the earlier chain is left, and all that comes after is of this one.
    assert {row["split"] for row in Run.open(run).scores} == {"test"}
    assert [path.name for path in (run / "predictions" / "synthetic").iterdir()] == ["test"]
    assert mean_aji(run, "test") != bad["test"]
    assert cli("evaluate", f"run={run}", "part=val").code == 0
    assert mean_aji(run, "val") == pytest.approx(float(best["val_aji"]), abs=1e-12)
    assert Run.open(run).state["state"] == "finished"
    assert not list(run.rglob("*.tmp"))
    assert f"500 -> {area_px}" in (run / "log.txt").read_text()

    image = TILES.read(TILES.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]
    Image.fromarray(image).save(tmp_path / "one.png")
    found = maskless.load(run).segment(image)
    assert (
        cli("predict", f"run={run}", f"input={tmp_path / 'one.png'}", f"output={tmp_path / 'out'}").code == 0
    )
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "one.tif"), found)
    stored = Image.open(run / "predictions" / "synthetic" / "test" / "test-0000.png")
    np.testing.assert_array_equal(np.asarray(stored), found)


def test_deleting_the_file_goes_back(run, cli):
    image = TILES.read(TILES.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]
    before = maskless.load(run).segment(image)
    assert cli("evaluate", f"run={run}", *SEARCH).code == 0
    assert not np.array_equal(maskless.load(run).segment(image), before)
    (run / "chain.yaml").unlink()
    np.testing.assert_array_equal(maskless.load(run).segment(image), before)


def test_a_seed_repeats_the_trials_and_a_second_search_begins_where_the_first_ended(run, cli, tmp_path):
    words = ("search=postprocess", "search.trials=14", "predictions=false")
    texts = {}
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        copy = shutil.copytree(run, tmp_path / name)
        assert cli("evaluate", f"run={copy}", *words, f"seed={seed}").code == 0
        texts[name] = (copy / "search.csv").read_text()
        assert not (copy / "predictions").exists()
    assert texts["one"] == texts["two"] != texts["other"]

    trials = rows_of(tmp_path / "one" / "search.csv")
    best = max(trials, key=lambda row: float(row["val_aji"]))
    assert cli("evaluate", f"run={tmp_path / 'one'}", *words).code == 0
    again = rows_of(tmp_path / "one" / "search.csv")[0]
    assert {**again, "trial": ""} == {**best, "trial": ""}


def test_where_nothing_is_better_nothing_is_removed(run, cli):
    worse = "search.parameters={mask.min_area_px: [900, 5000]}"
    done = cli("evaluate", f"run={run}", "search=postprocess", worse)
    assert done.code == 0
    assert "none of 2 other chains is better" in done.out
    assert "removed" not in done.out
    assert {row["split"] for row in Run.open(run).scores} == {"val", "test"}
    assert len(list((run / "predictions" / "synthetic").iterdir())) == 2
    assert Run.open(run).chain == yaml.safe_load((run / "config.yaml").read_text())["method"]["chain"]


def test_a_method_without_training_is_tuned_in_a_run_of_its_own(cli, tmp_path):
    words = [*BAD_START, *TINY_TISSUE, f"runs_dir={tmp_path}", *SEARCH, "search.metric=object_hausdorff"]
    done = cli("evaluate", *words)
    assert done.code == 0, done.err
    (path,) = (tmp_path / "default").iterdir()
    run = Run.open(path)
    assert run.state["state"] == "finished"
    assert run.chain["mask"]["min_area_px"] < 500
    values = [float(row["val_object_hausdorff"]) for row in rows_of(path / "search.csv")]
    assert f"{values[0]:.4f} -> {min(values):.4f}" in done.out
    assert {row["split"] for row in run.scores} == {"test"}


def test_a_trained_run_is_tuned_on_what_it_was_trained_on(trained, tmp_path, cli):
    run = shutil.copytree(trained, tmp_path / "run")
    done = cli("evaluate", f"run={run}", "search=postprocess", "search.trials=3")
    assert done.code == 0, done.err
    assert len(rows_of(run / "search.csv")) == 3
    other = ("dataset=synthetic", "dataset.size_px=64", "dataset.tiles={train: 1, val: 1, test: 1}")
    done = cli("evaluate", f"run={run}", "search=postprocess", *other)
    assert done.code == 2
    assert "tunes on the run's own source, synthetic, and dataset= names other data" in done.err
    done = cli("evaluate", f"run={run}", "search=postprocess", "search.trials=1", *TINY_TISSUE)
    assert done.code == 0, done.err


def test_resuming_a_tuned_run_scores_with_its_chain(tmp_path, cli):
    assert main(["train", *BAD_START, *TINY_TISSUE, *OF_TEST, "test=synthetic", f"runs_dir={tmp_path}"]) == 0
    (run,) = (tmp_path / "default").iterdir()
    untuned = mean_aji(run, "test")
    words = ("search=postprocess", "search.parameters={mask.min_area_px: [20]}")
    assert cli("evaluate", f"run={run}", *words, "search.metric=recall").code == 0
    tuned = mean_aji(run, "test")
    assert tuned != untuned
    assert cli("train", f"resume={run}").code == 0
    assert mean_aji(run, "test") == pytest.approx(tuned, abs=1e-12)


def test_a_run_that_is_not_finished_is_not_tuned(run, cli):
    Run.open(run).mark("failed", why="no power")
    done = cli("evaluate", f"run={run}", *SEARCH)
    assert done.code == 2
    assert "maskless train resume=" in done.err
    assert not (run / "chain.yaml").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mask: [", "chain.yaml cannot be read"),
        ("- a\n", "it holds no mapping"),
        ("instances: {step: lable, of: darkness}\n", "cannot be used: mend it, or delete it .*'lable'"),
    ],
)
def test_a_chain_file_that_was_spoilt_is_named(run, cli, text, sentence):
    (run / "chain.yaml").write_text(text)
    done = cli("evaluate", f"run={run}")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert str(run / "chain.yaml") in done.err
    assert re.search(sentence, done.err), done.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["search=postproces"], "there is no search 'postproces'; did you mean 'postprocess'"),
        (["search=postprocess", "search.metrik=aji"], "evaluate has no option 'search.metrik'"),
        (["search=postprocess", "search.metric=ajj"], "is no score; did you mean 'aji'"),
        (["search=postprocess", "search.trials=many"], "trials must be a whole number, not 'many'"),
        (["search=postprocess", "search.trials=0"], "search.trials=0 must be at least 1"),
        (
            ["search=postprocess", "search.parameters={marker.radius_px: [3]}"],
            "did you mean 'markers.radius_px'",
        ),
        (
            ["search=postprocess", "search.parameters={markers.radius_px: []}"],
            "takes a list of values to try",
        ),
        (
            ["search=postprocess", "search.parameters={markers.radius_px: [2.5]}"],
            "must be a whole number, not 2.5",
        ),
        (["search=postprocess", "search.parameters=[markers]"], "parameters must be a mapping"),
        (["search=postprocess", "dataset.tiles={train: 4, val: 0, test: 2}"], "chooses on validation images"),
        (["search=postprocess", "+method.join=own"], "this method's chain runs in each window"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence_before_any_run(refusal, words, sentence):
    assert sentence in refusal("evaluate", "method=threshold", *TINY_TISSUE, *words)
