"""What a person sees while a stage trains, and that the stage does not notice."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from prior_stage import data_of, fit, made, new
from toy_stage import Toy

from maskless.training.callbacks import LastCheckpoint
from maskless.training.prior_statistics import PriorStatistics
from maskless.training.sheets import Sheets
from maskless.writers.sheet import sheet_png


def watchers(run, data, every=5):
    return [PriorStatistics(run, data, "toy"), Sheets(run, data, "toy", every)]


def names(run):
    return sorted(file.name for file in (run.path / "figures" / "sheets").glob("*"))


def state(stage):
    return {name: value.clone() for name, value in stage.state_dict().items()}


def test_a_training_is_the_same_bit_by_bit_whether_it_is_watched_or_not(tmp_path):
    plain, watched = new(), new()
    run, other = made(tmp_path), made(tmp_path)
    fit(plain, data_of(plain), run)
    data = data_of(watched)
    fit(watched, data, other, *watchers(other, data, every=1))
    assert len(names(other)) == 3
    assert state(plain).keys() == state(watched).keys()
    for name, value in state(plain).items():  # the running statistics of batch norm among them
        assert torch.equal(value, state(watched)[name]), name
    assert [row["loss"] for row in run.metrics] == [row["loss"] for row in other.metrics]


def test_each_part_of_a_stage_is_left_in_its_mode(tmp_path):
    stage, run = new(epochs=1), made(tmp_path)
    stage.network[1].eval()
    data = data_of(stage)
    modes = []

    class Look(Sheets):
        def on_train_epoch_end(self, trainer, module):
            module.train()
            module.network[1].eval()
            super().on_train_epoch_end(trainer, module)
            modes.extend(part.training for part in module.network)

    fit(stage, data, run, Look(run, data, "toy"))
    assert modes == [True, False, True, True]


@pytest.mark.parametrize(
    ("epochs", "every", "expected"), [(8, 3, [0, 3, 6, 7]), (1, 5, [0]), (3, 1, [0, 1, 2])]
)
def test_sheets_are_of_the_first_the_last_and_every_nth_epoch(tmp_path, epochs, every, expected):
    stage, run = new(epochs=epochs, steps=1), made(tmp_path)
    data = data_of(stage)
    fit(stage, data, run, Sheets(run, data, "toy", every))
    assert names(run) == [f"toy-epoch-{epoch:04}.png" for epoch in expected]


def test_a_sheet_shows_the_same_samples_every_time(tmp_path):
    stage, run = new(epochs=2), made(tmp_path)
    data = data_of(stage)
    fit(stage, data, run, Sheets(run, data, "toy", every=1))
    first, second = (
        np.asarray(Image.open(run.path / "figures" / "sheets" / name)).astype(int) for name in names(run)
    )
    assert first.shape == (24 + 2 * 48 + 4, 3 * 48 + 2 * 4, 3)
    sample = data.training[1]
    assert (first[24 + 52 : 24 + 100, :48] == sample["main"]["image"].numpy()).all()
    assert (first[24 + 52 : 24 + 100, 104:, 0] == 255 * sample["prior"]["mask"].numpy()).all()
    assert (first[:, :48] == second[:, :48]).all()
    assert (first[:, 52:100] != second[:, 52:100]).any()  # it has learnt


def test_a_stage_without_sheet_or_prior_is_left_alone(tmp_path):
    stage, run = Toy(epochs=1, steps=1, batch=2, crop_px=48), made(tmp_path)
    data = data_of(stage)
    fit(stage, data, run, *watchers(run, data))
    assert not (run.path / "figures").exists()
    assert run.prior_statistics == []


def test_statistics_are_of_the_prior_once_and_of_predictions_every_epoch(tmp_path):
    stage, run = new(), made(tmp_path)
    data = data_of(stage)
    fit(stage, data, run, *watchers(run, data))
    rows = run.prior_statistics
    names = ["nuclei_per_mm2", "area_um2", "neighbour_distance_um", "nucleus_share", "eccentricity"]
    assert [row["statistic"] for row in rows] == names * 4
    assert [(row["which"], row["epoch"], row["step"]) for row in rows[::5]] == [
        ("prior", "", "0"), ("predicted", "0", "2"), ("predicted", "1", "4"), ("predicted", "2", "6"),
    ]  # fmt: skip
    assert {row["distance_to_prior"] for row in rows[:5]} == {"0"}
    masks = [data.training[n]["prior"]["mask"].numpy() for n in range(64)]
    share = next(row for row in rows if row["statistic"] == "nucleus_share")
    assert float(share["mean"]) == pytest.approx(np.mean(masks), rel=1e-5)


@pytest.mark.parametrize(("shift", "share"), [(-1e3, 0), (1e3, 1)])
def test_statistics_of_empty_and_full_predictions(tmp_path, shift, share):
    stage, run = new(epochs=1, shift=shift), made(tmp_path)
    data = data_of(stage)
    fit(stage, data, run, *watchers(run, data))
    found = {row["statistic"]: row for row in run.prior_statistics if row["which"] == "predicted"}
    assert float(found["nucleus_share"]["median"]) == share
    prior = {row["statistic"]: row for row in run.prior_statistics if row["which"] == "prior"}
    away = abs(share - float(prior["nucleus_share"]["mean"]))
    assert float(found["nucleus_share"]["distance_to_prior"]) == pytest.approx(away, rel=1e-5)
    assert (
        found["neighbour_distance_um"]["median"] == found["neighbour_distance_um"]["distance_to_prior"] == ""
    )


def test_a_resumed_training_writes_the_rows_of_an_uninterrupted_one(tmp_path):
    whole_run, run = made(tmp_path), made(tmp_path)
    whole = new(epochs=4)
    data = data_of(whole)
    fit(whole, data, whole_run, *watchers(whole_run, data, every=2), addressed=True)

    class Killed(LastCheckpoint):
        def on_train_epoch_end(self, trainer, module):
            if trainer.current_epoch == 2:  # its rows are there, its checkpoint is not
                raise KeyboardInterrupt

    stage = new(epochs=4)
    data = data_of(stage)
    with pytest.raises(SystemExit):
        fit(stage, data, run, *watchers(run, data, every=2), Killed(run.path, data, 100), addressed=True)
    assert len(run.prior_statistics) == 20
    step = int(torch.load(run.checkpoint("last"), weights_only=True)["DataModule"]["step"])
    assert step == 4
    run.trim_metrics("toy", step)
    assert len(run.prior_statistics) == 15
    stage = new(epochs=4)
    data = data_of(stage)
    fit(stage, data, run, *watchers(run, data, every=2), resume=True, addressed=True)
    assert names(run) == names(whole_run)
    assert run.prior_statistics == whole_run.prior_statistics


def test_a_training_begun_anew_drops_the_rows_of_the_last_one(tmp_path):
    run = made(tmp_path)
    run.add_prior_statistics([{"stage": "toy", "epoch": "", "step": 0, "statistic": "a"}])
    run.add_prior_statistics([{"stage": "other", "epoch": 0, "step": 3, "statistic": "a"}])
    run.trim_metrics("toy", -1)
    assert [row["stage"] for row in run.prior_statistics] == ["other"]


def test_the_columns_of_a_sheet_stand_under_their_titles():
    grey = np.full((2, 30, 40), 7, np.uint8)
    coloured = np.full((2, 30, 40, 3), (9, 8, 7), np.uint8)
    sheet = np.asarray(Image.open(io.BytesIO(sheet_png({"grey": grey, "R(S(t)), long title": coloured}))))
    assert sheet.shape == (24 + 64, 84, 3)
    assert (sheet[24:54, :40] == 7).all()
    assert (sheet[58:, 44:] == (9, 8, 7)).all()
    assert (sheet[54:58] == 255).all()
    assert (sheet[:24, :40] < 100).any()
    with pytest.raises(ValueError, match="one shape"):
        sheet_png({"a": grey, "b": grey[:1]})
    with pytest.raises(ValueError, match="one shape"):
        sheet_png({})
