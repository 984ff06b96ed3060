"""A stored run that is none, is broken or is hostile: one sentence, exit code 2, nothing run or written."""

import io
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from layouts import write_folder

OF_A_RUN = {
    "predict": ["predict", "run={run}", "input={images}", "output=out"],
    "evaluate": ["evaluate", "run={run}"],
    "resume": ["train", "resume={run}"],
}


@pytest.fixture
def with_run(refusal, tmp_path_factory):
    """A command of `OF_A_RUN` on a run, with further words."""
    images = write_folder(tmp_path_factory.mktemp("images"), ["a"], labelled=False) / "images"

    def run(command: str, path: Path, *more: str) -> str:
        return refusal(*(word.format(run=path, images=images) for word in OF_A_RUN[command]), *more)

    return run


@pytest.mark.parametrize("command", OF_A_RUN)
def test_what_is_no_run(with_run, tmp_path, command):
    file = tmp_path / "file"
    file.touch()
    assert with_run(command, tmp_path / "none").startswith(f"there is no run directory {tmp_path / 'none'}")
    assert with_run(command, file).startswith(f"{file} is a file and no run directory: a model file is given")
    assert with_run(command, tmp_path).startswith(f"{tmp_path} is no run directory: it has no config.yaml")


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    return shutil.copytree(trained, tmp_path / "copied")


@pytest.fixture
def mark(tmp_path) -> Path:
    """A file that hostile code would make."""
    return tmp_path / "mark"


class Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def broken(what: str, good: bytes, mark: Path) -> bytes:
    return {
        "empty": b"",
        "cut short": good[: len(good) // 2],
        "text": b"not a checkpoint",
        "a pickle": pickle.dumps({"state_dict": Hostile(mark)}, protocol=2),
        "hostile": saved({"state_dict": {"a": Hostile(mark)}}),
        "something else": saved([1, 2]),
        "no weights": saved({"weights": {}}),
    }[what]


@pytest.mark.parametrize("command", OF_A_RUN)
@pytest.mark.parametrize(
    "what", ["empty", "cut short", "text", "a pickle", "hostile", "something else", "no weights"]
)
def test_checkpoints_that_are_none(with_run, copied, mark, command, what):
    before = (copied / "state.json").read_bytes()
    for file in (copied / "checkpoints").iterdir():
        file.write_bytes(broken(what, file.read_bytes(), mark))
    said = with_run(command, copied)
    assert said.startswith(f"the checkpoint {copied}/checkpoints/")
    assert not mark.exists()
    assert (copied / "state.json").read_bytes() == before


def test_the_hostile_checkpoint_would_have_struck(mark):
    pickle.loads(broken("a pickle", b"", mark))
    assert mark.exists()


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_run_without_a_checkpoint(with_run, copied, command):
    shutil.rmtree(copied / "checkpoints")
    assert with_run(command, copied) == f"{copied} has no checkpoint yet; its state is 'finished'"


def edited(run: Path, **changes: object) -> Path:
    file = run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(config.get(key), dict) and value else value
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return run


@pytest.mark.parametrize("command", OF_A_RUN)
def test_a_stored_configuration_that_names_what_is_not_ours(with_run, copied, mark, command):
    edited(copied, method={"_target_": "os.system", "command": f"touch {mark}"})
    assert with_run(command, copied).startswith(
        "the configuration names 'os.system', which is outside maskless"
    )
    edited(copied, method={"_target_": "maskless.runs.subprocess.run", "args": ["touch", str(mark)]})
    assert with_run(command, copied).startswith("the configuration names 'maskless.runs.subprocess.run'")
    edited(
        copied,
        trust=["os", "subprocess"],
        method={"_target_": "subprocess.Popen", "args": ["touch", str(mark)]},
    )
    assert with_run(command, copied).startswith("the configuration names 'subprocess.Popen'")
    assert not mark.exists()


def test_a_source_in_a_stored_configuration_is_no_way_in_either(with_run, copied, mark):
    edited(copied, dataset={"_target_": "subprocess.Popen", "args": ["touch", str(mark)]})
    for command in ("evaluate", "resume"):
        assert with_run(command, copied).startswith("the configuration names 'subprocess.Popen'")
    assert not mark.exists()


@pytest.mark.parametrize("command", OF_A_RUN)
@pytest.mark.parametrize("text", ["", "- a", "a: [", "method: 3", "method: {}", "\x00"])
def test_stored_configurations_that_are_none(with_run, copied, command, text):
    (copied / "config.yaml").write_text(text)
    said = with_run(command, copied)
    assert (
        "config.yaml" in said
        or "the configuration's method is no method" in said
        or "cannot do without" in said
    )


def test_a_class_of_ours_that_is_no_method(with_run, copied):
    edited(copied, method=None)  # with none of its arguments
    edited(copied, method={"_target_": "maskless.data.readers.synthetic.Synthetic"})
    assert with_run("predict", copied).startswith("the configuration's method is no method")


def test_a_checkpoint_of_another_network(with_run, copied):
    edited(copied, method={"width": 16})
    for command in ("predict", "evaluate"):
        assert "does not fit the method in" in with_run(command, copied)


def test_resuming_takes_no_other_options(with_run, copied):
    for word in (
        "method.lr=1",
        "seed=3",
        "dataset=synthetic",
        "preset=tiny",
        "hardware.workers=1",
        "~method.augment",
    ):
        said = with_run("resume", copied, word)
        assert said == f"resume goes on with the run's own configuration: {word} has no effect, leave it out"


@pytest.mark.parametrize("chain", [[], ["postprocess=boundary_smooth"]])
def test_classes_by_a_map_that_a_method_does_not_give_are_refused_before_a_run_is_made(
    with_run, copied, chain
):
    said = with_run("evaluate", copied, "dataset=synthetic", "dataset.stain=ki67", "classify=masks", *chain)
    assert said.startswith("this method gives no mask of positive nuclei")


def test_classes_by_a_map_that_a_method_does_not_give_predict_nothing(with_run, copied):
    said = with_run("predict", copied, "classify=masks")
    assert said.startswith("this method gives no mask of positive nuclei")


def test_a_search_that_cannot_be_makes_no_run_of_another_chain(with_run, copied):
    words = ["postprocess=boundary_smooth", "search=postprocess", "search.parameters={none.of: [1]}"]
    assert "none.of" in with_run("evaluate", copied, *words)
