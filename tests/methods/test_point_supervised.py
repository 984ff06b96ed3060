"""SPN and IEN: two stages of one method, which see points and never a mask."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from maskless import load
from maskless.cli import main
from maskless.commands.objects import build_method, check_fit
from maskless.commands.schedule import scheduled
from maskless.commands.stages import Given
from maskless.commands.words import translate
from maskless.data.datamodule import TrainingSet
from maskless.data.derive import complete
from maskless.data.fingerprint import describe
from maskless.data.readers.synthetic import Synthetic
from maskless.data.transforms import Pipeline
from maskless.errors import UserError
from maskless.paths import CONF
from maskless.reinhard import Reinhard
from maskless.runs import Run
from maskless.signals import IGNORE, Role, Sample, Signal, annotation_of

TINY = [
    "method=point_supervised", "dataset=synthetic", "dataset.size_px=96",
    "dataset.tiles={train:3,val:1,test:1}", "preset=tiny", "progress=false",
]  # fmt: skip


def composed(*words: str) -> dict:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", translate([*TINY, *words])), resolve=True)
    method = scheduled(config["method"], config["schedule"], words)
    return {**config, "method": method, "choices": {"method": "point_supervised"}}


def stage_of(*words: str):
    return build_method(composed(*words))


def test_both_stages_see_the_colours_that_are_named() -> None:
    assert all(isinstance(stage.colour, Reinhard) for stage in stage_of("colour=reinhard").stages)


class Clicked(Synthetic):
    """Rendered tissue whose masks nobody has drawn: reading one is an error."""

    may_offer = frozenset({Signal.IMAGE, Signal.POINTS})

    def read(self, item, signals):
        assert set(signals) <= self.may_offer, f"somebody looked at {sorted(signals)}"
        drawn = complete(super().read(item, {Signal.IMAGE, Signal.INSTANCES}), set(signals))
        return Sample(item, dict(drawn.signals), mpp=drawn.mpp, power=drawn.power)


def test_it_asks_for_points_and_nothing_dearer() -> None:
    method = stage_of()
    assert {need.signal for need in method.source_needs} == {Signal.IMAGE, Signal.POINTS}
    assert annotation_of(method.source_needs).value == "points"
    assert [stage.called for stage in method.stages] == ["spn", "ien"]


def test_no_mask_reaches_training(tmp_path: Path) -> None:
    source = Clicked(size_px=96, tiles={"train": 2, "val": 1, "test": 1})
    method = stage_of()
    item_ids = [item.id for item in source.items("train")]
    (tmp_path / "probability").mkdir()
    for item in item_ids:
        np.save(tmp_path / "probability" / f"{item}.npy", np.full((96, 96), 0.7, np.float16))
    expected = {"spn": {Signal.IMAGE, Signal.LABELS}, "ien": {Signal.IMAGE, Signal.LABELS, Signal.INSTANCES}}
    for stage in method.stages:
        left = {Signal.PROBABILITY: tmp_path / "probability"} if stage.called == "ien" else {}
        training = TrainingSet(
            {Role.MAIN: source},
            stage.needs,
            {Role.MAIN: Pipeline(stage.augment, 64)},
            seed=0,
            stage="",
            labeller=stage.labels,
            left=left,
        )
        batch = training[0][Role.MAIN]
        assert set(batch) == expected[stage.called]
        # Pseudo-instances are of the map that was left: 0.7 everywhere, so all but edges is nucleus.
        if stage.called == "ien":
            assert (batch[Signal.INSTANCES] > 0).float().mean() > 0.5


def test_a_training_on_points_alone_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY]) == 0
    (run,) = (tmp_path / "runs" / "default").iterdir()
    assert {p.name for p in (run / "checkpoints").iterdir()} == {
        "best.ckpt", "last.ckpt", "spn-best.ckpt", "spn-last.ckpt"
    }  # fmt: skip
    image = Synthetic(size_px=96).read(Synthetic(size_px=96).items("test")[0], {Signal.IMAGE})[Signal.IMAGE]
    segmenter = load(run)
    maps = segmenter.maps(image)
    assert set(maps) == {"foreground", "embedding"}
    assert maps["foreground"].shape == (96, 96)
    assert segmenter.segment(image).shape == (96, 96)

    # The method's one checkpoint holds the SPN that was chosen, not one that went on changing.
    whole = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    spn = torch.load(run / "checkpoints" / "spn-best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(whole[f"before.{name}"], value) for name, value in spn.items())
    stages = [line.split(",")[0] for line in (run / "metrics.csv").read_text().splitlines()[1:]]
    assert stages == ["spn", "spn", "ien", "ien"]


def test_the_stages_one_by_one_give_the_weights_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, "study=whole"]) == 0
    assert main(["train", *TINY, "stage=spn", "study=spn"]) == 0
    (spn,) = (tmp_path / "runs" / "spn").iterdir()
    assert main(["train", *TINY, "stage=ien", f"spn={spn}", "study=ien"]) == 0
    (whole,) = (tmp_path / "runs" / "whole").iterdir()
    (ien,) = (tmp_path / "runs" / "ien").iterdir()
    a, b = (
        torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for run in (whole, ien)
    )
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert yaml.safe_load((spn / "config.yaml").read_text())["method"]["_target_"].endswith("spn.SPN")
    assert main(["evaluate", f"run={spn}"]) == 0  # the SPN alone is a run like any other

    scored = (spn / "scores.csv").read_bytes()
    assert main(["evaluate", f"run={spn}", "postprocess=spn_watershed", "study=parted"]) == 0
    (parted,) = (tmp_path / "runs" / "parted").iterdir()
    assert "spn-spn_watershed-synthetic" in parted.name
    assert (parted / "scores.csv").is_file()
    assert (spn / "scores.csv").read_bytes() == scored
    shutil.rmtree(spn)  # it stands on its own
    assert load(parted).chain.spec["instances"]["step"] == "watershed"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stage=ein"], "ien"),
        (["stage=ien"], "spn=runs/"),
        (["stage=ien", "spn=nowhere"], "no run directory nowhere"),
        (["stage=spn", "spn=SPN"], "leave spn= out"),
        (["method.spn.ema=1"], "ema"),
        (["method.spn.refresh=0.5"], "ema"),
        (["method.spn.point_weight=-1"], "point_weight"),
        (["method.dimensions=0"], "dimensions"),
        (["method.spn.labels=null"], "labels"),
        (["method.spn.selection=foo"], "selection='foo' is no score"),
        (["method.mean=[0.5,0.5,0.5]"], "mean and std"),
        (["stage=ien", "dataset.power=20", "spn=SPN"], "µm/px"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "SPN" in words[-1]:
        assert main(["train", *TINY, "stage=spn"]) == 0
        (spn,) = (tmp_path / "runs" / "default").iterdir()
        words = [word.replace("=SPN", f"={spn}") for word in words]
    capsys.readouterr()
    assert main(["train", *TINY, *words]) == 2
    assert says in capsys.readouterr().err


def test_a_stage_that_has_learnt_from_images_that_judge_it_is_refused(tmp_path: Path) -> None:
    class Later(Clicked):
        """What was trained on is validated on."""

        def items(self, part):
            return super().items({"val": "train", "train": "val"}.get(part, part))

    sizes = {"size_px": 96, "tiles": {"train": 2, "val": 2, "test": 1}}
    run = Run.create(tmp_path, "s", "spn", {"mpp": None}, [], {"main": describe(Clicked(**sizes))})
    Given(runs={"spn": run}).refuse_misfit(Clicked(**sizes), None)
    with pytest.raises(UserError, match="has learnt from train-0000"):
        Given(runs={"spn": run}).refuse_misfit(Later(**sizes), None)


def test_a_method_of_one_stage_has_no_stages_to_choose(capsys: pytest.CaptureFixture) -> None:
    assert main(["train", "method=supervised", "preset=tiny", "stage=spn"]) == 2
    assert "leave stage= out" in capsys.readouterr().err


def test_the_averaged_network_labels_what_is_ignored_and_takes_back_what_it_denies() -> None:
    spn = stage_of("method.spn.ema=0.5", "method.spn.refresh=0").stages[0]

    class Sure(torch.nn.Module):
        def forward(self, images):
            logit = torch.tensor([-9.0, 9.0, 9.0, -9.0, 0.0]).view(1, 1, 1, 5)
            return torch.cat([-logit, logit], dim=1)

    spn.averaged = Sure()
    labels = torch.tensor([[[[0, 1], [IGNORE, IGNORE], [0, 0], [1, 1], [IGNORE, IGNORE]]]], dtype=torch.uint8)
    refreshed = spn._refreshed(torch.zeros(1, 3, 1, 5), labels)
    # sure of background where it says nucleus; sure of nucleus where it says nothing; against both; unsure
    assert refreshed[..., 1].flatten().tolist() == [IGNORE, 1, IGNORE, IGNORE, IGNORE]
    assert torch.equal(refreshed[..., 0], labels[..., 0])  # where the points are is no matter of belief


def test_the_parameters_of_the_paper() -> None:
    method = stage_of("schedule.width=64")
    assert sum(p.numel() for p in method.network.parameters()) == 24_416_642
    assert sum(p.numel() for p in method.before.network.parameters()) == 24_415_714


class Pictures(Clicked):
    """Tissue that nobody has clicked in."""

    may_offer = frozenset({Signal.IMAGE})


def test_a_source_without_points_is_refused() -> None:
    with pytest.raises(UserError, match="needs points from its main source"):
        check_fit(composed(), stage_of().source_needs, {Role.MAIN: Pictures(size_px=96)})
