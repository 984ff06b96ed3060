"""Every method that trains, exported: a file that is the run itself, and a graph that onnxruntime runs."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors import safe_open

import maskless
from maskless.commands.schedule import scheduled
from maskless.commands.translated import give_weights, store, wrap_segmenter
from maskless.commands.words import translate
from maskless.data.synthetic import render
from maskless.loading import build_stage, load_stage
from maskless.methods.stage import Stage
from maskless.model_file import FORMAT, read_header
from maskless.networks.pix2pix_unet import Pix2PixUNet
from maskless.paths import CONF
from maskless.postprocess.chain import Chain
from maskless.runs import Run
from maskless.seams import compact

METHODS = {
    "supervised": [],
    "supervised_pix2pix": [],
    "point_supervised": [],
    "spatial_prior": ["prior=synthetic"],
    "spatial_prior two masks": ["prior=synthetic", "method.masks=2", "method.ema=0.9"],
    "scale_attention": [],
    "attention_points": [],
    "translation": ["target=synthetic"],
    "translation wrapped": ["target=synthetic", "segmenter=rendered-he"],
    "translation_ugatit": ["target=synthetic"],
    "translation_ugatit light": ["target=synthetic", "method.gan.light=true"],
}


def lively(stage: Stage) -> None:
    """Weights and statistics as after a training, so that no map is the same everywhere."""
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in stage.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.copy_(0.1 * torch.randn(module.running_mean.shape, generator=draw))
                module.running_var.copy_(0.3 + torch.rand(module.running_var.shape, generator=draw))
            if isinstance(module, Pix2PixUNet):
                for weight in module.parameters():
                    weight.mul_(8 if weight.dim() > 1 else 1)


@pytest.fixture(scope="module", params=METHODS)
def run(request, tmp_path_factory) -> Run:
    """A finished run of a tiny network of a method, as `train` would have left it."""
    method = request.param.partition(" ")[0]
    words = [f"method={method}", "preset=tiny", "dataset=synthetic", *METHODS[request.param]]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", translate(words)), resolve=True)
    config["method"] = scheduled(config["method"], config["schedule"], words)
    part = wrap_segmenter(config)
    torch.manual_seed(0)
    stage = build_stage(config["method"])
    lively(stage)
    give_weights(stage, part)
    main = {"name": "synthetic", "licence": "Apache-2.0", "sha256": "0", "parts": {"train": ["a", "b"]}}
    config = {**config, "mpp": 0.25}
    made = Run.create(
        tmp_path_factory.mktemp("runs"), "s", method, config, ["maskless", "train"], {"main": main}
    )
    store(stage, made)
    made.mark("finished")
    return made


def image_of(stage: Stage, rows: int, cols: int) -> np.ndarray:
    """Tissue, uint8 (H, W, 3), of so many multiples of what a stage takes; of its one size, if it has one."""
    unit = max(stage.multiple_px, 16)
    image = render(5, 0, size_px=256).image
    return image[: stage.graph_px or rows * unit, : stage.graph_px or cols * unit]


def test_a_model_file_finds_the_very_nuclei_of_its_run(run, tmp_path, cli):
    done = cli("export", f"run={run.path}", f"output={tmp_path / 'x.safetensors'}")
    assert done.code == 0, done.err
    image = image_of(load_stage(run), 2, 3)
    of_run, of_file = (maskless.load(path) for path in (run.path, tmp_path / "x.safetensors"))
    assert of_run.mpp == of_file.mpp == 0.25
    for name, values in of_run.maps(image, mpp=0.25).items():
        np.testing.assert_array_equal(of_file.maps(image, mpp=0.25)[name], values)
        assert values.std() > 1e-4, name
    np.testing.assert_array_equal(of_file.segment(image, mpp=0.3), of_run.segment(image, mpp=0.3))
    header = read_header(tmp_path / "x.safetensors")
    assert header.format == FORMAT
    assert header.method == run.config["method"]
    assert {"_target_", "chain", "mean", "std"} <= header.method.keys()
    assert header.trained_on[-1] == "synthetic"
    assert (header.mpp, header.licence, header.learnt_from) == (0.25, "Apache-2.0", ("synthetic (2 images)",))


def test_onnxruntime_gives_the_maps_of_the_stage_at_any_size(run, tmp_path, cli):
    done = cli("export", f"run={run.path}", f"output={tmp_path / 'x.onnx'}", "format=onnx")
    assert done.code == 0, done.err
    assert "Not in the graph: the post-processing chain that makes nuclei of the maps; resampling" in done.out
    stage = load_stage(run).eval()
    about = yaml.safe_load((tmp_path / "x.onnx.yaml").read_text())
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == about["maps"]
    for size in ((2, 1), (1, 4)):
        image = image_of(stage, *size)[None].copy()
        with torch.inference_mode():
            maps = stage.maps(stage.normalise(torch.from_numpy(image)))
        for name, values in zip(about["maps"], session.run(None, {"image": image}), strict=True):
            assert values.shape == maps[name].shape
            np.testing.assert_allclose(values, maps[name].numpy(), atol=1e-4)
            assert values.std() > 1e-4, name
    assert stage.chain.needs <= {*about["maps"], "darkness"}  # which is made of a translation
    assert Chain(about["chain"]).spec == stage.chain.spec
    assert (about["mpp"], about["licence"]) == (0.25, "Apache-2.0")
    (entry,) = onnx.load(tmp_path / "x.onnx").metadata_props
    assert (entry.key, json.loads(entry.value)) == ("maskless", about)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.onnx", "x.onnx.yaml"]


def test_the_maps_of_a_graph_and_the_chain_beside_it_are_the_segmenter(trained, tmp_path, cli):
    """What a program of another language would do, of one window at the scale of the model."""
    assert cli("export", f"run={trained}", f"output={tmp_path / 'x.onnx'}", "format=onnx").code == 0
    about = yaml.safe_load((tmp_path / "x.onnx.yaml").read_text())
    assert "averaging over flips" in about["not_inside"]
    image = render(5, 0, size_px=128).image
    (foreground, boundary) = onnxruntime.InferenceSession(tmp_path / "x.onnx").run(
        None, {"image": image[None]}
    )
    found = Chain(about["chain"])({"foreground": foreground[0], "boundary": boundary[0]})
    stage = load_stage(Run.open(trained)).eval()
    stage.average = "none"
    np.testing.assert_array_equal(compact(found), stage.segmenter(mpp=0.25).segment(image, mpp=0.25))


def test_an_older_file_loads_and_finds_what_it_found():
    """Written by a maskless of format 1, whose files had weights of 16 bits."""
    file = Path(__file__).parent / "files" / "format-1.safetensors"
    with safe_open(file, framework="pt") as stored:
        assert json.loads(stored.metadata()["maskless"])["format"] == 1
    header = read_header(file)
    assert (header.name, header.format, header.mpp) == ("older", FORMAT, 0.25)
    foreground = maskless.load(file).maps(render(5, 0, size_px=128).image, mpp=0.25)["foreground"]
    found = [foreground.mean(), foreground[10, 10], foreground[64, 64], foreground[100, 30]]
    assert found == pytest.approx([0.9075, 0.8808, 0.8539, 0.9674], abs=0.005)


def test_a_graph_that_differs_is_not_written(trained, tmp_path, cli, monkeypatch):
    class Wrong:
        def __init__(self, *_, **__):
            pass

        def run(self, _, images):
            shape = images["image"].shape[:3]
            return [np.full(shape, 0.5, np.float32), np.full(shape, 0.5, np.float32)]

    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Wrong))
    done = cli("export", f"run={trained}", f"output={tmp_path / 'x.onnx'}", "format=onnx")
    assert done.code == 2
    assert "onnxruntime's maps of Supervised differ from ours by" in done.err
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_said(trained, refusal, monkeypatch):
    assert "did you mean 'onnx'" in refusal("export", f"run={trained}", "output=x.onnx", "format=onn")
    said = refusal("export", f"run={trained}", "output=x.onnx")
    assert "output=x.onnx must end in .safetensors with format=safetensors" in said
    said = refusal("export", f"run={trained}", "output=x.onnx", "format=onnx", "half=true")
    assert "half=true is for format=safetensors" in said
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    said = refusal("export", f"run={trained}", "output=x.onnx", "format=onnx")
    assert said == "format=onnx needs onnxruntime: pip install 'maskless[onnx]'"
