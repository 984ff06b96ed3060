import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from maskless.build import build, resolve
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.hardware import Hardware

SYNTHETIC = "maskless.data.readers.synthetic.Synthetic"


def test_plain_values_are_returned_and_mappings_with_a_target_are_built():
    spec = {"a": [1, {"_target_": SYNTHETIC, "size_px": 64}], "b": None, "c": {"d": "e"}}
    built = build(spec)
    assert isinstance(built["a"][1], Synthetic)
    assert built["a"][1].size_px == 64
    assert (built["a"][0], built["b"], built["c"]) == (1, None, {"d": "e"})


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.open",
        "builtins.eval",
        "subprocess.Popen",
        "torch.load",
        "posix.system",
        "masklessly.Thing",
        "maskless_.Thing",
        "open",
        "",
        None,
        # What modules of maskless import is not theirs.
        "maskless.runs.subprocess.run",
        "maskless.runs.subprocess",
        "maskless.runs.Path",
        "maskless.runs.os",
        "maskless.build.import_module",
        "maskless.data.fingerprint.hashlib.sha256",
        # Ours, but no class: a function could be handed words of the configuration's choosing.
        "maskless.cli.main",
        "maskless.build.build",
        "maskless.atomic.write_atomically",
        "maskless.runs.Run.create",
        "maskless.runs.Run.path",
        "maskless.provenance.PACKAGES",
        "maskless.runs",
        "maskless",
        # Ours, and a class, but one that starts a process, or opens a file to write.
        "maskless.pretrained.worker.Worker",
        "maskless.writers.compression.GrowingFile",
        "maskless.runs.Run",
        "maskless.nothing.There",
        "maskless.runs.NotThere",
        "maskless..runs.Run",
        ".maskless.runs.Run",
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_other_targets_are_refused(target, nested):
    spec: Any = {"_target_": target}
    with pytest.raises(UserError, match="the configuration names"):
        build({"_target_": SYNTHETIC, "tiles": {"train": spec}} if nested else spec)


@pytest.mark.parametrize("module", ["hostile", "maskless_hostile", "masklesshostile"])
def test_a_refused_target_is_not_even_imported(tmp_path, monkeypatch, module):
    (tmp_path / f"{module}.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=rf"trust=\[{module}\]"):
        build({"_target_": f"{module}.Thing"})
    assert module not in sys.modules


def test_trust_opens_one_module_and_what_is_its_own(tmp_path, monkeypatch):
    (tmp_path / "mine_alone.py").write_text(
        "from subprocess import Popen\n"
        "class Thing:\n    def __init__(self, a=1): self.a = a\n"
        "def make(): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert build({"_target_": "mine_alone.Thing", "a": 2}, ["mine_alone"]).a == 2
    for target in ("mine_alone.Popen", "mine_alone.make", "mine_alones.Thing", "os.system"):
        with pytest.raises(UserError):
            resolve(target, ["mine_alone"])


def test_a_trusted_module_that_is_not_there_says_how_to_find_it():
    with pytest.raises(UserError, match="--config-dir"):
        build({"_target_": "nowhere_to_be_found.Thing"}, ["nowhere_to_be_found"])


class Base:
    def __init__(self, lr: float, chain: dict[str, int] | None = None) -> None:
        self.lr, self.chain = lr, chain


class Derived(Base):
    def __init__(self, width_px: int, how: Literal["a", "b"] = "a", **base: Any) -> None:
        super().__init__(**base)
        self.width_px, self.how = width_px, how


class OfPath:
    def __init__(self, path: Path) -> None:
        self.path = path


class Greedy:
    def __init__(self, **anything: Any) -> None:
        self.anything = anything


HERE = __name__


def make(kind: type, **arguments: Any) -> Any:
    return build({"_target_": f"{HERE}.{kind.__name__}", **arguments}, [HERE])


def test_arguments_of_bases_are_known_where_keywords_are_handed_on():
    made = make(Derived, width_px=3, lr=1, chain={"a": 1})
    assert (made.width_px, made.lr, made.chain) == (3, 1, {"a": 1})
    assert make(Greedy, any=3).anything == {"any": 3}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"width_px": 3, "lr": 1, "widht": 3}, "Derived takes no 'widht'; did you mean 'width_px'?"),
        ({"width_px": 3, "lr": "fast"}, "Derived's lr must be a number, not 'fast'"),
        ({"width_px": 3.5, "lr": 1}, "Derived's width_px must be a whole number, not 3.5"),
        ({"width_px": True, "lr": 1}, "Derived's width_px must be a whole number, not True"),
        ({"width_px": -3, "lr": 1}, "Derived's width_px must be 0 or more, not -3"),
        ({"width_px": 3, "lr": float("nan")}, "Derived's lr must be finite, not nan"),
        ({"width_px": 3, "lr": 1, "how": "c"}, "Derived's how must be 'a' or 'b', not 'c'"),
        ({"width_px": 3, "lr": 1, "chain": 3}, "Derived's chain must be a mapping, .* or null, not 3"),
        ({"width_px": None, "lr": 1}, "Derived's width_px must be a whole number, not null"),
        ({"width_px": 3}, "Derived cannot be built: .*missing.*'lr'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        make(Derived, **arguments)


def test_a_dataclass_is_checked_as_well():
    with pytest.raises(UserError, match="Hardware takes no 'device'; did you mean 'devices'"):
        build({"_target_": "maskless.hardware.Hardware", "device": 1})
    assert build({"_target_": "maskless.hardware.Hardware", "workers": 2}) == Hardware(workers=2)


def test_paths_may_be_words():
    assert build({"_target_": f"{HERE}.OfPath", "path": "x"}, [HERE]).path == "x"
