"""A model for tests in the catalogue: an adapter of ours, run by the Python of the tests."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from maskless.pretrained import catalogue
from maskless.pretrained.catalogue import Model
from maskless.pretrained.environments import Environment

ADAPTER = Path(__file__).with_name("own_adapter.py")


class Here(Environment):
    """An environment that is there already: that of the tests."""

    python = Path(sys.executable)
    installed = True


class OwnModel(Model):
    """A model whose adapter is the tests' own."""

    path = ADAPTER


OWN = OwnModel(
    title="Darkness",
    adapter="own",
    environment=Here("own", ()),
    weights="own.bin",
    get="make it and put it there",
    stains=("H&E",),
    licence="none",
    paper="none",
)


def add_own_models(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """`own` and `clicked` in the catalogue, with weights in `folder`; the flag that makes them methods."""
    monkeypatch.setitem(catalogue.MODELS, "own", OWN)
    monkeypatch.setitem(catalogue.MODELS, "clicked", replace(OWN, clicks=True))
    (folder / "method").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"weights")
    for name in ("own", "clicked"):
        (folder / "method" / f"{name}.yaml").write_text(
            f"# {name}\n_target_: maskless.methods.pretrained.Pretrained\nmodel: {name}\nmpp: 0.5\n"
            f"trained_on: [monuseg]\nweights: {folder / 'weights.bin'}\nsettings: {{below: 140, fails: ''}}\n"
        )
    return f"--config-dir={folder}"
