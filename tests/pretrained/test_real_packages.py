"""Each adapter with the real package and a model of random weights in the package's own format.

The environments are made below the folder that PRETRAINED_CACHE names, and kept: make test-pretrained.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from maskless.data.synthetic import render
from maskless.hardware import Hardware
from maskless.loading import as_segmenter, build_stage
from maskless.paths import CONF
from maskless.pretrained.catalogue import MODELS
from maskless.segmenter import Segmenter

TINY = Path(__file__).with_name("tiny_models")
CLICKS = np.array([[60.0, 64.0], [30.0, 30.0], [100.0, 90.0]])
#: In an environment of its own.
OWN = pytest.mark.pretrained
#: What finds nuclei in maps of random weights, if the usual thresholds do not.
SETTINGS = {
    "cellpose": {"flow_threshold": 0.0, "cellprob_threshold": -0.2},
    "cellpose_nuclei": {"flow_threshold": 0.0},
    "nuclick": {"thresh": 0.5},
}
#: The side of the image: of HoVer-Net and NuClick that of a patch.
SIDE_PX = {"hovernet": 80, "hovernet_pannuke": 164, "nuclick": 128}


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environments are where they were made before."""
    monkeypatch.setenv("MASKLESS_CACHE", os.environ.get("PRETRAINED_CACHE", ""))


def made(name: str, image: np.ndarray, folder: Path, *words: str) -> tuple[Segmenter, np.ndarray]:
    """The model with tiny weights as a Segmenter, and what its package finds without maskless."""
    np.save(folder / "image.npy", image)
    np.save(folder / "clicks.npy", CLICKS)
    model = MODELS[name]
    python = str(model.environment.python) if model.environment else sys.executable
    weights, found = folder / "tiny", folder / "found.npy"
    script = [python, "-I", str(TINY / model.path.name), str(folder / "image.npy"), str(weights), str(found)]
    subprocess.run([*script, *words], check=True)
    method = yaml.safe_load((CONF / "method" / f"{name}.yaml").read_text())
    method |= {"weights": str(weights), "settings": method["settings"] | SETTINGS.get(name, {})}
    return as_segmenter(build_stage(method), Hardware(), None), np.load(found)


def tissue(name: str) -> np.ndarray:
    """Rendered H&E, uint8 (side, side, 3)."""
    side = SIDE_PX.get(name, 256)
    return render(0, 1, size_px=256).image[:side, :side].copy()


def same_nuclei(labels: np.ndarray, others: np.ndarray) -> bool:
    """Whether two label maps tell the same nuclei apart, whatever their numbers."""
    pairs = np.unique(np.stack([labels.ravel(), others.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(labels)) == len(np.unique(others)) and bool(
        ((pairs[0] == 0) == (pairs[1] == 0)).all()
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("stardist", (), marks=OWN),
        pytest.param("cellpose", (), marks=OWN),
        pytest.param("cellpose_nuclei", (), marks=OWN),
        pytest.param("hovernet", ("original",), marks=OWN),
        pytest.param("hovernet_pannuke", ("fast",), marks=OWN),
        pytest.param("instanseg", ()),
    ],
)
@pytest.mark.timeout(3600)
def test_it_finds_what_its_package_finds(ready: None, name: str, words: tuple[str], tmp_path: Path) -> None:
    if name == "instanseg":
        pytest.importorskip("instanseg")
    image = tissue(name)
    segmenter, expected = made(name, image, tmp_path, *words)
    found = segmenter.segment(image)
    assert len(np.unique(expected)) > 5
    assert same_nuclei(found, expected)
    assert same_nuclei(segmenter.segment(image), found)  # the model is still there


@pytest.mark.pretrained
@pytest.mark.timeout(3600)
def test_nuclick_finds_what_its_package_finds_at_a_click(ready: None, tmp_path: Path) -> None:
    image = tissue("nuclick")
    segmenter, expected = made("nuclick", image, tmp_path, str(tmp_path / "clicks.npy"))
    found = segmenter.segment_clicked(image, CLICKS[:1])  # type: ignore[attr-defined]
    assert found.max() == 1
    of_all = segmenter.segment_clicked(image, CLICKS)  # type: ignore[attr-defined]
    # The package was told of the other clicks; a pixel that is not the first nucleus' is one of theirs.
    assert expected.mean() > 0.1
    assert ((of_all > 0) >= (expected > 0)).all()


@pytest.mark.pretrained
@pytest.mark.timeout(3600)
def test_deepliif_finds_cells_of_the_sizes_that_its_package_counts(
    ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tissue("deepliif")
    segmenter, sizes = made("deepliif", image, tmp_path)
    found = segmenter.segment(image)
    assert len(sizes) > 5
    assert sorted(np.bincount(found.ravel())[1:]) == sorted(sizes)
