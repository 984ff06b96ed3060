"""A trained run as one file: the same nuclei, nothing that runs, and a sentence for what is no model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

import maskless
from maskless.commands.predict_said import introduced
from maskless.data.synthetic import render
from maskless.errors import UserError
from maskless.loading import without_beginnings
from maskless.model_file import Header, halved, read_header, read_weights, write_model
from maskless.runs import Run


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory) -> Path:
    """The run of the other tests, exported by the command."""
    from maskless.cli import main

    file = tmp_path_factory.mktemp("model, [ä]") / "tiny.safetensors"
    assert (
        main(["export", f"run={trained}", f"output={file}", "about=[It is tiny.,It has seen nothing.]"]) == 0
    )
    return file


def test_a_model_finds_what_its_run_finds(model, trained):
    image = render(5, 0, size_px=192).image
    of_run, of_model = (maskless.load(path).maps(image, mpp=0.25) for path in (trained, model))
    for name, values in of_run.items():
        np.testing.assert_array_equal(of_model[name], values)
    labels = maskless.load(model).segment(image, mpp=0.25)
    np.testing.assert_array_equal(labels, maskless.load(trained).segment(image, mpp=0.25))


def test_half_the_size_finds_nearly_the_same(model, trained, tmp_path, cli):
    file = tmp_path / "half.safetensors"
    assert cli("export", f"run={trained}", f"output={file}", "half=true").code == 0
    assert file.stat().st_size < 0.6 * model.stat().st_size
    image = render(5, 0, size_px=192).image
    for name, values in maskless.load(trained).maps(image, mpp=0.25).items():
        np.testing.assert_allclose(maskless.load(file).maps(image, mpp=0.25)[name], values, atol=0.02)


def test_a_model_says_what_it_is(model, trained):
    header = read_header(model)
    assert header.name == "tiny"
    assert header.about == ("It is tiny.", "It has seen nothing.")
    assert header.trained_on == ("synthetic",)
    assert header.annotation == "none"
    assert header.mpp == Run.open(trained).config["mpp"] == 0.25
    assert "Apache" in header.licence


def test_weights_come_back_as_they_were_or_to_16_bits(tmp_path):
    weights = {"a": torch.linspace(-3, 3, 1001), "steps": torch.tensor(7)}
    header = Header("x", {}, None, (), "none", "MIT")
    write_model(tmp_path / "x.safetensors", header, weights)
    assert torch.equal(read_weights(tmp_path / "x.safetensors")["a"], weights["a"])
    write_model(tmp_path / "x.safetensors", header, halved(weights))
    back = read_weights(tmp_path / "x.safetensors")
    assert back["a"].dtype == torch.float32
    assert back["steps"] == 7
    torch.testing.assert_close(back["a"], weights["a"], rtol=5e-4, atol=1e-6)
    assert read_header(tmp_path / "x.safetensors") == header


def test_weights_that_16_bits_cannot_hold_are_refused():
    with pytest.raises(UserError, match="do not fit into 16 bits"):
        halved({"a": torch.tensor([1e9])})


def test_what_is_no_model_is_said_in_a_sentence(model, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(model.read_bytes()[:-100])
    text = tmp_path / "text.safetensors"
    text.write_text("not a model")
    bare = tmp_path / "bare.safetensors"
    save_file({"a": torch.zeros(2)}, bare)
    newer = tmp_path / "newer.safetensors"
    save_file({"a": torch.zeros(2)}, newer, metadata={"maskless": json.dumps({"format": 99})})
    before = tmp_path / "before.safetensors"
    save_file({"a": torch.zeros(2)}, before, metadata={"maskless": json.dumps({"format": 0})})
    broken = tmp_path / "broken.safetensors"
    save_file({"a": torch.zeros(2)}, broken, metadata={"maskless": json.dumps({"format": 1, "colour": 3})})
    said = {cut: "damaged", text: "damaged", bare: "no model of maskless", newer: "install a newer maskless"}
    said |= {before: "has format 0, and this maskless reads 1 to 2: export it again from its run"}
    said |= {broken: "cannot be read", tmp_path / "none.safetensors": "there is no model file"}
    for file, sentence in said.items():
        with pytest.raises(UserError, match=sentence):
            maskless.load(file)


def test_weights_of_another_network_are_refused(model, tmp_path):
    header = read_header(model)
    write_model(tmp_path / "x.safetensors", header, {"a": torch.zeros(2)})
    with pytest.raises(UserError, match="does not fit the method"):
        maskless.load(tmp_path / "x.safetensors")


def test_a_model_cannot_name_what_is_outside_maskless(model, tmp_path):
    header = read_header(model)
    hostile = Header(**{**vars(header), "method": {"_target_": "subprocess.Popen", "args": ["touch", "x"]}})
    write_model(tmp_path / "x.safetensors", hostile, read_weights(model))
    with pytest.raises(UserError, match="outside maskless"):
        maskless.load(tmp_path / "x.safetensors")


def test_a_model_is_scored_as_what_it_is(model, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["dataset=synthetic", "dataset.tiles={test:1}", "progress=false"]
    done = cli("evaluate", f"model={model}", *words)
    assert done.code == 0, done.err
    (path,) = (tmp_path / "runs" / "default").iterdir()
    run = Run.open(path)
    assert path.name.startswith("tiny-synthetic-0")
    assert run.about["annotation"] == "none"
    assert run.config["method"]["trained_on"] == ["synthetic"]
    image = render(0, 2 * 2**20, size_px=64).image
    np.testing.assert_array_equal(
        maskless.load(path).segment(image, mpp=0.25), maskless.load(model).segment(image, mpp=0.25)
    )


def test_a_scored_model_stays_what_it_was_at_another_scale(model, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["dataset=synthetic", "dataset.power=20", "dataset.tiles={test:1}", "progress=false"]
    assert cli("evaluate", f"model={model}", *words).code == 0
    (path,) = (tmp_path / "runs" / "default").iterdir()
    run = Run.open(path)
    assert run.config["mpp"] == maskless.load(path).mpp == maskless.load(model).mpp == 0.25
    scores = run.scores
    assert cli("evaluate", f"run={path}").code == 0
    assert run.scores == scores
    done = cli("export", f"run={path}", "output=again.safetensors")
    assert done.code == 2
    assert "has only scored the model" in done.err


def test_what_was_only_scored_on_was_not_learnt_from(model, tmp_path, cli, monkeypatch):
    from maskless.report.results import read_result

    monkeypatch.chdir(tmp_path)
    assert cli("evaluate", f"model={model}", "dataset=synthetic", "dataset.tiles={test:1,val:1}").code == 0
    (path,) = (tmp_path / "runs" / "default").iterdir()
    result = read_result(Run.open(path))
    assert (result.learnt_from, result.chosen_on, result.patients) == ("", frozenset(), frozenset())
    assert result.trained_on == {"synthetic"}


def test_an_export_tells_all_that_was_learnt_from(trained, tmp_path, cli):
    run = shutil.copytree(trained, tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["method"]["trained_on"] = ["monuseg"]
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    data = json.loads((run / "data.json").read_text())
    (about,) = data.values()
    about["cases"] = {image: f"TCGA-{k}" for k, image in enumerate(about["parts"]["train"])}
    (run / "data.json").write_text(json.dumps(data))
    words = [f"run={run}", f"output={tmp_path / 'x.safetensors'}", "licence=CC0", "about=One sentence."]
    assert cli("export", *words).code == 0
    header = read_header(tmp_path / "x.safetensors")
    assert header.trained_on == ("TCGA-0", "TCGA-1", "TCGA-2", "TCGA-3", "monuseg")
    assert (header.licence, header.about) == ("CC0", ("One sentence.",))
    assert maskless.loading.model_stage(tmp_path / "x.safetensors").trains


def test_an_export_names_sources_to_people_and_hides_files_and_places(trained, tmp_path, cli):
    run = shutil.copytree(trained, tmp_path / "run")
    data = json.loads((run / "data.json").read_text())
    (about,) = data.values()
    about |= {"name": "folder", "path": "/home/me/patients"}
    about["parts"]["train"] = ["Müller_1", "Müller_2"]
    about["groups"] = {"Müller_1": "Müller", "Müller_2": "Müller"}
    about["cases"] = {"Müller_1": "0123456789abcdef", "Müller_2": "00000000ffffffff"}
    (run / "data.json").write_text(json.dumps(data))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["dataset"] = {"path": "/home/me/patients"}
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    done = cli("export", f"run={run}", f"output={tmp_path / 'x.safetensors'}")
    assert "2 of the images that it has learnt from are in it by a hash of their file" in done.out
    header = read_header(tmp_path / "x.safetensors")
    assert header.trained_on == ("00000000ffffffff", "0123456789abcdef")
    assert introduced(header) == f"x: learnt from folder (2 images); licence: {header.licence}."
    written = (tmp_path / "x.safetensors").read_bytes()
    assert b"/home/me" not in written
    assert "Müller" not in json.dumps(vars(header), ensure_ascii=False)


def test_what_a_network_began_from_is_no_part_of_an_export():
    method = {"lr": 1, "encoder_weights": "/home/me/resnet.pth", "spn": {"encoder_weights": "imagenet"}}
    alone = {"lr": 1, "encoder_weights": None, "spn": {"encoder_weights": None}}
    assert without_beginnings(method) == alone


def test_a_header_of_before_there_was_learnt_from_is_read(model, tmp_path):
    header = vars(read_header(model)) | {"about": [], "format": 1}
    header.pop("learnt_from")
    save_file({"a": torch.zeros(2)}, tmp_path / "x.safetensors", metadata={"maskless": json.dumps(header)})
    assert "learnt from synthetic;" in introduced(read_header(tmp_path / "x.safetensors"))


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    "change",
    [
        {"about": [1, 2]}, {"about": "text"}, {"trained_on": "text"}, {"mpp": 250}, {"mpp": "abc"},
        {"mpp": True}, {"learnt_from": [1]}, {"method": "text"}, {"name": 3}, {"made_with": None},
    ],
)  # fmt: skip
def test_a_header_of_other_kinds_is_refused_by_its_file(model, tmp_path, change):
    header = {**vars(read_header(model)), **change}
    save_file({"a": torch.zeros(2)}, tmp_path / "x.safetensors", metadata={"maskless": json.dumps(header)})
    with pytest.raises(UserError, match=r"x\.safetensors is no model of maskless"):
        read_header(tmp_path / "x.safetensors")


def test_hostile_headers_and_weights_are_refused(model, tmp_path):
    deep = tmp_path / "deep.safetensors"
    save_file({"a": torch.zeros(2)}, deep, metadata={"maskless": nested(100_000)})
    with pytest.raises(UserError, match="no model of maskless"):
        maskless.load(deep)
    header, weights = read_header(model), read_weights(model)
    for spec, said in (
        ({"_target_": "maskless.inference.records.Records"}, "nothing that it can be made of"),
        ({**header.method, "width": 10**6}, "describes a far larger network"),
    ):
        write_model(tmp_path / "x.safetensors", Header(**{**vars(header), "method": spec}), weights)
        with pytest.raises(UserError, match=said):
            maskless.load(tmp_path / "x.safetensors")
    name = next(iter(weights))
    half = {key: value.half() for key, value in weights.items()} | {name: weights[name].half() * float("nan")}
    save_file(half, tmp_path / "nan.safetensors", metadata={"maskless": json.dumps(vars(header))})
    with pytest.raises(UserError, match="hold numbers that are none"):
        maskless.load(tmp_path / "nan.safetensors")


def test_only_a_trained_run_is_exported_and_only_as_safetensors(floor, trained, tmp_path, cli):
    done = cli("export", f"run={floor}", f"output={tmp_path / 'x.safetensors'}")
    assert done.code == 2
    assert "learnt nothing" in done.err
    done = cli("export", f"run={trained}", f"output={tmp_path / 'x.pt'}")
    assert done.code == 2
    assert "must end in .safetensors" in done.err
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_model_has_is_answered_with_those_that_are(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("evaluate", "model=rendered-hee", "dataset=synthetic")
    assert done.code == 2
    assert "there is no model" in done.err
    assert shutil.os.listdir(tmp_path) == []


def test_predict_takes_a_model_and_says_what_it_is(model, trained, tmp_path, cli):
    from PIL import Image
    from tifffile import imread

    image = render(5, 1, size_px=160).image
    Image.fromarray(image).save(tmp_path / "field.png")
    words = [f"input={tmp_path / 'field.png'}", f"output={tmp_path / 'out'}", "mpp=0.25", "progress=false"]
    done = cli("predict", f"model={model}", *words)
    assert done.code == 0, done.err
    assert "tiny: It is tiny. It has seen nothing." in done.out
    expected = maskless.load(model).segment(image, mpp=0.25)
    np.testing.assert_array_equal(imread(tmp_path / "out" / "field.tif"), expected)
    # By the run it is done again, for its weights are another file; and what is found is the same.
    assert "done before" not in cli("predict", f"run={trained}", *words).out
    np.testing.assert_array_equal(imread(tmp_path / "out" / "field.tif"), expected)
    assert "1 of 1 was done before" in cli("predict", f"run={trained}", *words).out
    assert cli("predict", f"run={trained}", f"model={model}", *words).code == 2
    assert f"a model file is given as model={model}" in cli("evaluate", f"run={model}").err
