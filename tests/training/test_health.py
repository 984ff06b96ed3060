"""A training that goes wrong stops with a sentence, and what was good stays."""

import re

import numpy as np
import pytest
import torch
from prior_stage import PriorToy, data_of, fit, made, new
from torch.multiprocessing.spawn import ProcessRaisedException

from maskless.errors import UserError
from maskless.training.collapse import Collapse, fault_of
from maskless.training.health import Healthy
from maskless.training.prior_statistics import PriorStatistics
from maskless.training.probes import Probes
from maskless.training.process_errors import user_error_of
from maskless.training.sheets import Sheets


class Sick(PriorToy):
    """Its loss, a logged value or a weight is broken in one step, counted from 0."""

    def __init__(self, at: int, what: str, **stage) -> None:
        super().__init__(**stage)
        self.at, self.what = at, what
        self.done = 0

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        now = self.done == self.at
        self.done += 1
        if now and self.what == "loss":
            return loss * torch.nan
        if self.what == "logged":
            self.log("d_fake", loss.detach() / (0.0 if now else 1.0))
        return loss

    def on_before_optimizer_step(self, optimizer) -> None:
        if self.done == self.at + 1 and self.what == "gradient":
            self.network[0].weight.grad.fill_(torch.inf)
        if self.done == self.at + 1 and self.what == "optimiser":
            for parameter in self.parameters():  # finite, with a square that is not
                parameter.grad.fill_(1e30)


def sick(at: int, what: str, **stage) -> Sick:
    torch.manual_seed(0)
    return Sick(at, what, **{"epochs": 3, "steps": 4, "batch": 2, **stage})


def stopped(stage, run, every: int = 2) -> str:
    data = data_of(stage)
    with pytest.raises(UserError) as error:
        fit(stage, data, run, Healthy(run, data, "toy"), every=every)
    return str(error.value)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("loss", "the loss is nan after step 7 of toy"),
        ("logged", "d_fake is inf after step 7 of toy"),
    ],
)
def test_the_first_value_that_is_no_number_stops_the_training(tmp_path, what, found):
    run = made(tmp_path)
    sentence = stopped(sick(6, what), run)
    last = run.checkpoint("last")
    assert sentence == (
        f"{found}, so its training was stopped; the last good checkpoint, of step 6, is {last}: "
        "train anew with a lower learning rate"
    )
    assert_good(last)


def assert_good(path) -> None:
    state = torch.load(path, weights_only=True)
    values = [*state["state_dict"].values()]
    for optimiser in state["optimizer_states"]:
        values += [value for one in optimiser["state"].values() for value in one.values()]
    assert all(bool(torch.as_tensor(value).isfinite().all()) for value in values)


# Step 5 is before a checkpoint in the middle of an epoch, step 7 the last of the epoch, which is validated.
@pytest.mark.parametrize(
    ("at", "what", "found"),
    [
        (5, "gradient", "the weight network.0.weight is not finite after step 6 of toy"),
        (7, "gradient", "the weight network.0.weight is not finite after step 8 of toy"),
        (5, "optimiser", "of optimiser 0 is not finite after step 6 of toy"),
    ],
)
def test_no_checkpoint_is_written_with_weights_that_are_no_numbers(tmp_path, at, what, found):
    run = made(tmp_path)
    sentence = stopped(sick(at, what), run, every=2 if at == 5 else 3)
    assert found in sentence
    assert f"of step {4 if at == 5 else 6}, is" in sentence
    assert_good(run.checkpoint("last"))
    assert len(run.metrics) == 1


def test_before_the_first_checkpoint_there_is_none(tmp_path):
    run = made(tmp_path)
    assert "; there is no checkpoint yet: train anew" in stopped(sick(0, "loss"), run)
    assert not run.checkpoint("last").exists()


def test_a_healthy_training_is_not_stopped(tmp_path):
    stage, run = new(), made(tmp_path)
    data = data_of(stage)
    fit(stage, data, run, Healthy(run, data, "toy"), every=1)
    assert len(run.metrics) == 3


def test_of_two_processes_one_writes_and_both_stop(tmp_path):
    run, stage = made(tmp_path), sick(5, "loss")
    data = data_of(stage)
    statistics = PriorStatistics(run, data, "toy")
    watchers = statistics, Sheets(run, data, "toy"), Collapse(run, "toy", "", statistics, Probes(data, "toy"))
    with pytest.raises(ProcessRaisedException) as raised:
        fit(stage, data, run, Healthy(run, data, "toy"), *watchers, devices=2)
    assert str(user_error_of(raised.value)).startswith("the loss is nan after step 6 of toy, so its training")
    assert_good(run.checkpoint("last"))
    assert len(run.metrics) == 1
    assert [row["which"] for row in run.prior_statistics[::5]] == ["prior", "predicted"]
    assert [file.name for file in (run.path / "figures" / "sheets").iterdir()] == ["toy-epoch-0000.png"]


def watched(stage, run):
    """Train with Collapse."""
    data = data_of(stage)
    statistics = PriorStatistics(run, data, "toy")
    fit(stage, data, run, statistics, Collapse(run, "toy", "", statistics, Probes(data, "toy")))


class Shifting(PriorToy):
    """Gives full (+), empty (-) or useful (0) masks after each epoch, as `answers` says."""

    def __init__(self, answers: str, **stage) -> None:
        super().__init__(**{"epochs": len(answers), "steps": 1, "batch": 2, **stage})
        self.answers = answers

    def maps(self, images):
        answer = self.answers[self.current_epoch]
        if answer == "0":
            return {"foreground": (images[:, 0] > images[:, 0].mean()).float()}
        if answer == "=":
            return {"foreground": (torch.arange(images.shape[-1]) % 2).expand(images[:, 0].shape).float()}
        return {"foreground": torch.full_like(images[:, 0], float(answer == "+"))}


@pytest.mark.parametrize(
    ("answers", "selection_from", "at", "why"),
    [
        ("---00000", 0, None, ""),  # a slow start
        ("-----000", 5, None, ""),  # a slower one, and expected
        ("0000-+0+", 0, None, ""),  # not three in a row
        ("0000---0", 0, 6, "0 % of the pixels of its training crops were nucleus"),
        ("0--+-000", 1, 3, "100 % of the pixels of its training crops were nucleus"),
        ("----====", 4, 6, "all of 32 different training crops had one and the same mask"),
    ],
)
def test_masks_of_no_use_three_epochs_in_a_row_stop_the_training(tmp_path, answers, selection_from, at, why):
    run = made(tmp_path)
    stage = Shifting(answers, selection_from=selection_from)
    if at is None:
        watched(stage, run)
        assert len(run.metrics) == len(answers)
        return
    with pytest.raises(UserError, match=f"toy has collapsed.*after epoch {at}, the third") as error:
        watched(stage, run)
    assert why in str(error.value)
    assert str(run.checkpoint("last")) in str(error.value)
    assert_good(run.checkpoint("last"))
    assert len(run.metrics) == at + 1


def test_the_count_is_stored_with_the_checkpoint():
    collapse = Collapse(None, "", "", None, None)
    collapse.in_a_row = 2
    other = Collapse(None, "", "", None, None)
    other.load_state_dict(collapse.state_dict())
    assert other.in_a_row == 2


def test_equal_masks_of_one_and_the_same_crop_are_no_fault():
    masks = np.zeros((3, 10, 10), bool)
    masks[:, 2:5, 2:5] = True
    assert fault_of(masks, apart=False) == ""
    assert "same mask" in fault_of(masks, apart=True)
    masks[0, 8, 8] = True
    assert fault_of(masks, apart=True) == ""


def test_the_sentence_of_another_process_is_found_in_its_traceback():
    told = (
        "\n\n-- Process 1 terminated with the following error:\nTraceback (most recent call last):\n"
        '  File "x.py", line 1, in f\n    raise UserError(sentence)\n'
        "maskless.errors.UserError: the loss is nan: train anew\n"
    )
    found = user_error_of(ProcessRaisedException(told, 1, 2))
    assert isinstance(found, UserError)
    assert str(found) == "the loss is nan: train anew"
    assert user_error_of(ProcessRaisedException(re.sub("maskless.*", "ValueError: no", told), 1, 2)) is None
