"""A GAN on two real processes (gloo), in parts of a batch, and stopped by what is no number."""

from pathlib import Path

import pytest
import torch
from torch import nn

from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.spatial_prior import SpatialPrior
from maskless.runs import Run
from maskless.signals import Role
from maskless.training.train_stage import seed_networks, train_stage

CHAIN = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}


class Normless(SpatialPrior):
    """Without batch norm, whose statistics are each process' own, and without draws of a step."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        for network in (self.s, self.r, self.d_s, self.d_r):
            for module in network.modules():
                for name, child in module.named_children():
                    if isinstance(child, nn.BatchNorm2d):
                        setattr(module, name, nn.Identity())


def train(
    folder: Path,
    kind: type[SpatialPrior] = Normless,
    devices: int = 1,
    precision: str = "32-true",
    **settings,
) -> tuple[SpatialPrior, Run]:
    run = Run.create(folder, "s", "gan", {}, [], {})
    source = Synthetic(size_px=64, tiles={"train": 6, "val": 2})
    seed_networks(0)
    plain = {"epochs": 2, "steps": 2, "batch": 4, "crop_px": 32, "lr": 1e-3, "filters": 4, "filters_d": 4}
    half = [0.5] * 3
    quiet = {"depth": 5, "dropout": 0.0, "colour_sigma": 0.0, "selection": "loss", "sharpening": 5.0}
    stage = kind(chain=CHAIN, mean=half, std=half, **{**plain, **quiet, **settings})
    hardware = Hardware(devices=devices, precision=precision, channels_last=False)
    sources = {Role.MAIN: source, Role.PRIOR: source}
    train_stage(stage, sources, run, hardware, name="gan", seed=0, progress=False)
    return stage, run


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpatialPrior, Run]:
    return train(tmp_path_factory.mktemp("one"))


@pytest.mark.parametrize("other", [{"devices": 2, "batch": 2, "pool": 0}, {"accumulate": 2}])
def test_two_processes_or_two_parts_train_as_one(
    one: tuple[SpatialPrior, Run], tmp_path: Path, other: dict
) -> None:
    stage, run = one
    other_stage, other_run = train(tmp_path, **other)
    for row, same in zip(run.metrics, other_run.metrics, strict=True):
        for name in (n for n in row if n.startswith(("loss", "d_"))):
            assert float(same[name]) == pytest.approx(float(row[name]), rel=1e-3, abs=1e-4), name
        assert row["step"] == same["step"]
    for name, weights in stage.state_dict().items():
        torch.testing.assert_close(other_stage.state_dict()[name], weights, rtol=0.05, atol=2e-3)


def test_one_step_of_training_counts_once(one: tuple[SpatialPrior, Run]) -> None:
    _, run = one
    last = torch.load(run.checkpoint("last"), weights_only=True)
    assert last["global_step"] == 4
    assert [row["step"] for row in run.metrics] == ["2", "4"]


def test_the_least_loss_is_kept_of_the_epochs_that_count(tmp_path: Path) -> None:
    _, run = train(tmp_path, selection_from=1)
    assert torch.load(run.checkpoint("best"), weights_only=True)["epoch"] == 1


def test_pools_of_two_processes_are_both_kept(tmp_path: Path) -> None:
    _, run = train(tmp_path, devices=2, batch=2, pool=3)
    pools = torch.load(run.checkpoint("last"), weights_only=True)["pools"]
    assert len(pools) == 2
    assert not torch.equal(pools[0]["s"]["images"], pools[1]["s"]["images"])


def test_what_is_no_number_stops_it_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    class Sick(Normless):
        """Its second epoch makes a weight infinite."""

        def training_step(self, batch, batch_idx: int) -> None:
            if self.global_step == 2:
                with torch.no_grad():
                    self.s.downs[0][0].weight.fill_(torch.inf)
            super().training_step(batch, batch_idx)

    with pytest.raises(
        UserError, match=r"is (nan|inf) after step 3 of gan, .* last good checkpoint, of step 2"
    ):
        train(tmp_path, Sick)
    (run,) = (tmp_path / "s").iterdir()
    for name in ("last", "best"):
        kept = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
        assert all(value.isfinite().all() for value in kept.values())


def test_mixed_precision_trains(tmp_path: Path) -> None:
    stage, run = train(tmp_path, SpatialPrior, precision="bf16-mixed", sharpening=60.0, masks=2, ema=0.9)
    assert all(value.isfinite().all() for value in stage.state_dict().values())
    assert len(run.metrics) == 2
