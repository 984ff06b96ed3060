"""Every method with every source on every hardware: it composes, or one sentence says why not."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from bcdata_files import write_bcdata
from he_layouts import write_consep, write_monuseg, write_tnbc
from her2_layout import write_warwick_her2
from ihc_layouts import write_deepliif, write_ki67_breast, write_ki67_net
from layouts import write_folder, write_multiorgan
from lyon19_files import write_lyon19, write_nuclick
from pannuke_files import write_pannuke
from slide_files import disc_image, write_aperio

from maskless.build import resolve
from maskless.cli import main
from maskless.data.readers.slides import Slides
from maskless.data.tile_index import index_slide
from maskless.paths import CONF
from maskless.pretrained.catalogue import MODELS
from maskless.signals import Role, Signal, fills, with_derived

METHODS, DATASETS, HARDWARE = (
    sorted(file.stem for file in (CONF / group).glob("*.yaml")) for group in ("method", "dataset", "hardware")
)
#: What a method needs of its main source beside images, where it needs more.
NEEDED = {
    "supervised": Signal.INSTANCES,
    "supervised_pix2pix": Signal.MASK,
    "point_supervised": Signal.POINTS,
    "nuclick": Signal.POINTS,
}
#: Other people's models: two of them, for to a source the others are like the first.
OF_OTHERS = ("stardist", "nuclick")
METHODS = [name for name in METHODS if name not in MODELS or name in OF_OTHERS]
#: What fills the other roles of a method, where nothing does by itself.
OTHERS = {
    "spatial_prior": ["prior=synthetic"],
    "translation": ["target=synthetic"],
    "translation_ugatit": ["target=synthetic"],
}
#: Sources whose usual split has nothing to score.
TO_LEARN_FROM = ("pannuke_masks",)
#: Sources whose usual split has nothing to learn from.
TO_SCORE = ("lyon19", "lyon19_nuclick")
#: Unions, which offer more than their class can know: by what they do offer.
UNIONS = {"two_stains": frozenset({Signal.IMAGE, Signal.INSTANCES})}
AT_POWERS = ("scale_attention", "attention_points")
#: What is said where a method of several powers has sources that cannot be shown at 40x.
WITHOUT_POWERS = {"folder": "states neither µm/px nor power", "ki67_net": "so 40x of it would be made up"}


def offering(signal: Signal) -> list[str]:
    """The names of the sources whose layout can hold a signal."""
    specs = {name: yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text()) for name in DATASETS}
    return [
        n for n, spec in specs.items() if fills(with_derived(resolve(spec["_target_"]).may_offer), signal)
    ]


def offers(dataset: str, signal: Signal) -> bool:
    """Whether a source offers a signal."""
    of_union = with_derived(UNIONS.get(dataset, frozenset()))
    return dataset in offering(signal) or fills(of_union, signal)


class Composed(Exception):
    """All checks are passed, and the work would begin."""


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    def stop(config, sources, needs, annotation=None):
        raise Composed(config["choices"]["method"])

    monkeypatch.setattr("maskless.commands.train.create_run", stop)
    monkeypatch.setattr("maskless.commands.evaluate.create_run", stop)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A data root with every published set, and a folder with labels and one without."""
    root = tmp_path_factory.mktemp("data")
    write_multiorgan(root / "multiorgan")
    write_tnbc(root / "tnbc")
    write_monuseg(root / "monuseg")
    write_consep(root / "consep")
    write_deepliif(root / "deepliif")
    write_ki67_breast(root / "ki67_breast", dict.fromkeys(range(3, 17), 1.0))
    write_ki67_net(root / "ki67_net", {part: [f"{part}_a"] for part in ("train", "val", "test")})
    write_bcdata(root / "bcdata", {part: ["0"] for part in ("train", "validation", "test")})
    write_pannuke(root / "pannuke", (1, 1, 1), of_type=np.uint8)
    write_folder(root / "deepliif" / "large", ["ROI_1", "ROI_7"], labelled=False)
    write_warwick_her2(root / "warwick_her2")
    write_lyon19(root / "lyon19")
    write_nuclick(root / "lyon19_nuclick", times=4)
    write_slide(root / "slides")
    write_folder(root / "labelled", ["a", "b", "c"])
    write_folder(root / "images alone", ["a", "b", "c"], labelled=False)
    return root


def write_slide(folder: Path) -> None:
    """A slide and its index, large enough for a tile at 10x."""
    folder.mkdir()
    write_aperio(folder / "a.svs", disc_image(1000, 1000, 0.25, [(60, 80)], 12))
    source = Slides(folder)
    source.index.mkdir()
    index_slide(source.slides["a"], source.tiling, source.index)


def words_of(dataset: str, data: Path) -> list[str]:
    path = [f"dataset.path={data / 'labelled'}"] if dataset == "folder" else []
    return [f"dataset={dataset}", *path, f"data_root={data}"]


def composes(*words: str) -> None:
    with pytest.raises(Composed):
        main(list(words))


@pytest.mark.parametrize(("method", "dataset"), list(itertools.product(METHODS, DATASETS)))
@pytest.mark.parametrize("hardware", HARDWARE)
def test_every_pair(method, dataset, hardware, data, refusal):
    words = ["train", f"method={method}", f"hardware={hardware}", "preset=tiny", *words_of(dataset, data)]
    words += OTHERS.get(method, [])
    if hardware == "cpu" or torch.cuda.is_available():
        needed = NEEDED.get(method, Signal.IMAGE)
        if not offers(dataset, needed):
            assert f"{method} needs {needed} from its main source, and " in refusal(*words)
        elif method in AT_POWERS and dataset in WITHOUT_POWERS:
            assert WITHOUT_POWERS[dataset] in refusal(*words)
        elif method in OF_OTHERS:
            assert refusal(*words) == (
                f"the packages of {method} are not installed: maskless pretrained install={method}"
            )
        elif dataset == "warwick_her2" and needed is not Signal.IMAGE:
            assert f"3 of 3 training images of {dataset} have no {needed} " in refusal(*words)
            composes(*words, "dataset.split=all_train")
        elif dataset in TO_SCORE and method != "threshold":
            assert f"{dataset} has no training images in split " in refusal(*words)
            composes(*words, "dataset.split=all_train")
        else:
            composes(*words)
    else:
        assert refusal(*words) == (
            "this hardware needs an NVIDIA GPU, and torch sees none here: take hardware=cpu"
        )


@pytest.mark.parametrize("preset", sorted(file.stem for file in (CONF / "preset").glob("*.yaml")))
def test_every_preset(preset):
    composes("train", "method=supervised", f"preset={preset}")


@pytest.mark.parametrize("name", sorted(file.stem for file in (CONF / "preset" / "of_method").glob("*.yaml")))
def test_every_preset_of_a_method(name):
    preset, _, method = name.partition("_")
    words = ["train", f"method={method}", f"preset={preset}", "dataset=synthetic", *OTHERS.get(method, [])]
    composes(*words)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_floor_is_evaluated_on_every_source_that_says_where_nuclei_are(dataset, data, refusal):
    words = ["evaluate", "method=threshold", *words_of(dataset, data)]
    if dataset in TO_LEARN_FROM:
        assert "has no images in part 'test' of split 'all_train'" in refusal(*words)
    elif offers(dataset, Signal.POINTS):
        composes(*words)
    else:
        assert "so nothing can be scored on it" in refusal(*words)


def test_a_missing_signal_names_method_role_source_signal_and_who_has_it(data, refusal):
    path = data / "images alone"
    sentence = refusal("train", "method=supervised", "dataset=folder", f"dataset.path={path}")
    assert sentence == (
        f"method supervised needs instances from its main source, and folder at {path} has none: choose "
        f"another dataset=...; sources that can offer instances: {', '.join(offering(Signal.INSTANCES))}"
    )


def test_a_method_that_needs_images_alone_takes_a_folder_of_images(data):
    composes("train", "method=threshold", "dataset=folder", f"dataset.path={data / 'images alone'}")


def test_more_devices_than_there_are(refusal, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    composes("train", "hardware=gpu", "hardware.devices=2")
    sentence = refusal("train", "hardware=gpu", "hardware.devices=3")
    assert sentence == "hardware.devices=3, but torch sees 2 GPUs here"


def test_16_mixed_is_for_a_gpu(refusal):
    sentence = refusal("train", "hardware=cpu", "hardware.precision=16-mixed")
    assert sentence.startswith("hardware.precision=16-mixed works on a GPU only")


# -- a method of the user's own, which needs a source in another role ---------------------------------------

METHOD = """
from maskless.methods.threshold import Threshold
from maskless.signals import Need, Role, Signal


class Unpaired(Threshold):
    needs = frozenset({Need(Signal.IMAGE), Need(Signal.MASK, Role.PRIOR)})
"""
SOURCE = """
from maskless.data.readers.synthetic import Synthetic
from maskless.signals import Signal


class Points(Synthetic):
    name = "dots"
    may_offer = frozenset({Signal.IMAGE, Signal.POINTS})
"""


@pytest.fixture
def own(tmp_path) -> str:
    """A user's folder with the method `unpaired` and the sources `dots` (points alone) and `shapes`."""
    (tmp_path / "own_unpaired.py").write_text(METHOD)
    (tmp_path / "own_dots.py").write_text(SOURCE)
    files = {
        "method/unpaired.yaml": (
            "defaults: [/postprocess@chain: threshold]\n_target_: own_unpaired.Unpaired\n"
        ),
        "dataset/dots.yaml": "_target_: own_dots.Points\n",
        "dataset/shapes.yaml": "_target_: maskless.data.readers.synthetic.Synthetic\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return f"--config-dir={tmp_path}"


def test_a_missing_prior_is_named_with_the_sources_that_have_it(own, refusal):
    assert refusal("train", own, "method=unpaired") == (
        "method unpaired needs mask from a source in the prior role, and none is given: add prior=...; "
        f"sources that can offer mask: {', '.join(sorted([*offering(Signal.MASK), 'shapes']))}"
    )


def test_a_prior_without_the_signal_is_named(own, refusal):
    assert refusal("train", own, "method=unpaired", "prior=dots") == (
        "method unpaired needs mask from its prior source, and dots has none: choose another prior=...; "
        f"sources that can offer mask: {', '.join(sorted([*offering(Signal.MASK), 'shapes']))}"
    )


def test_a_prior_with_the_signal_composes(own, data):
    composes("train", own, "method=unpaired", "prior=synthetic", "prior.size_px=64")
    composes("train", own, "method=unpaired", "prior=folder", f"prior.path={data / 'labelled'}")


# -- the source that a method takes in a role where nobody names one ----------------------------------------


@pytest.fixture
def priors(monkeypatch) -> list[tuple[str, str]]:
    """The (name, split) of the prior of each run that would begin."""
    found: list[tuple[str, str]] = []

    def stop(config, sources, needs, annotation=None):
        found.append((sources[Role.PRIOR].name, sources[Role.PRIOR].split))
        raise Composed

    monkeypatch.setattr("maskless.commands.train.create_run", stop)
    return found


def test_every_mask_of_pannuke_is_the_prior_unless_another_is_named(data, priors):
    words = ["train", "method=spatial_prior", "preset=tiny", "dataset=synthetic", f"data_root={data}"]
    composes(*words)
    composes(*words, "prior=multiorgan")
    composes(*words, "prior=pannuke", "prior.split=official2")
    composes(*words, "prior.split=official")
    assert priors == [
        ("pannuke", "all_train"),
        ("multiorgan", "official"),
        ("pannuke", "official2"),
        ("pannuke", "official"),
    ]


def test_a_study_that_names_a_prior_keeps_it(data, priors, monkeypatch, tmp_path):
    (tmp_path / "experiments" / "mine").mkdir(parents=True)
    (tmp_path / "experiments" / "mine" / "one.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /method: spatial_prior\n"
        "  - override /dataset@prior: multiorgan\n"
    )
    monkeypatch.chdir(tmp_path)
    composes("train", "experiment=mine/one", "preset=tiny", f"data_root={data}")
    composes("train", "experiment=mine/one", "prior=tnbc", "preset=tiny", f"data_root={data}")
    assert [name for name, _ in priors] == ["multiorgan", "tnbc"]


def test_the_usual_prior_shows_in_the_configuration_and_in_that_of_no_other_method(cli):
    shown = yaml.safe_load(cli("train", "method=spatial_prior", "--cfg", "job").out)
    assert shown["prior"]["_target_"].endswith(".PanNuke")
    assert shown["prior"]["split"] == "all_train"
    assert "prior" not in yaml.safe_load(cli("train", "method=supervised", "--cfg", "job").out)


def test_without_pannuke_a_sentence_says_how_to_get_it(refusal, tmp_path, monkeypatch):
    words = ("train", "method=spatial_prior", "preset=tiny")
    assert f"there is no folder {tmp_path / 'pannuke'}" in refusal(*words, f"data_root={tmp_path}")
    monkeypatch.delenv("MASKLESS_DATA", raising=False)
    assert refusal(*words).startswith("pannuke needs data_root=FOLDER")


@pytest.mark.parametrize("command", ["evaluate dataset=synthetic", "predict input=in output=out"])
def test_a_method_with_a_usual_prior_is_trained_first(command, refusal):
    assert refusal(*command.split(), "method=spatial_prior") == (
        "method spatial_prior has to be trained first: maskless train, then run=runs/..."
    )


def test_a_chain_that_begins_with_other_maps_does_not_fit(refusal):
    sentence = refusal("train", "method=threshold", "postprocess=boundary")
    assert sentence == (
        "the post-processing of Threshold needs a map 'boundary', which it does not give; known: darkness"
    )


@pytest.mark.parametrize(
    ("method", "key"), [("scale_attention", "method.powers"), ("attention_points", "method.before.powers")]
)
def test_a_method_of_several_powers_takes_the_spacing_of_the_highest(method, key, data):
    words = ["train", f"method={method}", "preset=tiny", f"{key}=[5,10,20]"]
    composes(*words, *words_of("ki67_net", data))
    composes(*words, *words_of("folder", data), "dataset.mpp=0.25")


@pytest.mark.parametrize(
    "command", ["evaluate run=x", "evaluate method=threshold", "predict input=a output=b"]
)
@pytest.mark.parametrize("colour", ["reinhard", "null"])
def test_colours_are_those_of_the_training(command, colour, refusal):
    command, *words = command.split()
    assert refusal(command, *words, f"colour={colour}").startswith(
        f"{command} has no option 'colour'; known: "
    )


@pytest.mark.parametrize("command", ["train", "optimise"])
@pytest.mark.parametrize(("colour", "kind"), [("reinhard", "Reinhard"), ("white_balance", "WhiteBalance")])
def test_colours_are_an_option_of_training(command, colour, kind, cli):
    assert "colour" not in yaml.safe_load(cli(command, "--cfg", "job").out)["method"]
    shown = yaml.safe_load(cli(command, f"colour={colour}", "--cfg", "job").out)
    assert shown["method"]["colour"]["_target_"].endswith(f".{kind}")
