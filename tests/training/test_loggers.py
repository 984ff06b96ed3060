"""A logger hears what a training records, leaves no trace in it, and cannot stop it."""

import io
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from toy_stage import Toy

from maskless.data.readers.synthetic import Synthetic
from maskless.hardware import Hardware
from maskless.runs import Run
from maskless.signals import Item, Role, Sample, Signal
from maskless.training.loggers.tensorboard import TensorBoard
from maskless.training.loggers.tracking import Tracking, closed
from maskless.training.train_stage import seed_networks, train_stage
from maskless.writers.panel import MISSED, WRONG, error_picture, panel_png

TABLE = [{"source": "a", "split": "val", "metric": "dice", "definition": "d", "mean": 0.5, "images": 2}]


class Heard:
    """A logger that remembers; what is in `broken` raises."""

    def __init__(self, *broken: str) -> None:
        self.broken, self.told = broken, []

    def begin(self, run, job):
        self._hear("begin", job)
        return self

    def row(self, stage, values):
        self._hear("row", stage, dict(values))

    def picture(self, stage, name, step, image):
        self._hear("picture", stage, name, step, image.shape)

    def table(self, rows):
        self._hear("table", rows)

    def end(self, done):
        self._hear("end", done)

    def _hear(self, what, *facts):
        self.told.append((what, *facts))
        if what in self.broken:
            raise RuntimeError("no room left at the tracker's")


def train(folder, logger=None) -> tuple[Toy, Run]:
    run = Run.create(folder, "s", "toy", {"seed": 0}, [], {})
    sources = {Role.MAIN: Synthetic(size_px=64, tiles={"train": 4, "val": 3})}
    seed_networks(0)
    stage = Toy(epochs=2, steps=2, batch=2, crop_px=48)
    hardware = Hardware(precision="32-true", channels_last=False)
    tracking = Tracking(logger, run, "toy") if logger else None
    with run.recorded(), closed(tracking):
        train_stage(stage, sources, run, hardware, name="toy", seed=0, progress=False, tracking=tracking)
        if tracking:
            tracking.table(TABLE)
    return stage, run


def test_a_training_is_the_same_bit_by_bit_whether_it_is_told_or_not(tmp_path):
    heard = Heard()
    stage, run = train(tmp_path, heard)
    plain, alone = train(tmp_path)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, stage.state_dict()[name]), name
    assert [row["loss"] for row in run.metrics] == [row["loss"] for row in alone.metrics]
    assert [fact[0] for fact in heard.told] == ["begin", *["row", "picture", "picture"] * 2, "table", "end"]
    rows = [fact[2] for fact in heard.told if fact[0] == "row"]
    for row, recorded in zip(rows, run.metrics, strict=True):
        assert row == {
            name: pytest.approx(float(v), nan_ok=True) for name, v in recorded.items() if name != "stage"
        }
    # Five columns (input, map, instances, truth, errors) of 64 px under a title.
    assert heard.told[2] == ("picture", "toy", "panel 0", 2, (24 + 64, 5 * 64 + 4 * 4, 3))
    assert heard.told[-1] == ("end", True)


def test_a_picture_that_cannot_be_made_stops_nothing(tmp_path, monkeypatch):
    def no_room(*_):
        raise MemoryError("no room for a picture")

    monkeypatch.setattr("maskless.training.loggers.listener.panel_png", no_room)
    heard = Heard()
    _, run = train(tmp_path, heard)
    assert run.state["state"] == "finished"
    assert (run.path / "log.txt").read_text().count("no room for a picture") == 1


def test_a_tracker_that_fails_is_one_warning_and_the_run_is_done(tmp_path):
    heard = Heard("picture", "end")
    _, run = train(tmp_path, heard)
    assert run.state["state"] == "finished"
    assert len(run.metrics) == 2
    log = (run.path / "log.txt").read_text()
    assert log.count("WARNING maskless.training.loggers.tracking") == 1
    assert "Heard has failed, and the run goes on without it: RuntimeError: no room left at" in log
    assert [fact[0] for fact in heard.told] == ["begin", "row", "picture", "end"]


@pytest.mark.parametrize("broken", ["begin", "row", "table", "end"])
def test_whatever_fails_is_said_once(tmp_path, caplog, broken):
    tracking = Tracking(Heard(broken, "end"), Run.create(tmp_path, "s", "toy", {}, [], {}), "toy")
    with closed(tracking):
        for step in range(3):
            tracking.row("toy", {"step": float(step)})
        tracking.table(TABLE)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert [fact[0] for fact in tracking.logger.told].count(broken) == 1


def test_a_training_that_fails_ends_its_logger(tmp_path):
    run, heard = Run.create(tmp_path, "s", "toy", {}, [], {}), Heard()
    tracking = Tracking(heard, run, "toy")
    tracking.row("toy", {"step": 1.0})
    with pytest.raises(KeyboardInterrupt), closed(tracking):
        raise KeyboardInterrupt
    assert heard.told[-1] == ("end", False)


def test_a_process_of_the_training_has_a_session_of_its_own(tmp_path, monkeypatch):
    run, heard = Run.create(tmp_path, "s", "toy", {}, [], {}), Heard()
    tracking = Tracking(heard, run, "toy")
    tracking.row("toy", {"step": 1.0})
    tracking.leave_process()  # at home: it goes on
    assert heard.told[-1][0] == "row"
    other = pickle.loads(pickle.dumps(tracking))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    other.row("toy", {"step": 2.0})
    other.leave_process()
    assert [fact[0] for fact in other.logger.told][-3:] == ["begin", "row", "end"]


def test_tensorboard_holds_the_table_of_epochs_and_the_pictures(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, run = train(tmp_path, TensorBoard())
    read = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"images": 0, "tensors": 0})
    read.Reload()
    losses = read.Scalars("toy/loss")
    assert [event.step for event in losses] == [2, 4]
    assert [event.value for event in losses] == pytest.approx([float(row["loss"]) for row in run.metrics])
    assert [event.step for event in read.Images("toy/panel 0")] == [2, 4]
    (text,) = read.Tensors("scores/text_summary")
    assert b"a | val | dice | d | 0.5 | 2" in text.tensor_proto.string_val[0]
    (state,) = read.Tensors("state/text_summary")
    assert state.tensor_proto.string_val[0] == b"finished"
    (about,) = read.Tensors("run/text_summary")
    assert b'"seed": 0' in about.tensor_proto.string_val[0]


def test_errors_are_where_prediction_and_truth_differ_inside_the_region():
    image = np.full((4, 6, 3), 30, np.uint8)
    found, truth = np.zeros((2, 4, 6), np.int32)
    found[0, :4], truth[0, 2:] = 7, 9
    region = np.ones((4, 6), np.uint8)
    region[:, 0] = 0
    errors = error_picture(image, found, truth, region)
    assert (errors[0, 1] == WRONG).all()
    assert (errors[0, 4:] == MISSED).all()
    same = np.concatenate([errors[0, [0, 2, 3]], errors[1]])
    assert (same == 180).all()


def test_a_panel_of_points_has_no_errors_and_shows_the_middle():
    sample = Sample(Item("a", "a"), mpp=0.25)
    sample.signals[Signal.IMAGE] = np.zeros((400, 50, 3), np.uint8)
    sample.signals[Signal.POINTS] = np.array([[200, 25]], np.float32)
    png = panel_png(sample, {"foreground": np.zeros((400, 50), np.float32)}, np.zeros((400, 50), np.int32))
    picture = np.asarray(Image.open(io.BytesIO(png)))
    assert picture.shape == (24 + 384, 4 * 50 + 3 * 4, 3)
    assert (picture[24 + 192, 3 * 54 + 25] == (0, 255, 0)).all()
