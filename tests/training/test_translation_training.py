"""Trainings of translation: on two processes, in half precision, killed, and stopped by what is of no use."""

import signal
from pathlib import Path

import pytest
import torch
from test_resume import assert_same_weights, only_run, start, step_of, table, wait_for_checkpoints

from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.methods.cyclegan import CycleGAN
from maskless.methods.translation import Translation
from maskless.methods.ugatit import UGATIT
from maskless.runs import Run
from maskless.signals import Role, Signal
from maskless.training.train_stage import seed_networks, train_stage

CHAIN = {
    "mask": {"step": "binarise", "of": "darkness", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}
DIHEDRAL = {"dihedral": {"step": "D4", "p": 1.0}}
WORDS = [
    "method=translation", "dataset=synthetic", "dataset.size_px=64", "dataset.tiles={train:4,val:2,test:1}",
    "target=synthetic", "target.stain=he", "target.size_px=64", "target.tiles={train:5}", "method.epochs=3",
    "method.steps=4", "method.batch=2", "method.crop_px=32", "method.gan.filters=2", "method.gan.blocks=1",
    "method.gan.filters_d=2", "method.gan.noise=0.02", "method.pool=3", "method.ema=0.9",
    "checkpoint_every=1", "progress=false",
]  # fmt: skip


class Watched(Translation):
    """Keeps the images that it is given, by step."""

    def __init__(self, gan, **settings) -> None:
        super().__init__(gan, **settings)
        self.given: list[tuple[torch.Tensor, torch.Tensor]] = []

    def training_step(self, batch, batch_idx) -> None:
        pair = [batch[role][Signal.IMAGE] for role in (Role.MAIN, Role.TARGET)]
        self.given.append(tuple(images.clone() for images in pair))
        super().training_step(batch, batch_idx)


class Mirrored(Translation):
    """Whatever it learns, in use it gives negatives, from epoch `since` on; or white images."""

    def __init__(self, gan, how: str, since: int, **settings) -> None:
        super().__init__(gan, **settings)
        self.how, self.since = how, since

    def _translate(self, images):
        if self.current_epoch < self.since:
            return images
        return -images if self.how == "inverted" else torch.ones_like(images)


def train(
    folder: Path,
    kind: type[Translation] = Translation,
    devices: int = 1,
    precision: str = "32-true",
    gan=None,
    of_kind: dict | None = None,
    **settings,
) -> tuple[Translation, Run]:
    run = Run.create(folder, "s", "gan", {}, [], {})
    seed_networks(0)
    gan = gan or CycleGAN(filters=4, blocks=1, filters_d=4)
    plain = {"epochs": 2, "steps": 2, "batch": 4, "crop_px": 32, "lr": 1e-3, "pool": 0, "selection": "last"}
    half, both = [0.5] * 3, {"augment": DIHEDRAL, "augment_target": DIHEDRAL}
    settings = {**plain, **both, **settings, **(of_kind or {})}
    stage = kind(gan, chain=CHAIN, mean=half, std=half, **settings)
    hardware = Hardware(devices=devices, precision=precision, channels_last=False)
    sources = {
        Role.MAIN: Synthetic(size_px=64, tiles={"train": 6, "val": 2}),
        Role.TARGET: Synthetic(size_px=64, tiles={"train": 9}, stain="he", seed=7),
    }
    train_stage(stage, sources, run, hardware, name="gan", seed=0, progress=False)
    return stage, run


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Translation, Run]:
    return train(tmp_path_factory.mktemp("one"), Watched, contrast=1.0, contrast_px=9)


@pytest.mark.parametrize("other", [{"devices": 2, "batch": 2}, {"accumulate": 2}])
def test_two_processes_or_two_parts_train_as_one(
    one: tuple[Translation, Run], tmp_path: Path, other: dict
) -> None:
    stage, run = one
    other_stage, other_run = train(tmp_path, contrast=1.0, contrast_px=9, **other)
    for row, same in zip(run.metrics, other_run.metrics, strict=True):
        assert row["step"] == same["step"]
        for name in (n for n in row if n.startswith(("loss", "d_", "kept"))):
            # Of the networks after the steps of Adam, which makes much of a processor's rounding.
            off = 1e-3 if name == "kept_by_all" else 1e-4
            assert float(same[name]) == pytest.approx(float(row[name]), rel=1e-3, abs=off), name
    for name, weights in stage.state_dict().items():
        if not name.endswith("bias"):  # before a norm its gradient is rounding, of which Adam makes steps
            torch.testing.assert_close(other_stage.state_dict()[name], weights, rtol=0.05, atol=2e-3)


def test_pairs_are_drawn_anew_in_each_step_and_by_the_seed_alone(
    one: tuple[Translation, Run], tmp_path: Path
) -> None:
    stage, _ = one
    assert isinstance(stage, Watched)
    assert len(stage.given) == 4
    again, _ = train(tmp_path, Watched)
    for (a, b), (same_a, same_b) in zip(stage.given, again.given, strict=True):
        assert torch.equal(a, same_a)
        assert torch.equal(b, same_b)
    for k in (0, 1):
        assert not torch.equal(stage.given[0][k], stage.given[1][k])


def test_one_step_of_training_counts_once_and_the_last_weights_are_kept(one: tuple[Translation, Run]) -> None:
    stage, run = one
    last = torch.load(run.checkpoint("last"), weights_only=True)
    assert last["global_step"] == 4
    assert not run.checkpoint("best").exists()
    assert run.best == run.checkpoint("last")
    assert all(torch.equal(value, last["state_dict"][name]) for name, value in stage.state_dict().items())
    assert {"loss", "kept", "kept_by_all", "spread", "norm_g", "d_b_real"} <= set(run.metrics[0])
    assert [file.name for file in sorted((run.path / "figures" / "sheets").iterdir())] == [
        "gan-epoch-0000.png",
        "gan-epoch-0001.png",
    ]


def test_pools_of_two_processes_are_both_kept(tmp_path: Path) -> None:
    _, run = train(tmp_path, devices=2, batch=2, pool=3, ema=0.9)
    pools = torch.load(run.checkpoint("last"), weights_only=True)["pools"]
    assert len(pools) == 2
    assert not torch.equal(pools[0]["a"]["images"], pools[1]["a"]["images"])


@pytest.mark.parametrize(
    ("gan", "crop_px"),
    [
        (lambda: CycleGAN(filters=4, blocks=1, filters_d=4, noise=0.02), 32),
        (lambda: UGATIT(filters=2, blocks=1, filters_d=1, size_px=96, checkpointing=True), 96),
    ],
)
def test_mixed_precision_trains(tmp_path: Path, gan, crop_px: int) -> None:
    settings = {"batch": 2, "steps": 1, "crop_px": crop_px, "overlap_px": 16, "contrast": 1.0, "ema": 0.9}
    stage, run = train(tmp_path, precision="bf16-mixed", gan=gan(), structure=1.0, pool=3, **settings)
    assert all(value.isfinite().all() for value in stage.state_dict().values())
    assert len(run.metrics) == 2
    moved, _ = torch.load(run.checkpoint("last"), weights_only=True)["optimizer_states"]
    means = [state["exp_avg"] for state in moved["state"].values()]
    assert len(means) == len([*stage.gan.g.parameters(), *stage.gan.f.parameters()])
    assert all(mean.any() for mean in means), "weights that no gradient has reached"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("inverted", r"its translations were inverted \(correlation of red light -1.00\)"),
        ("white", "all of its translations were one and the same image"),
    ],
)
def test_translations_of_no_use_three_epochs_in_a_row_stop_the_training(
    tmp_path: Path, how: str, said: str
) -> None:
    of_kind = {"how": how, "since": 1}
    with pytest.raises(UserError, match=f"gan has collapsed.*after epoch 5, the third.*{said}"):
        train(tmp_path, Mirrored, epochs=6, steps=1, batch=2, of_kind=of_kind)  # from the middle on it counts


def test_translations_that_go_wrong_for_a_while_are_told_and_stop_nothing(tmp_path: Path, caplog) -> None:
    _, run = train(tmp_path, Mirrored, epochs=4, steps=1, batch=2, of_kind={"how": "inverted", "since": 2})
    told = [message for message in caplog.messages if "its translations were inverted" in message]
    assert [message.split(",")[0] for message in told] == ["after epoch 2 of gan", "after epoch 3 of gan"]
    assert [float(row["kept_by_all"]) for row in run.metrics] == pytest.approx([1, 1, -1, -1], abs=1e-5)


def test_a_killed_translation_goes_on_exactly(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    assert start(tmp_path / "whole", *WORDS).wait(timeout=290) == 0
    whole = only_run(tmp_path / "whole")
    process = start(tmp_path / "killed", *WORDS)
    wait_for_checkpoints(tmp_path / "killed", 6, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(tmp_path / "killed")
    assert 5 <= step_of(run) <= 7
    assert start(tmp_path / "killed", f"resume={run}", "progress=false").wait(timeout=290) == 0
    assert table(run) == table(whole)
    assert len(table(run)) == 3
    assert_same_weights(run, whole, "last")
    pools, expected = (
        torch.load(r / "checkpoints" / "last.ckpt", weights_only=True)["pools"] for r in (run, whole)
    )
    for domain in "ab":
        assert torch.equal(pools[0][domain]["images"], expected[0][domain]["images"])
