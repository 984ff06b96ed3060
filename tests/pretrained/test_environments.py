"""How an environment is made, with a stand-in for Python that writes down what it is asked."""

import sys
from pathlib import Path

import pytest
import yaml

from maskless.errors import UserError
from maskless.paths import CONF, cache_folder
from maskless.pretrained.catalogue import MODELS, environment
from maskless.pretrained.environments import Environment

PYTHON = """#!/bin/sh
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit; fi
for word in "$@"; do [ "$word" = no-such-package ] && exit 7; done
echo "$@" >> {said}
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What pip was asked, a line a call."""
    python = tmp_path / "python"
    python.write_text(PYTHON.format(said=tmp_path / "said"))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("MASKLESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "said"


def test_it_is_installed_when_pip_has_done_every_step(said: Path) -> None:
    made = Environment("stars", (("one==1", "two"), ("--no-deps", "three")))
    assert not made.installed
    made.install()
    assert made.installed
    pip = "-I -m pip install --disable-pip-version-check"
    assert said.read_text().splitlines() == [f"{pip} one==1 two", f"{pip} --no-deps three"]


def test_other_packages_or_a_lost_interpreter_are_not_installed(said: Path) -> None:
    made = Environment("stars", (("one==1",),))
    made.install()
    assert not Environment("stars", (("one==2",),)).installed
    made.python.unlink()
    assert not made.installed


def test_what_pip_cannot_install_leaves_nothing(said: Path) -> None:
    Environment("stars", (("one",),)).install()
    failing = Environment("stars", (("one",), ("no-such-package",)))
    with pytest.raises(
        UserError,
        match=r"no-such-package` has ended with 7",
    ):
        failing.install()
    assert not failing.folder.exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLESS_CACHE", str(said.parent / "python" / "cache"))  # below a file
    with pytest.raises(UserError, match="cannot be made: Not a directory"):
        Environment("stars", ()).install()


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MASKLESS_CACHE", "/mine")
    assert cache_folder() == Path("/mine")
    monkeypatch.delenv("MASKLESS_CACHE")
    assert cache_folder() == tmp_path / "maskless"


def test_every_model_is_a_method_with_an_adapter() -> None:
    for name, model in MODELS.items():
        settings = yaml.safe_load((CONF / "method" / f"{name}.yaml").read_text())
        assert settings["model"] == name
        assert settings["trained_on"]
        assert 0.1 <= settings["mpp"] <= 1
        assert model.path.is_file()


def test_the_command_lists_what_there_is_and_what_is_missing(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MASKLESS_CACHE", str(tmp_path))
    done = cli("pretrained")
    assert done.code == 0
    for name in MODELS:
        assert f"method={name}: " in done.out
    assert "packages: not installed: maskless pretrained install=stardist" in done.out
    weights = tmp_path / "pretrained" / "weights" / "cpsam"
    assert f"weights: missing, expected at {weights}: get cpsam from " in done.out
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    assert f"weights: there, at {weights}" in cli("pretrained").out


def test_the_command_installs_what_a_model_needs(cli, said: Path) -> None:
    done = cli("pretrained", "install=hovernet")
    assert done.code == 0
    assert environment("hovernet").installed
    assert "hovernet_pannuke: missing, expected at " in done.out
    assert said.read_text().split()[-1].startswith("tiatoolbox==")


def test_what_cannot_be_installed_is_a_sentence(refusal) -> None:
    assert refusal("pretrained", "install=star").startswith(
        "there is no pretrained model 'star'; did you mean 'stardist'"
    )
    assert refusal("pretrained", "install=instanseg") == (
        "instanseg runs beside maskless, in no environment of its own: pip install 'maskless[instanseg]'"
    )
