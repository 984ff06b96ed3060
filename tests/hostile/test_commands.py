"""What others hand on (runs, models, results) runs nothing, and writes nothing outside of the output."""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from layouts import write_folder, write_multiorgan

from maskless import loading
from maskless.errors import UserError
from maskless.model_file import Header, write_model
from maskless.pretrained.worker import Worker

OF_A_RUN = {
    "predict": ["predict", "run={run}", "input={images}", "output=out"],
    "evaluate": ["evaluate", "run={run}"],
    "resume": ["train", "resume={run}"],
    "export": ["export", "run={run}", "output=model.safetensors"],
}


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    return write_folder(tmp_path_factory.mktemp("given"), ["a"], labelled=False) / "images"


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    return shutil.copytree(trained, tmp_path / "runs" / "copied")


@pytest.fixture
def refused(refusal, copied, images):
    """The sentence of a command of `OF_A_RUN` on the copied run, with further words."""
    return lambda command, *more: refusal(
        *(word.format(run=copied, images=images) for word in OF_A_RUN[command]), *more
    )


def edit(run: Path, **changes: object) -> None:
    file = run / "config.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changes}, sort_keys=False))


# -- nothing is run ------------------------------------------------------------------------------------------


def process(folder: Path) -> dict[str, object]:
    """A class of maskless that starts a process, with a file that the run brings along to be run in it."""
    evil = folder / "evil.py"
    evil.write_text(f"open({str(folder / 'mark')!r}, 'w')\n")
    target = "maskless.pretrained.worker.Worker"
    return {"_target_": target, "what": "x", "python": sys.executable, "adapter": str(evil), "settings": {}}


def test_the_process_would_have_left_its_mark(tmp_path):
    spec = process(tmp_path)
    with pytest.raises(UserError):  # once the file was run
        Worker(**{key: value for key, value in spec.items() if key != "_target_"})
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("command", OF_A_RUN)
def test_no_process_is_started_from_within_a_method(refused, copied, tmp_path, command):
    method = yaml.safe_load((copied / "config.yaml").read_text())["method"]
    edit(copied, method={**method, "labels": process(tmp_path)})
    assert "nothing that it can be made of" in refused(command)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("target", ["os.system", "builtins.open", "maskless.writers.compression.GrowingFile"])
def test_what_a_stored_source_names_is_not_called(refused, copied, tmp_path, target):
    mark = tmp_path / "mark"
    edit(copied, dataset={"_target_": target, "file": str(mark), "mode": "w"}, trust=["os", "builtins"])
    assert refused("evaluate").startswith(f"the configuration names '{target}'")
    assert refused("resume").startswith(f"the configuration names '{target}'")
    assert not mark.exists()


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("target", ["os.system", "builtins.open", "maskless.runs.Run"])
def test_what_a_model_names_is_not_called(refusal, images, tmp_path, command, target):
    model = tmp_path / "evil.safetensors"
    write_model(model, Header("evil", {"_target_": target, "file": "mark"}, None, (), "none", "MIT"), {})
    words = [f"input={images}", "output=out"] if command == "predict" else ["dataset=synthetic"]
    assert "the configuration names" in refusal(command, f"model={model}", *words)


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_weights_for_other_packages_need_trust(refused, copied, command):
    method = {
        "_target_": "maskless.methods.pretrained.Pretrained",
        "model": "instanseg_he",
        "mpp": 0.5,
        "weights": str(copied / "evil.pt"),
    }
    edit(copied, method=method)
    assert "allow it with trust=[pretrained]" in refused(command)
    assert "trust=[pretrained]" not in refused(command, "trust=[pretrained]")  # but that there are none


def test_a_packed_checkpoint_is_not_unpacked(refused, copied):
    best = copied / "checkpoints" / "best.ckpt"
    with zipfile.ZipFile(best) as old, zipfile.ZipFile(copied / "new", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    (copied / "new").replace(best)
    assert "is damaged, or holds more than weights" in refused("predict")


def test_a_few_lines_that_stand_for_more_than_any_memory_holds(refused, copied):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
    (copied / "config.yaml").write_text("\n".join(lines))
    for command in OF_A_RUN:
        assert "unfolds to more values than any configuration has" in refused(command)


def test_what_a_training_began_from_is_neither_downloaded_nor_looked_for(monkeypatch):
    monkeypatch.setattr(loading, "build_stage", lambda spec, trust: spec)
    spec = {"encoder_weights": "imagenet", "before": {"encoder_weights": "/home/me/x.pth", "width": 8}}
    built = loading.stored_stage(spec, "runs/theirs")
    assert built == {"encoder_weights": None, "before": {"encoder_weights": None, "width": 8}}


# -- nothing is written outside ------------------------------------------------------------------------------


def test_the_name_of_a_source_leads_nowhere(refused, copied, tmp_path, cli):
    folder = write_folder(tmp_path / "mine", ["a", "b", "c", "d", "e", "f"])
    words = ["dataset=folder", f"dataset.path={folder}"]
    assert cli("evaluate", f"run={copied}", *words, "part=test").code == 0
    scored = copied / "scored.json"
    (described,) = json.loads(scored.read_text()).values()
    scored.write_text(json.dumps({"../../../escaped": described}))
    assert "is no name of a folder" in refused("evaluate", *words, "part=test")
    assert not (tmp_path / "escaped").exists()


def test_the_study_of_a_run_leads_nowhere(refused, copied, tmp_path):
    about = json.loads((copied / "run.json").read_text())
    for study in ("../escaped", str(tmp_path / "escaped")):
        (copied / "run.json").write_text(json.dumps({**about, "study": study}))
        assert "leads out of runs" in refused("evaluate", "postprocess=boundary_smooth", "runs_dir=runs")
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("name", ["predictions", "log.txt", "checkpoints", "figures", "wandb", "tensorboard"])
@pytest.mark.parametrize("command", ["evaluate", "resume"])
def test_links_in_a_run_lead_nowhere(refused, copied, tmp_path, command, name):
    outside = tmp_path / "outside"
    if name == "checkpoints":
        (copied / name).rename(outside)
    elif name == "log.txt":
        outside.touch()
    else:
        outside.mkdir()
    if (copied / name).is_dir():
        shutil.rmtree(copied / name)
    (copied / name).unlink(missing_ok=True)
    (copied / name).symlink_to(outside)
    before = sorted((file, file.stat().st_mtime_ns) for file in tmp_path.glob("outside/*"))
    assert "leads out of" in refused(command)
    assert sorted((file, file.stat().st_mtime_ns) for file in tmp_path.glob("outside/*")) == before
    assert outside.is_dir() or not outside.stat().st_size


def test_the_record_of_a_prediction_leads_nowhere(images, tmp_path, cli):
    secret, out = tmp_path / "secret.txt", tmp_path / "out"
    secret.write_text("mine alone")
    words = ["predict", "method=threshold", f"input={images}", f"output={out}", "progress=false"]
    assert cli(*words, "formats=[csv]").code == 0
    record = out / ".maskless" / "a.json"
    stored = json.loads(record.read_text())
    files = {kind: ["../secret.txt", len("mine alone")] for kind in ("csv", "lyon19")}
    record.write_text(json.dumps({**stored, "files": files}))
    # It would have been taken for a list of cells, and then removed for one of another setting.
    (out / "a.csv").unlink()
    for more in ("formats=[csv]", "mpp=0.5"):
        assert cli(*words, more).code == 0
        record.write_text(json.dumps({**json.loads(record.read_text()), "files": files}))
        (out / "a.csv").unlink()
    assert secret.read_text() == "mine alone"
    assert not (out / "lyon19.csv").exists()


def test_the_name_of_a_model_leads_nowhere(floor, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    method = yaml.safe_load((floor / "config.yaml").read_text())["method"]
    header = Header("../../../escaped\0/x", method, None, (), "none", "MIT")
    write_model(tmp_path / "evil.safetensors", header, {"x": torch.zeros(1)})
    tiles = ["dataset.size_px=64", "dataset.tiles={train: 1, val: 1, test: 1}"]
    words = ["evaluate", "model=evil.safetensors", "dataset=synthetic", *tiles, "runs_dir=runs"]
    assert "does not fit" in cli(*words).err  # for the floor has no weights
    write_model(tmp_path / "evil.safetensors", header, {})
    assert cli(*words).code == 0
    assert {file.name for file in tmp_path.iterdir()} == {"evil.safetensors", "runs"}


def test_a_list_of_images_leads_nowhere(refusal, tmp_path):
    source = write_multiorgan(tmp_path / "multiorgan")
    (tmp_path / "secret.png").write_bytes((next((source / "images").iterdir())).read_bytes())
    listed = json.loads((source / "train_val_test.json").read_text())
    listed["train"] = ["../../secret.png", "/etc/passwd"]
    (source / "train_val_test.json").write_text(json.dumps(listed))
    said = refusal("evaluate", "method=threshold", "dataset=multiorgan", f"dataset.path={source}")
    assert "secret" in said
    assert "cannot be used" in said
