"""A validation score that is to choose the checkpoint where no validation image has known nuclei."""

import pytest
from conftest import TINY_TISSUE

TRAIN = ("train", "method=supervised", *TINY_TISSUE, "preset=tiny", "method.epochs=1", "method.steps=1")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_cannot_choose_is_said_before_the_training(cli) -> None:
    done = cli(*TRAIN, "dataset.tiles.val=0", "method.selection=pq")
    assert done.code == 0, done.err
    before = done.out.partition("run: ")[0]
    assert before.startswith("selection=pq has nothing to choose by: synthetic has no validation images with")
    assert "the last weights are kept" in before


@pytest.mark.parametrize("words", [("method.selection=loss", "dataset.tiles.val=0"), ()])
def test_what_can_choose_says_nothing(cli, words) -> None:
    done = cli(*TRAIN, *words)
    assert done.code == 0, done.err
    assert done.out.startswith("run: ")
