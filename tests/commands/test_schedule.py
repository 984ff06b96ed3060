"""What `schedule` sets in the stages of a method, and what the command line sets against it."""

from pathlib import Path

import pytest
from conftest import TINY_TISSUE

import maskless
from maskless.commands.schedule import scheduled
from maskless.runs import Run

METHOD = {"_target_": "maskless.x", "width": 64, "epochs": 60, "first": {"epochs": 2}}
SCHEDULE = {"width": 8, "epochs": 1, "steps": 3, "batch": None}


@pytest.mark.parametrize(
    ("words", "width", "epochs", "of_first"),
    [
        ([], 8, 1, 1),
        (["schedule.epochs=1", "seed=3"], 8, 1, 1),
        (["method.epochs=60"], 8, 60, 1),
        (["method.first.epochs=2", "+method.width=64"], 64, 1, 2),
    ],
)
def test_it_lies_over_every_stage_but_what_is_said_by_its_own_name(words, width, epochs, of_first) -> None:
    assert scheduled(METHOD, SCHEDULE, words) == {
        "_target_": "maskless.x",
        "width": width,
        "epochs": epochs,
        "first": {"epochs": of_first},
    }


REINHARD, WHITE = {"_target_": "maskless.reinhard.Reinhard"}, {"_target_": "maskless.x.White"}


@pytest.mark.parametrize(
    ("of_method", "of_first", "expected"),
    [
        ({"colour": REINHARD}, {}, (REINHARD, REINHARD)),
        ({"colour": REINHARD}, {"colour": WHITE}, (REINHARD, WHITE)),
        ({"colour": REINHARD}, {"colour": None}, (REINHARD, "no key")),
        ({"colour": REINHARD}, {"colour": {}}, (REINHARD, "no key")),
        ({}, {"colour": WHITE}, ("no key", WHITE)),
        ({"colour": {}}, {}, ("no key", "no key")),
    ],
)
def test_the_colour_of_a_method_is_that_of_every_stage_without_one_of_its_own(
    of_method, of_first, expected
) -> None:
    chain = {"smooth": {"step": "gaussian"}}
    method = {"chain": chain, **of_method, "before": {"chain": chain, **of_first}, "labels": {"above": 0.5}}
    laid = scheduled(method, {})
    assert (laid.get("colour", "no key"), laid["before"].get("colour", "no key")) == expected
    assert laid["labels"] == {"above": 0.5}
    assert laid["before"]["chain"] == laid["chain"] == chain


def test_a_stage_that_is_given_as_a_run_is_no_description_yet() -> None:
    method = {"chain": {}, "colour": REINHARD, "spn": "runs/spn"}
    assert scheduled(method, {}) == method


def test_a_person_overrules_a_preset_and_the_run_loads_and_resumes_as_it_was_trained(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", "method=supervised", *TINY_TISSUE, "preset=tiny", "method.epochs=1", "method.width=16")
    assert cli(*words, "colour=white_balance").code == 0
    (path,) = (tmp_path / "runs" / "default").iterdir()
    run = Run.open(path)
    set_in_run = {key: run.config["method"][key] for key in ("epochs", "width", "steps", "crop_px")}
    assert set_in_run == {"epochs": 1, "width": 16, "steps": 3, "crop_px": 64}
    assert [row["epoch"] for row in run.metrics] == ["0"]
    assert maskless.load(path).colour is not None
    assert cli("train", f"resume={path}").code == 0
    assert Run.open(path).config["method"]["colour"]["_target_"].endswith("WhiteBalance")
    assert len(Run.open(path).metrics) == 1
