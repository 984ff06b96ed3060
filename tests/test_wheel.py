"""What is installed from a wheel behaves like the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCORE = ["evaluate", "method=threshold", "dataset=synthetic", "dataset.tiles={test:2}", "progress=false"]


def python(*words: str, cwd: Path, path: Path | None = None) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(path or "")}
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, and nothing of the checkout."""
    wheels, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT), cwd=wheels)
    (wheel,) = wheels.glob("*.whl")
    python("-m", "zipfile", "-e", str(wheel), str(site), cwd=wheels)
    return site


def test_the_wheel_holds_the_configuration_and_the_launcher(site: Path) -> None:
    shipped = {path.relative_to(site / "maskless" / "conf") for path in site.glob("maskless/conf/**/*.yaml")}
    assert shipped == {path.relative_to(ROOT / "conf") for path in ROOT.glob("conf/**/*.yaml")}
    assert (site / "hydra_plugins" / "maskless_sweep" / "launcher.py").is_file()
    assert not list(site.glob("tests")) + list(site.glob("conf"))


def test_the_wheel_holds_the_models(site: Path) -> None:
    names = {path.name for path in site.glob("maskless/models/*")}
    assert names == {"rendered-he.safetensors", "rendered-ihc.safetensors"}


def test_it_answers_and_scores_as_the_checkout_does(site: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    where = python("-c", "import maskless; print(maskless.__file__)", cwd=tmp_path, path=site)
    assert Path(where.strip()).is_relative_to(site)
    helps = [python("-m", "maskless", "train", "--help", cwd=tmp_path, path=path) for path in (site, None)]
    assert helps[0] == helps[1]
    python("-m", "maskless", *SCORE, cwd=tmp_path / "a", path=site)
    python("-m", "maskless", *SCORE, cwd=tmp_path / "b")
    (wheel,), (checkout,) = ([*(tmp_path / k).glob("runs/default/*/scores.csv")] for k in "ab")
    assert wheel.read_text() == checkout.read_text()
