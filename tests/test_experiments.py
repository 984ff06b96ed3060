"""The studies of experiments/: each composes, and each variant of the ablations changes what it says."""

from pathlib import Path

import pytest
import yaml

from maskless.commands.schedule import scheduled
from maskless.paths import CONF

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments"
STUDIES = [file.relative_to(FOLDER).with_suffix("").as_posix() for file in sorted(FOLDER.glob("*/*.yaml"))]
#: What each variant changes of the whole method, by the method whose parts they take away.
ABLATIONS = {
    "spatial_prior": {
        "whole": {},
        "no_cycle": {"cycle": 0.0},
        "no_consistency": {"consistency": 0.0},
        "sharpening_1": {"sharpening": 1.0},
        "sharpening_10": {"sharpening": 10.0},
        "no_d_r": {"adversary_of_images": False},
        "two_views": {"views": 2},
        "colour_offset": {"colour_offset": 0.5},
    },
    "scale_attention": {
        "whole": {},
        "no_scale": {"scale": 0.0},
        "no_sparse": {"sparse": False},
        "no_smooth": {"smooth": 0.0},
        "no_equiv": {"equiv": 0.0},
        "scale_equiv": {"scale_equiv": 1.0},
        "eta_93": {"eta": 93},
        "eta_80": {"eta": 80},
        "eta_range": {"eta": [60, 90]},
        "tau_batch": {"tau": "batch"},
        "pixels": {"sees": "pixels", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "no_hint": {"hint_rest": 0.0, "hint_px": 0},
        "short_hint": {"hint_steps": 50, "hint_rest": 0.0, "hint_px": 0},
        "unsteady": {"steady": False},
        "unscaled": {"augment": yaml.safe_load((CONF / "augment" / "unscaled.yaml").read_text())},
    },
    "translation": {
        "whole": {},
        "no_contrast": {"contrast": 0.0},
        "structure": {"contrast": 0.0, "structure": 1.0},
        "no_identity": {"gan": {"identity": 0.0}},
        "no_cycle": {"gan": {"cycle": 0.0}},
        "noise": {"gan": {"noise": 0.05}},
        "no_ema": {"ema": 0.0},
    },
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


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ([], "WhiteBalance"),
        (["colour=white_balance"], "WhiteBalance"),
        (["colour=reinhard"], "Reinhard"),
        (["colour=null"], None),
        (["colour@method.colour=none"], None),  # as a job of a sweep is given it
    ],
)
def test_the_colours_of_a_study_can_be_exchanged_and_left_alone(composed, words: list[str], kind) -> None:
    colour = composed("spatial_prior/real_ki67_white", *words)["method"]["colour"]
    assert colour == {} if kind is None else colour["_target_"].endswith(f".{kind}")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_composes_under_a_name_of_its_own(composed, name: str) -> None:
    assert composed(name)["study"] != "default"


@pytest.mark.parametrize("preset", ["tiny", "speed", "quick"])
@pytest.mark.parametrize("name", [name for name in STUDIES if name.startswith("spatial_prior/")])
def test_a_preset_leaves_an_epoch_of_a_study_to_choose(composed, name: str, preset: str) -> None:
    shown = composed(name, f"preset={preset}")
    stage = scheduled(shown["method"], shown["schedule"])
    assert stage.get("selection_from", 0) < stage.get("epochs", 1)


def test_the_papers_recipe_of_scale_attention_is_complete(composed) -> None:
    """Each key in which docs/methods.md says that the method departs from its paper."""
    method = composed("scale_attention/paper")["method"]
    expected = {
        "eta": 93, "tau": "batch", "sees": "pixels", "hint_steps": 0, "hint_rest": 0.0, "steady": False,
        "width": 64, "g_width": 64, "g_layers": [3, 4, 6, 3], "encoder_weights": "imagenet", "lr": 2e-4,
        "weight_decay": 1e-4, "batch": 32, "crop_px": 160, "equiv_gradient": False, "scale_equiv": 0.0,
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    assert {name: method[name] for name in expected} == expected
    assert [step["step"] for step in method["augment"].values()] == ["D4", "HEDJitter"]
    assert method["colour"]["_target_"] == "maskless.reinhard.Reinhard"
    assert method["chain"] == yaml.safe_load((CONF / "postprocess" / "scale_attention.yaml").read_text())


@pytest.mark.parametrize(
    ("of", "study"),
    [
        ("spatial_prior", "ablations"),
        ("spatial_prior", "ablations_small"),
        ("scale_attention", "ablations"),
        ("translation", "ablations"),
    ],
)
def test_ablations_change_one_thing_each(composed, of: str, study: str) -> None:
    params = yaml.safe_load((FOLDER / of / f"{study}.yaml").read_text())["hydra"]["sweeper"]["params"]
    assert params[f"+{of}/ablation"].split(",") == list(ABLATIONS[of])
    assert {file.stem for file in (FOLDER / of / "ablation").glob("*.yaml")} == set(ABLATIONS[of])
    whole = composed(f"{of}/{study}")["method"]
    for name, changes in ABLATIONS[of].items():
        method = composed(f"{of}/{study}", f"+{of}/ablation={name}")["method"]
        if "gan" in changes:
            changes = {"gan": {**whole["gan"], **changes["gan"]}}
        assert method == {**whole, **changes}, name
        assert (method == whole) == (name == "whole"), f"{name} is what the method does anyway"
