"""Choosing patches as a person types it: artefacts, slides, what is refused, and what is skipped."""

import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from maskless.commands import choose
from maskless.commands import patches as patches_module
from maskless.data.readers.synthetic import Synthetic
from maskless.networks.resnet18 import LAYERS
from maskless.networks.resnet_unet import ResNetEncoder
from maskless.signals import Signal

SIDE = 64
EACH = 16  #: patches of tissue a slide
#: Glass, a fold, a felt pen.
ARTEFACTS = {"white": (255, 255, 255), "black": (0, 0, 0), "pen": (10, 60, 200)}
SLIDES = ("02", "3")


@pytest.fixture(scope="module")
def patches(tmp_path_factory) -> Path:
    """Two slides of rendered HER2 tissue, SLIDE-roi_K.png, with an artefact of each kind in both."""
    folder = tmp_path_factory.mktemp("a folder, with (brackets)")
    source = Synthetic(stain="her2", size_px=SIDE, tiles={"train": 2 * EACH, "val": 1, "test": 1})
    for k, item in enumerate(source.items("train")):
        image = source.read(item, [Signal.IMAGE])[Signal.IMAGE]
        Image.fromarray(image).save(folder / f"{SLIDES[k // EACH]}-roi_{k % EACH}.png")
    for slide in SLIDES:
        for name, colour in ARTEFACTS.items():
            Image.new("RGB", (SIDE, SIDE), colour).save(folder / f"{slide}-roi_{name}.png")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.manual_seed(0)
    classifier = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    torch.save({**ResNetEncoder(layers=LAYERS).state_dict(), **classifier}, path)
    return path


@pytest.fixture
def colours(monkeypatch) -> None:
    """Mean colours on a 2x2 grid in place of a network's features."""

    def features(_: nn.Module, images: Tensor) -> Tensor:
        assert 0 <= images.min() <= images.max() <= 1
        return F.adaptive_avg_pool2d(images, 2).flatten(1)

    monkeypatch.setattr(choose, "resnet18", lambda weights: nn.Identity())
    monkeypatch.setattr(choose, "resnet18_features", features)


def table_of(output: Path) -> pd.DataFrame:
    return pd.read_csv(output / "choice.csv", dtype={"slide": str})


def test_artefacts_are_dropped_and_the_rest_is_stood_for(cli, patches, weights, tmp_path) -> None:
    words = ("choose", f"input={patches}", "number=4", "group=(.*)-roi_", f"weights={weights}")
    done = cli(*words, f"output={tmp_path / 'out'}")
    assert done.code == 0, done.err
    table = table_of(tmp_path / "out")
    assert list(table) == ["patch", "slide", "chosen", "cluster", "distance", "outlier"]
    assert sorted(table["patch"]) == sorted(file.name for file in patches.iterdir())
    assert [name.split("-roi_")[0] for name in table["patch"]] == table["slide"].tolist()
    artefact = table["patch"].str.contains("|".join(ARTEFACTS))
    assert table.loc[artefact, "outlier"].all()
    assert table.loc[~artefact, "outlier"].mean() < 0.3
    assert not (table["chosen"] & table["outlier"]).any()
    for slide in SLIDES:
        of_slide = table[(table["slide"] == slide) & ~table["outlier"]]
        assert sorted(of_slide.loc[of_slide["chosen"], "cluster"]) == [0, 1, 2, 3]
        nearest = of_slide.loc[of_slide.groupby("cluster")["distance"].idxmin(), "patch"]
        assert sorted(nearest) == sorted(of_slide.loc[of_slide["chosen"], "patch"])
    copied = {file.name: file.read_bytes() for file in (tmp_path / "out").glob("*.png")}
    assert copied == {n: (patches / n).read_bytes() for n in table.loc[table["chosen"], "patch"]}
    n_outliers = int(table["outlier"].sum())
    assert done.out == f"8 of 38 patches chosen; {n_outliers} were outliers\nwritten to {tmp_path / 'out'}\n"


def chosen(cli, patches: Path, output: Path, *words: str) -> pd.DataFrame:
    done = cli("choose", f"input={patches}", "number=4", *words, f"output={output}")
    assert done.code == 0, done.err
    return table_of(output)


def test_the_seed_decides(cli, patches, colours, tmp_path) -> None:
    first, again = (chosen(cli, patches, tmp_path / name, "seed=1") for name in ("a", "b"))
    pd.testing.assert_frame_equal(first, again)
    others = [chosen(cli, patches, tmp_path / f"s{k}", f"seed={k}") for k in (2, 3)]
    assert any(not first.equals(other) for other in others)


def test_a_slide_is_chosen_from_as_if_it_were_alone(cli, patches, colours, tmp_path) -> None:
    both = chosen(cli, patches, tmp_path / "both", "group=(.*)-roi_")
    (tmp_path / "alone").mkdir()
    for file in patches.glob("3-roi_*"):
        (tmp_path / "alone" / file.name).write_bytes(file.read_bytes())
    alone = chosen(cli, tmp_path / "alone", tmp_path / "of one")
    assert set(alone["slide"]) == {"all"}
    of_it = both[both["slide"] == "3"].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_it.drop(columns="slide"), alone.drop(columns="slide"))


def test_outliers_are_searched_again_if_that_is_asked_for(cli, colours, tmp_path) -> None:
    """Between dark and bright patches lies a lone grey one, where the centre of all is."""
    folder = tmp_path / "grey"
    folder.mkdir()
    random = np.random.default_rng(0)
    crowds = np.concatenate([random.normal(level, 8, (60, 3)) for level in (50, 206)])
    for k, colour in enumerate([*crowds, np.array([128.0] * 3)]):
        Image.new("RGB", (8, 8), tuple(colour.clip(0, 255).astype(int).tolist())).save(folder / f"{k}.png")
    for name, expected in (("false", False), ("true", True)):
        table = chosen(cli, folder, tmp_path / name, "number=1", f"search_outliers={name}")
        lone = table[table["patch"] == "120.png"].iloc[0]
        assert (bool(lone["outlier"]), bool(lone["chosen"])) == (True, expected)
        assert table["chosen"].sum() == 1


def test_patches_of_several_sizes_and_kinds_go_together(cli, colours, tmp_path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    random = np.random.default_rng(0)
    for k in range(24):
        side, ending = (40, "png") if k % 3 else (56, "tif")
        pixels = random.integers(100, 110 + 5 * k, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.{ending}")
    table = chosen(cli, folder, tmp_path / "out")
    assert len(table) == 24
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_no_more_than_a_batch_of_images_is_held(cli, patches, colours, tmp_path, monkeypatch) -> None:
    alive: weakref.WeakSet[NDArray[np.uint8]] = weakref.WeakSet()
    most = []

    class Watched(np.ndarray):
        """An array that can be watched."""

        __hash__ = object.__hash__  # type: ignore[assignment]

    def read(file: Path) -> NDArray[np.uint8]:
        image = read_image(file).view(Watched)
        alive.add(image)
        most.append(len(alive))
        return image

    read_image: Callable[[Path], NDArray[np.uint8]] = patches_module.read_image
    monkeypatch.setattr("maskless.commands.patches.read_image", read)
    monkeypatch.setattr(choose, "_BATCH", 5)
    chosen(cli, patches, tmp_path / "out")
    assert len(most) == 38
    assert 5 <= max(most) <= 6


# -- what is refused and skipped -----------------------------------------------------------------------------

REFUSALS = {
    "number=0": "number=0 must be 1 or more",
    "number=few": "number must be a whole number, not 'few'",
    "group=(.*": "group='(.*' is no regular expression",
    "group=roi_": "group='roi_' has no group in parentheses for the slide, as in '(.*)-roi_'",
    r"group=(\d+)-roi_w": "36 problems: ",
    "weights=nowhere.pth": "there is no file nowhere.pth: give weights=imagenet, or the path of a download "
    "of https://download.pytorch.org/models/resnet18-f37072fd.pth",
    "nmber=3": "choose has no option 'nmber'; did you mean 'number'?",
    "input=nowhere": "there is no file or folder nowhere",
}


@pytest.mark.parametrize("word", REFUSALS)
def test_what_cannot_be_asked(refusal, patches, word) -> None:
    assert refusal("choose", f"input={patches}", "output=out", word).startswith(REFUSALS[word])


def test_a_file_is_no_folder_of_patches(refusal, patches) -> None:
    file = patches / "3-roi_0.png"
    assert (
        refusal("choose", f"input={file}", "output=out")
        == f"input={file} is a file: give a folder of patches"
    )


def test_a_folder_with_files_is_not_mixed_with_the_chosen(refusal, patches, tmp_path) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    assert "has files in it" in refusal("choose", f"input={patches}", f"output={tmp_path}")
    assert "has files in it" in refusal("choose", f"input={patches}", f"output={patches}")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.png"]
    assert "is a file: name a folder" in refusal(
        "choose", f"input={patches}", f"output={tmp_path / 'mine.png'}"
    )


def test_too_few_patches_say_how_many_there_are(refusal, patches, colours, tmp_path) -> None:
    said = refusal("choose", f"input={patches}", f"output={tmp_path / 'out'}", "number=38")
    assert said.startswith("nothing was chosen: ")
    assert said.endswith(" of 38 patches are no outliers, and 38 are wanted")
    assert not (tmp_path / "out").exists()


def test_a_slide_with_too_few_is_skipped_alone(cli, patches, colours, tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for file in [*patches.glob("02-roi_*"), patches / "3-roi_0.png", patches / "3-roi_1.png"]:
        (folder / file.name).write_bytes(file.read_bytes())
    words = ("choose", f"input={folder}", "group=(.*)-roi_")
    done = cli(*words, "number=4", f"output={tmp_path / 'out'}")
    assert done.code == 3
    first, last = done.err.splitlines()
    assert first.startswith("skipped: slide 3: ")
    assert first.endswith(" of 2 patches are no outliers, and 4 are wanted")
    assert last == "maskless: 1 of 2 slides were skipped, as said above"
    assert set(table_of(tmp_path / "out")["slide"]) == {"02"}
    done = cli(*words, "number=30", f"output={tmp_path / 'none'}")
    assert (done.code, done.err.count("skipped: slide")) == (2, 2)
    assert done.err.splitlines()[-1] == "maskless: nothing was chosen: all 2 slides were skipped"
    assert not (tmp_path / "none").exists()


def test_a_patch_that_cannot_be_read_is_skipped_alone(cli, patches, colours, tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for file in patches.glob("02-roi_*"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "02-roi_3.png").write_bytes(b"no image")
    done = cli("choose", f"input={folder}", "number=4", f"output={tmp_path / 'out'}")
    assert done.code == 3
    first, last = done.err.splitlines()
    assert first.startswith(f"skipped: {folder / '02-roi_3.png'} is not a PNG")
    assert last == "maskless: 1 of 19 patches were skipped, as said above"
    assert "02-roi_3.png" not in set(table_of(tmp_path / "out")["patch"])


def test_interrupted_it_can_be_begun_again(cli, patches, colours, tmp_path, monkeypatch) -> None:
    def stops(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(choose, "choose_patches", stops)
        assert cli("choose", f"input={patches}", "number=4", f"output={tmp_path / 'out'}").code == 130
    assert len(chosen(cli, patches, tmp_path / "out")) == 38
