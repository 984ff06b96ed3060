"""The studies of experiments/: each composes, and each variant of the ablations changes what it says."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments"
STUDIES = [file.relative_to(FOLDER).with_suffix("").as_posix() for file in sorted(FOLDER.glob("*/*.yaml"))]
ABLATIONS = {
    "whole": {},
    "no_cycle": {"cycle": 0.0},
    "no_consistency": {"consistency": 0.0},
    "sharpening_1": {"sharpening": 1.0},
    "sharpening_10": {"sharpening": 10.0},
    "no_d_r": {"adversary_of_images": False},
    "two_views": {"views": 2},
    "colour_offset": {"colour_offset": 0.5},
}


@pytest.fixture
def composed(cli, monkeypatch):
    """The configuration of `train experiment=NAME`."""
    monkeypatch.chdir(ROOT)

    def compose(name: str, *words: str) -> dict:
        done = cli("train", f"experiment={name}", *words, "--cfg", "job")
        assert done.code == 0, done.err
        return yaml.safe_load(done.out)

    return compose


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_composes_under_a_name_of_its_own(composed, name: str) -> None:
    assert composed(name)["study"] != "default"


@pytest.mark.parametrize("study", ["ablations", "ablations_small"])
def test_ablations_change_one_thing_each(composed, study: str) -> None:
    params = yaml.safe_load((FOLDER / "spatial_prior" / f"{study}.yaml").read_text())["hydra"]["sweeper"]
    assert params["params"]["+spatial_prior/ablation"].split(",") == list(ABLATIONS)
    whole = composed(f"spatial_prior/{study}")["method"]
    for name, changes in ABLATIONS.items():
        method = composed(f"spatial_prior/{study}", f"+spatial_prior/ablation={name}")["method"]
        assert method == {**whole, **changes}, name
