"""A translation from its training to a file of labels: translator= and segmenter= on the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskless import load
from maskless.cli import main
from maskless.data.readers.synthetic import Synthetic
from maskless.loading import load_stage
from maskless.model_file import read_header, read_weights
from maskless.report.results import read_result
from maskless.runs import Run
from maskless.signals import Signal
from maskless.translated import Translated

TISSUE = ("dataset=synthetic", "dataset.size_px=96", "dataset.tiles={train: 4, val: 1, test: 2}")
TARGET = ("target=synthetic", "target.size_px=96", "target.tiles={train: 4}", "target.stain=he")
TRAIN = (
    "train", "method=translation", "preset=tiny", *TISSUE, *TARGET, "mpp=0.5", "progress=false",
)  # fmt: skip
SCORE = ("evaluate", *TISSUE, "progress=false")


def only_run(root: Path) -> Path:
    (run,) = (root / "default").iterdir()
    return run


@pytest.fixture(scope="module")
def translator(tmp_path_factory) -> Path:
    """A translation of tiny tissue, trained for a moment, that ends in nobody's segmenter."""
    root = tmp_path_factory.mktemp("translator")
    assert main([*TRAIN, f"runs_dir={root}"]) == 0
    return only_run(root)


@pytest.fixture(scope="module")
def wrapping(tmp_path_factory, translator) -> Path:
    """The same weights behind the shipped segmenter of H&E, scored."""
    root = tmp_path_factory.mktemp("wrapping")
    words = [f"translator={translator}", "segmenter=rendered-he", f"runs_dir={root}"]
    assert main([*SCORE, *words]) == 0
    return only_run(root)


def labels_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.tif")}


def image() -> np.ndarray:
    source = Synthetic(size_px=96, tiles={"test": 1})
    return source.read(source.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]


def test_a_training_ends_in_the_haematoxylin_of_its_translation(translator) -> None:
    run = Run.open(translator)
    assert run.about["annotation"] == "none"
    assert run.config["method"]["then"] is None
    assert {row["split"] for row in run.scores} == {"val"}
    assert len(run.metrics) == 2
    assert {"kept", "kept_by_all", "spread"} <= set(run.metrics[0])
    maps = load(translator).maps(image(), mpp=0.5)
    assert set(maps) == {"translated", "darkness"}
    assert maps["translated"].shape == (3, 96, 96)


def test_an_evaluation_is_a_run_of_its_own_with_all_its_weights(wrapping, translator) -> None:
    run, first, wrapped = Run.open(wrapping), load_stage(Run.open(translator)), read_weights("rendered-he")
    assert {row["split"] for row in run.scores} == {"test"}
    stage = load_stage(run)
    for name, value in first.gan.state_dict().items():
        assert torch.equal(stage.gan.state_dict()[name], value), name
    for name, value in stage.then.state_dict().items():
        assert torch.equal(wrapped[name], value), name
    assert run.config["mpp"] == 0.5
    assert run.config["method"]["then_mpp"] == read_header("rendered-he").mpp
    assert run.config["method"]["trained_on"] == ["synthetic"]
    segmenter = load(wrapping)
    assert isinstance(segmenter, Translated)
    assert (segmenter.mpp, segmenter.then.mpp, segmenter.direct) == (0.5, 0.25, 0.0)


def test_what_is_scored_is_not_learnt_from(wrapping) -> None:
    result = read_result(Run.open(wrapping))
    assert result.learnt_from == result.checkpoint == ""
    assert Run.open(wrapping).learnt_from == set()
    assert "synthetic" in result.trained_on


def test_run_and_its_parts_predict_the_same_labels(cli, tmp_path, translator, wrapping) -> None:
    Image.fromarray(image()).save(tmp_path / "field.png")
    given = (f"input={tmp_path / 'field.png'}", "mpp=0.5", "formats=[labels,steps]")
    ways = {
        "run": [f"run={wrapping}"],
        "parts": [f"translator={translator}", "segmenter=rendered-he"],
        "direct": [
            f"translator={translator}",
            "segmenter=rendered-he",
            "method=translation",
            "method.direct=0.5",
        ],
    }
    for name, words in ways.items():
        done = cli("predict", *words, *given, f"output={tmp_path / name}")
        assert done.code == 0, done.err
        assert list((tmp_path / name).glob("*steps*"))
    found = {name: labels_of(tmp_path / name) for name in ways}
    assert len(found["run"]) == 1
    assert found["run"] == found["parts"]
    assert found["run"] != found["direct"]


def test_an_exported_evaluation_is_used_alone(cli, tmp_path, wrapping) -> None:
    file = tmp_path / "translated.safetensors"
    done = cli("export", f"run={wrapping}", f"output={file}")
    assert done.code == 0, done.err
    header = read_header(file)
    assert (header.trained_on, header.learnt_from, header.licence) == (("synthetic",), (), "unknown")
    # A file keeps half the digits of each weight.
    one, other = (load(where).maps(image(), mpp=0.5)["translated"] for where in (file, wrapping))
    np.testing.assert_allclose(one, other, atol=0.02)
    one, other = (load(where).segment(image(), mpp=0.5) > 0 for where in (file, wrapping))
    assert (one == other).mean() > 0.95


def test_a_run_is_wrapped_and_its_masks_are_of_another_stain(cli, tmp_path, trained, translator) -> None:
    copied = tmp_path / "supervised"
    shutil.copytree(trained, copied)
    about = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps({**about, "annotation": "full masks"}))
    words = (f"translator={translator}", f"segmenter={copied}", f"runs_dir={tmp_path / 'runs'}")
    done = cli(*SCORE, *words)
    assert done.code == 0, done.err
    run = Run.open(only_run(tmp_path / "runs"))
    assert run.about["annotation"] == "masks of another stain"
    assert set(run.config["method"]["trained_on"]) >= Run.open(copied).learnt_from
    expected = load_stage(Run.open(copied)).state_dict()
    assert all(torch.equal(v, expected[n]) for n, v in load_stage(run).then.state_dict().items())


@pytest.mark.parametrize("segmenter", ["threshold", "{floor}"])
def test_a_method_without_training_is_wrapped(cli, tmp_path, floor, translator, segmenter) -> None:
    words = (f"translator={translator}", f"segmenter={segmenter.format(floor=floor)}")
    done = cli(*SCORE, *words, f"runs_dir={tmp_path}")
    assert done.code == 0, done.err
    run = Run.open(only_run(tmp_path))
    assert run.about["annotation"] == "none"
    assert run.config["method"]["then"]["_target_"].endswith(".Threshold")
    Image.fromarray(image()).save(tmp_path / "field.png")
    given = (f"input={tmp_path / 'field.png'}", f"output={tmp_path / 'out'}", "mpp=0.5", "formats=[labels]")
    assert cli("predict", *words, *given).code == 0


def test_a_training_with_a_segmenter_goes_on(cli, tmp_path, trained) -> None:
    done = cli(*TRAIN, f"segmenter={trained}", f"runs_dir={tmp_path}", "checkpoint_every=1")
    assert done.code == 0, done.err
    run = Run.open(only_run(tmp_path))
    expected = load_stage(Run.open(trained)).state_dict()
    weights = {n: v.clone() for n, v in load_stage(run).state_dict().items()}
    assert all(torch.equal(weights[f"then.{n}"], value) for n, value in expected.items())

    # Killed before its first checkpoint, it begins anew with the weights of what it wraps.
    run.checkpoint("last").unlink()
    run.mark("failed", why="killed")
    done = cli("train", f"resume={run.path}", "progress=false")
    assert done.code == 0, done.err
    assert all(torch.equal(weights[n], value) for n, value in load_stage(run).state_dict().items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("segmenter=rendered-hee",), "there is no segmenter 'rendered-hee'; did you mean 'rendered-he'"),
        (("segmenter={translator}",), "translates itself: give one of the target stain"),
        (
            ("segmenter=threshold", "run={translator}"),
            "evaluate takes translator= in place of run= and model=",
        ),
        (("model=rendered-ihc",), "evaluate takes translator= in place of run= and model="),
        (("method=threshold",), "translator= is for method=translation: leave method= out"),
        (("method=translation", "method.direct=0.5"), "direct=0.5 needs a segmenter"),
        (
            ("method=translation", "method.window_px=100"),
            "method.window_px=100 would change nothing: translator= and segmenter= bring their own settings",
        ),
        (
            ("method=translation", "postprocess=threshold_ihc"),
            "postprocess=threshold_ihc would change nothing",
        ),
        (("method=translation", "augment=tissue"), "augment=tissue would change nothing"),
        (("method=translation_ugatit",), "is of another method than method= says: leave method= out"),
        (("segmenter=stardist",), "the packages of stardist are not installed"),
        (("segmenter=nuclick",), "segmenter=nuclick needs more than an image"),
    ],
)
def test_what_cannot_be_put_together(refusal, tmp_path, translator, words, said) -> None:
    given = [word.format(translator=translator) for word in words]
    assert said in refusal(*SCORE, f"translator={translator}", *given, f"runs_dir={tmp_path}")
    assert not any(tmp_path.iterdir())


def test_a_training_asks_at_once_for_what_it_will_wrap(refusal, tmp_path) -> None:
    said = refusal(*TRAIN, "segmenter=stardist", f"runs_dir={tmp_path}")
    assert "the packages of stardist are not installed" in said
    assert not any(tmp_path.iterdir())


def test_what_is_no_translation(refusal, trained, translator) -> None:
    sentence = refusal(*SCORE, f"translator={trained}", "segmenter=threshold")
    assert sentence == f"translator={trained} is no run of method=translation"
    assert "there is no run directory nowhere" in refusal(*SCORE, "translator=nowhere")
    assert refusal(*SCORE, "segmenter=threshold") == (
        "segmenter= segments what translator= makes of an image: give that, too"
    )
    assert refusal("train", "method=supervised", "preset=tiny", *TISSUE, "segmenter=threshold") == (
        "segmenter= is what method=translation wraps: leave it out, or take that method"
    )


def test_its_post_processing_is_that_of_the_wrapped_one(refusal, wrapping) -> None:
    assert "leave out postprocess=" in refusal("evaluate", f"run={wrapping}", "postprocess=threshold")
    assert "search=postprocess needs" in refusal("evaluate", f"run={wrapping}", "search=postprocess")


def test_without_a_target_it_says_what_is_missing(refusal) -> None:
    sentence = refusal("train", "method=translation", "preset=tiny", *TISSUE)
    assert "needs image from a source in the target role, and none is given: add target=..." in sentence


def test_a_whole_ugatit_is_trained_and_used_on_any_image(cli, tmp_path, floor) -> None:
    words = [w.replace("translation", "translation_ugatit") for w in TRAIN]
    sizes = ("method.crop_px=96", "method.gan.size_px=96", "method.epochs=1", "method.steps=1")
    done = cli(*words, *sizes, f"segmenter={floor}", f"runs_dir={tmp_path}")
    assert done.code == 0, done.err
    run = only_run(tmp_path)
    for shape in ((96, 96), (70, 130)):
        tissue = np.resize(image(), (*shape, 3))
        assert load(run).segment(tissue, mpp=0.5).shape == shape
