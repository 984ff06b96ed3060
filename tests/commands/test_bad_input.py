"""What a user can get wrong: one sentence, exit code 2, nothing written (see the fixture `refusal`)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layouts import nuclei, tissue, write_folder, write_multiorgan
from PIL import Image

# -- words ---------------------------------------------------------------------------------------------------

SLIPS = {
    "trian": "there is no command 'trian'; did you mean 'train'?",
    "train --multrun": "there is no flag '--multrun' (options are written key=value); "
    "did you mean '--multirun'?",
    "train seed": "cannot read 'seed': options are written key=value",
    "train method=superviesd": "there is no method 'superviesd'; did you mean 'supervised' or "
    "'point_supervised' or 'supervised_pix2pix'?",
    "train dataset=multiorgn": "there is no dataset 'multiorgn'; did you mean 'multiorgan'?",
    "train hardware=a10": "there is no hardware 'a10'; did you mean 'a100'?",
    "train preset=tniy": "there is no preset 'tniy'; did you mean 'tiny'?",
    "train postprocess=spn_watersed": (
        "there is no postprocess 'spn_watersed'; did you mean 'spn_watershed'?"
    ),
    "train prior=synthtic": "there is no dataset 'synthtic'; did you mean 'synthetic'?",
    "train test=synthtic": "there is no dataset 'synthtic'; did you mean 'synthetic'?",
    "train experiment=table/two": "there is no study experiments/table/two.yaml",
    "train methd=supervised": "train has no option 'methd'; did you mean 'method'?",
    "train method.lrr=1": "train has no option 'method.lrr'; did you mean 'lr'?",
    "train lr=1": "train has no option 'lr'; did you mean 'method.lr'?",
    "train +sede=1": "train has no option 'sede'; did you mean 'seed' or 'schedule'?",
    "train +method.lrr=1": "Supervised takes no 'lrr'; did you mean 'lr'?",
    "train +hardware.device=1": "Hardware takes no 'device'; did you mean 'devices'?",
    "train +seed=1": "seed is there already: write seed=... without +",
    "train +hardware=gpu": "hardware is there already: write hardware=... without +",
    "train ~seed": "train cannot do without seed; maskless train --help says what it is",
    "train ~hardware": "train cannot do without hardware: hardware=cpu, for one",
    "train ~sede": "sede cannot be removed with ~, because it is not there",
    "train method=null": "method=null names nothing: leave it out, or name one",
    "train seed=1,2": "seed=1,2 is a sweep, which needs -m (a list is seed=[1,2])",
    "train dataset=monuseg dataset.mpp=1": "train has no option 'dataset.mpp'; did you mean 'mpp'?",
    "train test=tnbc test.tnbc.mpp=1": "train has no option 'test.tnbc.mpp'; did you mean 'mpp'?",
    "train -m dataset=tnbc,folder dataset.mpp=1": "train has no option 'dataset.mpp'; did you mean 'mpp'?",
    "prepare dataset=folder dataset.mmp=1": "prepare has no option 'dataset.mmp'; did you mean 'mpp'?",
    "evaluate dataset=tnbc dataset.splt=x": "evaluate has no option 'dataset.splt'; did you mean 'split'?",
    "evaluate prior=tnbc": "evaluate has no option 'prior'; did you mean 'progress'?",
    "predict input=a output=b mpp=0,25": "mpp=0,25: write 0.25",
    "train method.lr=0,001": "method.lr=0,001: write 0.001; a sweep needs -m",
    "train dataset=folder dataset.mpp=0,5": "dataset.mpp=0,5: write 0.5; a sweep needs -m",
    "train dataset.power=20,40": "dataset.power=20,40 is a sweep, which needs -m "
    "(a list is dataset.power=[20,40])",
    "train seed=[": "cannot read 'seed=[': a value with spaces, commas, brackets or the like "
    "stands in quotes, \"seed='['\"",
    "train seed=abc": "seed must be a whole number, not 'abc'",
    "train study=null": "study must be a word, not null",
    "train trust=mine": "trust must be a list, as in [a, b], not 'mine'",
    "train progress=maybe": "progress must be true or false, not 'maybe'",
    "train checkpoint_every=0": "checkpoint_every=0 steps must be at least 1",
    "train data_root=${nowhere}": "the configuration cannot be composed: Interpolation key "
    "'nowhere' not found",
    "train --config-dir nowhere": "--config-dir nowhere is no folder",
    "train --resolve": "the configuration cannot be composed: The --resolve flag can only be used in "
    "conjunction with --cfg or --help",
    "evaluate -m method=threshold": "-m is for sweeps of train and predict: evaluate takes one "
    "configuration at a time",
    "evaluate": "name a method (method=threshold), a run (run=runs/...) or a model (model=NAME)",
    "evaluate method=threshold": "name what to score on: dataset=...",
    "evaluate method=supervised dataset=synthetic": "method supervised has to be trained first: "
    "maskless train, then run=runs/...",
    "evaluate method=threshold dataset=synthetic part=tset": "synthetic has no images in part 'tset' "
    "of split 'official'; did you mean 'test'?",
    "predict": "predict needs input=...; maskless predict --help says what it is",
    "predict input=x": "predict needs output=...; maskless predict --help says what it is",
    "prepare dataset.split=offical": "synthetic has no split 'offical'; did you mean 'official'?",
}


@pytest.mark.parametrize(("words", "sentence"), SLIPS.items())
def test_slips(refusal, words, sentence):
    assert refusal(*words.split()) == sentence


SETTINGS = {
    "schedule.epochs=0": "Supervised cannot be trained with epochs=0",
    "schedule.batch=-1": "Supervised cannot be trained with",
    "schedule.crop_px=big": "Supervised's crop_px must be a whole number, not 'big'",
    "method.lr=high": "Supervised's lr must be a number, not 'high'",
    "method.average=flip": "Supervised's average must be 'none' or 'flips' or 'dihedral'",
    "+method.window_px=64": "windows of window_px=64 with overlap_px=128",
    "method.chain.instances.step=wathershed": "the post-processing chain does not fit together: "
    "'instances' names the unknown step 'wathershed'; did you mean 'watershed'?",
    "method.chain.nucleus.of=forground": "the post-processing of Supervised needs a map 'forground', "
    "which it does not give; did you mean 'foreground'?",
    "method.chain.nucleus.above=high": "the post-processing chain does not fit together: 'nucleus' has above",
    "method.augment.hue.step=HueSaturation": "augment step 'hue': there is no 'HueSaturation'; did you mean",
    "method.augment.hue.p=7": "augment step 'hue' cannot be built",
    "dataset.size_px=big": "Synthetic's size_px must be a whole number, not 'big'",
    "dataset.tiles.train=0": "synthetic has no training images",
    "dataset.split=offical": "synthetic has no split 'offical'",
    "hardware.precision=bf16": "hardware.precision='bf16'; known: 16-mixed, ",
    "method.selection=aij": "selection='aij' is no score; did you mean 'aji'?",
    "hardware.devices=0": "hardware.devices and hardware.nodes are at least 1",
    "hardware.workers=two": "Hardware's workers must be a whole number, not 'two'",
    "schedule.crop_px=100": "crop_px=100 must be a multiple of 32",
    "schedule.width=0": "supervised cannot learn with",
    "method.lr=-1": "supervised cannot learn with lr=-1",
    "method.norm_momentum=5": "supervised cannot learn with",
    "method.mean=[0,0]": "mean=[0, 0] and std=",
    "method.std=[0,1,1]": "mean=[0.7477, 0.5457, 0.6714] and std=[0, 1, 1]",
    "method.augment.stain.factor=abc": "augment step 'stain' cannot be built",
    "seed=-1": "seed=-1 must be 0 or more",
    "study=../x": "study=../x must be a folder below runs_dir",
    "study=": "study= is empty",
    "prior=synthetic": "method supervised has no prior role",
}


@pytest.mark.parametrize(("word", "sentence"), SETTINGS.items())
def test_settings_that_cannot_be(refusal, word, sentence):
    assert refusal("train", "method=supervised", word).startswith(sentence)


def test_a_source_that_cannot_be_scored_is_refused_before_training(refusal, folders):
    sentence = refusal(
        "train", "method=threshold", "test=folder", f"test.folder.path={folders / 'unlabelled'}"
    )
    assert sentence.startswith(
        f"folder at {folders / 'unlabelled'} has no instances and no points, so nothing can be scored"
    )
    sentence = refusal("train", "method=threshold", "test=synthetic", "test.synthetic.tiles.test=0")
    assert sentence.startswith("synthetic has no images in part 'test'")


def test_the_command_itself_ends_so(tmp_path):
    command = [sys.executable, "-m", "maskless", "predict", "input=x"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    sentence = "maskless: predict needs output=...; maskless predict --help says what it is\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)
    assert not list(tmp_path.iterdir())


# -- data ----------------------------------------------------------------------------------------------------


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-60])


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """Folders of three images with something wrong, by name."""
    root = tmp_path_factory.mktemp("folders")
    for name in ("truncated", "other_size", "binary", "one_label_missing", "many"):
        write_folder(root / name, ["a", "b", "c", "d", "e"] if name == "many" else ["a", "b", "c"])
    write_folder(root / "unlabelled", ["a", "b", "c"], labelled=False)
    cut_short(root / "truncated" / "images" / "b.png")
    Image.fromarray(nuclei(size=(40, 40)).astype(np.uint8)).save(root / "other_size" / "labels" / "b.png")
    Image.fromarray((nuclei() > 0).astype(np.uint8) * 255).save(root / "binary" / "labels" / "b.png")
    (root / "one_label_missing" / "labels" / "b.png").unlink()
    for file in (root / "many" / "images").iterdir():
        cut_short(file)
    (root / "empty").mkdir()
    (root / "wrong_layout" / "somewhere" / "else").mkdir(parents=True)
    (root / "file").write_text("text")
    (root / "twins").mkdir()
    for ending in ("png", "tif"):
        Image.fromarray(tissue()).save(root / "twins" / f"a.{ending}")
    (root / "bad only").mkdir()
    Image.fromarray(tissue()).save(root / "bad only" / "a.png")
    cut_short(root / "bad only" / "a.png")
    return root


WRONG = {
    "nowhere": "there is no folder {path}: dataset.path must be a folder of images",
    "file": "there is no folder {path}: dataset.path must be a folder of images",
    "empty": "{path} holds no images",
    "wrong_layout": "{path} holds no images",
    "truncated": "folder cannot be used: {path}/images/b.png is cut short or damaged",
    "other_size": "folder cannot be used: {path}/labels/b.png is 40 x 40 px (rows x columns), but its ",
    "binary": "folder cannot be used: {path}/labels/b.png is a binary mask (only 0 and 255, or ",
    "one_label_missing": "{path} has 1 of 3 images without annotation in labels/ (b.png): annotate them, or",
    "many": "folder cannot be used: 5 problems: {path}/images/a.png is cut short",
}


@pytest.mark.parametrize(("name", "sentence"), WRONG.items())
@pytest.mark.parametrize("command", ["train", "evaluate", "evaluate run", "test"])
def test_folders_that_cannot_be_used(refusal, folders, trained, command, name, sentence):
    path = folders / name
    words = {
        "train": ["train", "dataset=folder", f"dataset.path={path}"],
        "evaluate": ["evaluate", "method=threshold", "dataset=folder", f"dataset.path={path}"],
        "evaluate run": ["evaluate", f"run={trained}", "dataset=folder", f"dataset.path={path}"],
        "test": ["train", "method=threshold", "test=folder", f"test.folder.path={path}"],
    }
    said = refusal(*words[command])
    assert said.removeprefix("folder cannot be used: ").startswith(
        sentence.format(path=path).removeprefix("folder cannot be used: ")
    )
    if name == "many":
        assert "; and 2 more; maskless prepare shows all that is wrong" in said


def test_prepare_lists_all_problems_at_once(cli, folders):
    done = cli("prepare", "dataset=folder", f"dataset.path={folders / 'many'}")
    assert done.code == 2
    assert [line.split(" is ")[0] for line in done.out.splitlines() if line.startswith("problem: ")] == [
        f"problem: {folders}/many/images/{name}.png" for name in "abcde"
    ]
    assert done.err == "maskless: folder has 5 problems, listed above\n"


def test_prepare_lists_missing_extra_and_unreadable_files_together(cli, tmp_path):
    path = write_multiorgan(tmp_path / "multiorgan")
    images = sorted((path / "images").iterdir())
    images[0].unlink()
    cut_short(images[1])
    (path / "images" / "extra.png").touch()
    done = cli("prepare", "dataset=multiorgan", f"data_root={tmp_path}")
    assert done.code == 2
    assert f"problem: {images[0]} is missing" in done.out
    assert f"problem: {images[1]} is cut short" in done.out
    assert f"note: {path / 'images' / 'extra.png'} is extra" in done.out
    assert "licence: CC BY-NC-SA 4.0" in done.out
    assert "how to get it: Get the folder" in done.out


@pytest.mark.parametrize("words", [["train"], ["evaluate", "method=threshold"]], ids=" ".join)
def test_a_data_set_that_is_not_there_says_how_to_get_it(refusal, tmp_path, words):
    sentence = refusal(*words, "dataset=multiorgan", f"data_root={tmp_path}")
    assert sentence.startswith(f"multiorgan cannot be used: there is no folder {tmp_path / 'multiorgan'}")
    assert "https://github.com/" in sentence
    sentence = refusal(*words, "dataset=multiorgan", "data_root=null")
    assert sentence.startswith("multiorgan needs data_root=FOLDER (one that holds multiorgan/)")


# -- predict -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    {
        "nowhere": "there is no file or folder {path}: give input=FILE or input=FOLDER",
        "empty": "{path} holds no images",
        "wrong_layout": "{path} holds no images",
        "twins": "{path} holds images that differ in their ending alone (a): rename one",
        "bad only": "nothing was segmented: {path}/a.png is cut short or damaged",
        "bad only/a.png": "nothing was segmented: {path} is cut short or damaged",
        "file": "nothing was segmented: {path} is not a PNG, JPEG, TIFF or BMP image",
    }.items(),
)
def test_what_cannot_be_predicted(refusal, folders, name, sentence):
    path = folders / name
    said = refusal("predict", "method=threshold", f"input={path}", "output=out")
    assert said.startswith(sentence.format(path=path))


def test_a_bad_image_among_good_ones_is_named_and_the_rest_is_done(cli, folders, tmp_path):
    images = folders / "truncated" / "images"
    done = cli("predict", "method=threshold", f"input={images}", f"output={tmp_path / 'out'}")
    assert done.code == 3
    assert done.err.startswith(f"skipped: {images / 'b.png'} is cut short")
    assert done.err.endswith("\nmaskless: 1 of 3 images were skipped, as said above\n")
    assert sorted(file.name for file in (tmp_path / "out").iterdir() if file.is_file()) == [
        *(f"{name}.{ending}" for name in "ac" for ending in ("csv", "geojson", "png", "tif")),
        "summary.csv",
    ]


@pytest.mark.parametrize("mpp", ["250", "0", "-0.25", "nan", "40x", "true"])
def test_spacings_that_are_none(refusal, folders, mpp):
    said = refusal(
        "predict", "method=threshold", f"input={folders / 'unlabelled'}", "output=out", f"mpp={mpp}"
    )
    assert said.startswith(f"mpp={mpp if mpp != 'true' else 'True'} is no pixel spacing in µm: 40x is 0.25")


def test_predictions_never_lie_over_the_images(refusal, tmp_path):
    Image.fromarray(tissue()).save(tmp_path / "a.png")
    for where in (tmp_path, tmp_path / "a.png"):
        said = refusal("predict", "method=threshold", f"input={where}", f"output={tmp_path}")
        assert (
            said == f"output={tmp_path} is the folder of the images, which it could overwrite: name another"
        )
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_run_knows_its_method(refusal, floor, folders):
    for words in (["predict", f"input={folders / 'unlabelled' / 'images'}", "output=out"], ["evaluate"]):
        said = refusal(*words, f"run={floor}", "method=threshold")
        assert said == f"{words[0]} takes one of run=, model= and method=, not run= and method="


# -- places that cannot be written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["train", "method=threshold"], "runs_dir"),
        (["train", "method=supervised", "preset=tiny"], "runs_dir"),
        (["evaluate", "method=threshold", "dataset=synthetic"], "runs_dir"),
        (["predict", "method=threshold", "input={folders}/unlabelled/images"], "output"),
        (["demo"], "output"),
    ],
)
def test_places_that_cannot_be_written(refusal, folders, words, key):
    place = folders / "file" / "below"  # root may write everywhere, but not below a file
    said = refusal(*(word.format(folders=folders) for word in words), f"{key}={place}")
    assert said.startswith(f"cannot write {'a run below' if key == 'runs_dir' else 'to output='}")
    assert str(place) in said
    assert "choose another" in said
