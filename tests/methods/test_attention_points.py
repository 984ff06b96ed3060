"""attention_points: magnification, then what stain agrees on; two stages, and nobody has drawn anything."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from maskless import load
from maskless.cli import main
from maskless.commands.objects import build_method
from maskless.commands.schedule import scheduled
from maskless.commands.stages import choose_stage
from maskless.commands.words import translate
from maskless.data.attention_labels import AttentionLabels
from maskless.data.readers.synthetic import Synthetic
from maskless.paths import CONF
from maskless.reinhard import Reinhard
from maskless.signals import Signal, annotation_of
from maskless.white_balance import WhiteBalance

SIDE = 96
TINY = [
    "method=attention_points", "dataset=synthetic", f"dataset.size_px={SIDE}",
    "dataset.tiles={train:3,val:1,test:1}", "preset=tiny", "progress=false",
]  # fmt: skip
DRAWN = {Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES}


def composed(*words: str, preset: str = "tiny") -> dict:
    of_tissue = [word for word in TINY if not word.startswith("preset=")]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words_of_hydra = translate([*of_tissue, f"preset={preset}", *words])
        config = OmegaConf.to_container(compose("train", words_of_hydra), resolve=True)
    method = scheduled(config["method"], config["schedule"], words)
    return {**config, "method": method, "choices": {"method": "attention_points"}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training by the command, of tissue whose training part nobody has drawn: to ask is an error."""

    def undrawn(self, item, signals, read=Synthetic.read):
        asked = set(signals)
        assert not (item in self.items("train") and asked & DRAWN), f"somebody looked at {sorted(asked)}"
        return read(self, item, signals)

    folder = tmp_path_factory.mktemp("attention_points")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Synthetic, "read", undrawn)
        assert main(["train", *TINY, "hardware.workers=0", f"runs_dir={folder}"]) == 0
    (path,) = (folder / "default").iterdir()
    return path


def test_two_stages_are_trained_and_nobody_has_drawn_anything(run: Path) -> None:
    assert {path.name for path in (run / "checkpoints").iterdir()} == {
        "best.ckpt", "last.ckpt", "attention-best.ckpt", "attention-last.ckpt"
    }  # fmt: skip
    rows = [line.split(",")[0] for line in (run / "metrics.csv").read_text().splitlines()[1:]]
    assert rows == ["attention", "attention", "spn", "spn"]
    assert json.loads((run / "run.json").read_text())["annotation"] == "none"


def test_the_spn_learns_from_the_attention_that_was_chosen(run: Path) -> None:
    whole, attention = (
        torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
        for name in ("best", "attention-best")
    )
    assert all(torch.equal(whole[f"before.{name}"], value) for name, value in attention.items())
    source = Synthetic(size_px=SIDE, tiles={"train": 3, "val": 1, "test": 1})
    chosen = load(run)
    stage = build_method(composed()).before
    stage.load_state_dict(attention)
    maps = stage.eval().segmenter(mpp=chosen.mpp)
    for item in source.items("train"):
        image = source.read(item, {Signal.IMAGE})
        (file,) = (run / "stages").rglob(f"{item.id}.npy")
        expected = maps.maps(image[Signal.IMAGE], mpp=image.mpp)["foreground"]
        np.testing.assert_allclose(np.load(file), expected, atol=0.06)  # that of the run may be of bf16


def test_a_run_segments(run: Path) -> None:
    source = Synthetic(size_px=SIDE)
    image = source.read(source.items("test")[0], {Signal.IMAGE})[Signal.IMAGE]
    segmenter = load(run)
    assert set(segmenter.maps(image)) == {"foreground"}
    assert segmenter.segment(image).shape == (SIDE, SIDE)


def test_it_asks_for_images_at_several_powers_and_no_more() -> None:
    method = build_method(composed())
    assert {need.signal for need in method.source_needs} == {Signal.IMAGE, Signal.SCALES}
    assert annotation_of(method.source_needs).value == "none"
    assert [stage.called for stage in method.stages] == ["attention", "spn"]
    assert isinstance(method.labels, AttentionLabels)
    assert method.before.labels is None


def test_the_schedule_reaches_both_stages() -> None:
    lengths = ["schedule.epochs=3", "schedule.steps=5", "schedule.batch=6"]
    method = build_method(composed(*lengths, "schedule.crop_px=96", "schedule.width=12"))
    for stage in method.stages:
        assert (stage.epochs, stage.steps, stage.batch, stage.crop_px) == (3, 5, 6, 96)
    attention, spn = method.stages
    assert spn.width == 12
    assert next(p for p in attention.f.parameters()).shape[0] == 12
    assert build_method(composed("schedule.epochs=3", "method.before.epochs=1")).before.epochs == 1


def test_what_is_quick_is_as_long_as_each_stage_needs() -> None:
    attention, spn = build_method(composed(preset="quick")).stages
    assert (attention.total_steps, attention.crop_px, attention.batch % 3) == (160, 128, 0)
    assert 200 <= spn.total_steps <= 500


def test_the_stages_one_by_one_give_the_weights_of_the_whole(run: Path, tmp_path: Path) -> None:
    words = [*TINY, "hardware.workers=0", f"runs_dir={tmp_path}"]
    assert main(["train", *words, "stage=attention", "study=attention"]) == 0
    (attention,) = (tmp_path / "attention").iterdir()
    assert attention.name.startswith("attention-synthetic-")
    assert main(["train", *words, "stage=spn", f"attention={attention}", "study=spn"]) == 0
    (spn,) = (tmp_path / "spn").iterdir()
    whole, alone, last = (
        torch.load(path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for path in (run, attention, spn)
    )
    assert all(torch.equal(whole[f"before.{name}"], value) for name, value in alone.items())
    assert whole.keys() == last.keys()
    assert all(torch.equal(whole[name], value) for name, value in last.items())


def test_the_attention_of_a_run_of_both_is_left_as_it_was_trained(run: Path) -> None:
    config = {**composed("colour=reinhard", f"attention={run}"), "trust": []}
    given = choose_stage(config)
    assert given.checkpoints == {"attention": run / "checkpoints" / "attention-best.ckpt"}
    assert config["stage"] == "spn"
    assert "colour" not in config["method"]["before"]
    assert isinstance(build_method(config).colour, Reinhard)


def test_both_stages_see_the_colours_that_are_named() -> None:
    assert all(
        isinstance(stage.colour, Reinhard) for stage in build_method(composed("colour=reinhard")).stages
    )
    assert [stage.colour for stage in build_method(composed("colour=null")).stages] == [None, None]
    own = build_method(composed("colour=reinhard", "+colour@method.before.colour=white_balance"))
    assert [type(stage.colour) for stage in own.stages] == [WhiteBalance, Reinhard]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stage=before"], "has no stage 'before'; known: attention, spn"),
        (["stage=spn"], "give attention=runs/..."),
        (["stage=attention", "attention=RUN"], "leave attention= out"),
        (["spn=RUN"], "train has no option 'spn'"),
        (["method=point_supervised", "spn=RUN"], "is no finished run of a stage spn"),
    ],
)
def test_what_cannot_be_is_one_sentence(refusal, run: Path, words: list[str], says: str) -> None:
    assert says in refusal("train", *TINY, *(word.replace("RUN", str(run)) for word in words))
