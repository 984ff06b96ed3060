"""The command as a person types it: regions, classes, spacings, odd names, and going on after a stop."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from maskless.cli import main
from maskless.commands import predict
from maskless.inference import analysis
from maskless.inference.records import Records
from maskless.inference.summary import COLUMNS

THRESHOLD = ("predict", "method=threshold", "method.of=luminance")
ODD = "Schnitt 1 [a], b=2, it's 50% (ß) #3"


NUCLEI = 12


def drawn(brown: int) -> np.ndarray:
    """Twelve round nuclei in four columns, 20 px apart, of which the first `brown` hold DAB: (80, 100, 3)."""
    rows, cols = np.indices((80, 100))
    image = np.full((80, 100, 3), (238, 234, 240), np.uint8)
    centres = [(20 * (k // 4) + 20, 20 * (k % 4) + 20) for k in range(NUCLEI)]
    for k, (row, col) in enumerate(centres):
        image[np.hypot(rows - row, cols - col) <= 6] = (110, 70, 40) if k < brown else (90, 90, 160)
    return image


@pytest.fixture
def images(tmp_path) -> Path:
    """Three fields, with 0, 1 and 2 brown nuclei."""
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(3):
        Image.fromarray(drawn(k)).save(folder / f"field {k}.png")
    return folder


def region(path: Path, name: str, right: int, bottom: int) -> Path:
    ring = [[0, 0], [right, 0], [right, bottom], [0, bottom], [0, 0]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    properties = {"objectType": "annotation", "name": name}
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def summary(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def content(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_any_name_works_everywhere(cli, tmp_path, floor):
    """The image, its folder, the regions, the output and the run have all that Hydra's grammar refuses."""
    odd = {name: tmp_path / f"{name} {ODD}" for name in ("in", "region", "out", "run")}
    for name in ("in", "region"):
        odd[name].mkdir()
    shutil.copytree(floor, odd["run"])
    Image.fromarray(drawn(3)).save(odd["in"] / f"{ODD}.png")
    region(odd["region"] / f"{ODD}.geojson", ODD, 50, 80)
    for given in (odd["in"], odd["in"] / f"{ODD}.png"):
        words = [f"{key}={odd[name]}" for key, name in (("region", "region"), ("run", "run"))]
        done = cli("predict", *words, f"input={given}", f"output={odd['out']}", "classify=dab", "mpp=0.5")
        assert done.code == 0, done.err
    assert {file.name for file in odd["out"].iterdir() if file.is_file()} == {"summary.csv"} | {
        f"{ODD}.{ending}" for ending in ("tif", "geojson", "csv", "png")
    }
    whole, inside = summary(odd["out"])
    assert (whole["image"], inside["region"]) == (f"{ODD}.png", ODD)
    assert whole["nuclei"] == inside["nuclei"] == str(len(pd.read_csv(odd["out"] / f"{ODD}.csv")))
    assert "1 of 1 was done before\n" in done.out


def test_counts_and_the_index_are_printed_and_summed_up(cli, images, tmp_path):
    out, regions = tmp_path / "out", tmp_path / "regions"
    regions.mkdir()
    for path in images.iterdir():
        region(regions / f"{path.stem}.geojson", "left half", 50, 80)
    words = (*THRESHOLD, f"input={images}", f"output={out}", "mpp=0.5", f"region={regions}")
    done = cli(*words, "classify=dab")
    assert done.code == 0, done.err
    rows = [(row["image"], row["region"], row["nuclei"], row["positive"]) for row in summary(out)]
    assert rows == [
        (f"field {k}.png", name, "6", str(k)) for k in range(3) for name in ("", "left half")
    ]  # fmt: skip
    assert done.out == (
        "what is used knows no scale of its own: the given one changes no outline, only µm²\n"
        "field 0.png: 6 nuclei, 0 positive, labelling index 0.0 % (95 % interval 0.0 to 39.0)\n"
        "  left half: 6 nuclei, 0 positive, labelling index 0.0 % (95 % interval 0.0 to 39.0)\n"
        "field 1.png: 6 nuclei, 1 positive, labelling index 16.7 % (95 % interval 3.0 to 56.4)\n"
        "  left half: 6 nuclei, 1 positive, labelling index 16.7 % (95 % interval 3.0 to 56.4)\n"
        "field 2.png: 6 nuclei, 2 positive, labelling index 33.3 % (95 % interval 9.7 to 70.0)\n"
        "  left half: 6 nuclei, 2 positive, labelling index 33.3 % (95 % interval 9.7 to 70.0)\n"
        f"written to {out}\n"
    )
    last = summary(out)[-1]
    percent = [last[name] for name in ("labelling_index_percent", "low_95_percent", "high_95_percent")]
    assert percent == ["33.33", "9.68", "70.0"]
    table = pd.read_csv(out / "field 2.csv")
    assert table["class"].tolist() == ["positive"] * 2 + ["negative"] * 4
    assert set(table["region"]) == {"left half"}
    strict = cli(*words, "classify=dab", "classify.above=3")
    assert strict.out.count(", 0 positive") == 6
    assert "done before" not in strict.out


@pytest.mark.parametrize("rule", ["dab", "hsi"])
def test_either_rule_finds_what_is_brown(cli, images, tmp_path, rule):
    done = cli(*THRESHOLD, f"input={images}", f"output={tmp_path}", "mpp=0.5", f"classify={rule}")
    assert done.code == 0
    counted = [(row["nuclei"], row["positive"], row["negative"]) for row in summary(tmp_path)]
    assert counted == [(str(NUCLEI), str(k), str(NUCLEI - k)) for k in range(3)]


def test_a_power_is_a_spacing(cli, images, tmp_path):
    one = ("formats=[csv]", f"input={images / 'field 0.png'}")
    assert cli(*THRESHOLD, *one, f"output={tmp_path / 'a'}", "power=20").code == 0
    assert cli(*THRESHOLD, *one, f"output={tmp_path / 'b'}", "mpp=0.5").code == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert summary(tmp_path / "a")[0]["mpp"] == "0.5"


def test_a_scale_that_changes_nothing_is_no_secret(cli, images, trained, tmp_path):
    said = "knows no scale of its own"
    assert said in cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'a'}", "mpp=0.5").out
    assert said not in cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'b'}").out
    done = cli("predict", f"run={trained}", f"input={images}", f"output={tmp_path / 'c'}", "mpp=0.5")
    assert done.code == 0
    assert said not in done.out


def test_what_is_known_of_the_spacing_is_said(cli, images, tmp_path):
    stated = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(images / "said.tif", drawn(3), photometric="rgb", **stated)
    done = cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'out'}")
    (line,) = [line for line in done.out.splitlines() if line.startswith("said.tif")]
    assert line.endswith(" nuclei (0.25 µm/px, as the file says)")
    assert "no µm/px is known of 3 of 4 images, so the scale is taken to be what the method" in done.out
    assert [row["mpp"] for row in summary(tmp_path / "out")] == ["", "", "", "0.25"]
    assert "no µm/px" not in cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'b'}", "mpp=0.5").out


def test_stains_follow_the_question(cli, images, tmp_path):
    one = (*THRESHOLD, f"input={images / 'field 0.png'}", "formats=[csv]")
    stains = {}
    for name, words in (("none", []), ("dab", ["classify=dab"]), ("he", ["classify=dab", "stains=H-E"])):
        assert cli(*one, f"output={tmp_path / name}", *words).code == 0
        columns = list(pd.read_csv(tmp_path / name / "field 0.csv"))
        stains[name] = [column for column in columns if column.endswith("_mean")]
    assert stains == {
        "none": ["haematoxylin_mean", "eosin_mean", "dab_mean"],
        "dab": ["haematoxylin_mean", "dab_mean"],
        "he": ["haematoxylin_mean", "eosin_mean"],
    }
    again = cli(*one, f"output={tmp_path / 'none'}", "stains=H-E")
    assert "done before" not in again.out
    assert "dab_mean" not in pd.read_csv(tmp_path / "none" / "field 0.csv")


REFUSALS = {
    "formats=[csv,png]": "formats=png cannot be written",
    "formats=[]": "formats=[] writes nothing: choose from labels",
    "formats=csv": "formats must be a list",
    "stains=HE": "stains=HE are no stains that are known; did you mean 'H-E'",
    "classify=dap": "there is no classify 'dap'; did you mean 'dab'?",
    "classify=dab classify.above=9": "classify.above=9 must be from -1 to 3",
    "classify=dab classify.abov=1": "predict has no option 'classify.abov'",
    "classify=dab +classify.abov=1": "DAB takes no 'abov'; did you mean 'above'?",
    "mpp=0.25 power=20": "mpp=0.25 and power=20 contradict each other",
    "power=0.25": "power=0.25 is no objective's power",
    "region=nowhere.geojson": "there is no file or folder nowhere.geojson: give region=",
    "region={images}/field?0.png": "region={images}/field 0.png is of one image, and there are 3",
    "region={regions} output={regions}": "region={regions} is in output={regions}, which could overwrite it",
}


@pytest.mark.parametrize("words", REFUSALS)
def test_what_cannot_be_asked(refusal, images, tmp_path, words):
    (tmp_path / "regions").mkdir()
    known = {"images": images, "regions": tmp_path / "regions"}
    given = [word.replace("?", " ") for word in words.format(**known).split()]
    said = refusal(*THRESHOLD, f"input={images}", "output=out", *given)
    assert said.startswith(REFUSALS[words].format(**known))


def test_an_image_called_summary_would_lie_under_the_summary(refusal, images):
    (images / "field 0.png").rename(images / "summary.png")
    said = refusal(*THRESHOLD, f"input={images}", "output=out")
    assert said.startswith(f"{images / 'summary.png'} would give a summary.csv")


# -- what fails ----------------------------------------------------------------------------------------------


def test_a_bad_region_stops_its_image_alone(cli, images, tmp_path):
    regions = tmp_path / "regions"
    regions.mkdir()
    region(regions / "field 0.geojson", "all", 64, 64)
    (regions / "field 1.geojson").write_text("{")
    done = cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'out'}", f"region={regions}")
    assert done.code == 3
    first, second, last = done.err.splitlines()
    assert first.startswith(f"skipped: {regions / 'field 1.geojson'} is no valid JSON")
    assert second.startswith(f"skipped: {regions} has no field 2.geojson")
    assert last == "maskless: 2 of 3 images were skipped, as said above"
    assert [row["image"] for row in summary(tmp_path / "out")] == ["field 0.png"] * 2


def test_every_image_that_is_skipped_is_named(cli, images, tmp_path):
    for k in range(7):
        (images / f"bad {k} :smile: [b].png").write_bytes(b"no image")
    done = cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'out'}")
    assert done.code == 3
    *skipped, last = done.err.splitlines()
    assert [line.split(" is not a PNG")[0] for line in skipped] == [
        f"skipped: {images / f'bad {k} :smile: [b].png'}" for k in range(7)
    ]
    assert last == "maskless: 7 of 10 images were skipped, as said above"
    for path in images.glob("field*"):
        path.unlink()
    done = cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'out'}")
    assert (done.code, done.err.count("skipped: ")) == (2, 7)
    assert done.err.splitlines()[-1] == "maskless: nothing was segmented: all 7 images were skipped"


def test_what_the_output_folder_held_before_is_not_overwritten(cli, refusal, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "field 0.geojson").write_text("drawn by hand")
    words = (*THRESHOLD, f"input={images}", f"output={out}")
    done = cli(*words)
    assert (done.code, done.err.count("skipped: ")) == (3, 1)
    assert done.err.startswith(f"skipped: {out / 'field 0.geojson'} is there already")
    assert [row["image"] for row in summary(out)] == ["field 1.png", "field 2.png"]
    one = (*THRESHOLD, f"input={images / 'field 0.png'}", f"output={out}")
    assert refusal(*one).startswith(f"nothing was segmented: {out / 'field 0.geojson'} is there already")
    assert (out / "field 0.geojson").read_text() == "drawn by hand"
    (out / "summary.csv").write_text("mine")
    assert refusal(*words).startswith(f"{out / 'summary.csv'} is no summary of predictions")
    assert (out / "summary.csv").read_text() == "mine"


def test_a_defect_in_one_image_is_shown_and_the_rest_is_done(cli, images, tmp_path, monkeypatch):
    calls = []

    def breaks(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise ZeroDivisionError("oh")
        return measured(*arguments)

    measured = analysis.measured
    monkeypatch.setattr(analysis, "measured", breaks)
    done = cli(*THRESHOLD, f"input={images}", f"output={tmp_path / 'out'}")
    assert done.code == 3
    assert "Traceback" in done.err
    assert "field 1.png failed (ZeroDivisionError: oh), which is a defect of maskless" in done.err
    assert [row["image"] for row in summary(tmp_path / "out")] == ["field 0.png", "field 2.png"]


def test_a_defect_in_the_only_image_is_not_dressed_up(images, tmp_path, monkeypatch):
    def breaks(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(analysis, "measured", breaks)
    with pytest.raises(ZeroDivisionError):
        main([*THRESHOLD, f"input={images / 'field 0.png'}", f"output={tmp_path / 'out'}"])


# -- going on ------------------------------------------------------------------------------------------------


def test_interrupted_it_says_how_to_go_on(cli, images, tmp_path, monkeypatch):
    words = (*THRESHOLD, f"input={images}", f"output={tmp_path / 'out'}")
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measured(*arguments)

    measured = analysis.measured
    with monkeypatch.context() as patched:
        patched.setattr(analysis, "measured", interrupted)
        done = cli(*words)
    assert done.code == 130
    assert done.err == (
        "maskless: interrupted with 2 of 3 images done: the same command goes on from there\n"
    )
    assert len(summary(tmp_path / "out")) == 2
    assert "2 of 3 were done before\n" in cli(*words).out
    assert len(summary(tmp_path / "out")) == 3


def test_a_killed_process_leaves_whole_files_and_ends_as_if_it_had_not_been(cli, tmp_path):
    folder, out = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    for k in range(30):
        Image.fromarray(np.tile(drawn(k % NUCLEI), (3, 3, 1))).save(folder / f"{k:02}.png")
    out.mkdir()
    (out / "summary.csv").write_text(",".join(COLUMNS) + "\nof another prediction")
    words = [*THRESHOLD, f"input={folder}", "classify=dab", "mpp=0.5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "maskless", *words, f"output={out}"],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while len(list((out / ".maskless").glob("*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()

    records = Records(out)
    done = sum(records.of(path.stem) is not None for path in (out / ".maskless").glob("*.json"))
    assert 1 <= done < 30
    for path in out.glob("*.tif"):
        assert tifffile.imread(path).shape == (240, 300)
    assert not (out / "summary.csv").exists()
    were = "was" if done == 1 else "were"
    assert f"{done} of 30 {were} done before\n" in cli(*words, f"output={out}").out
    assert cli(*words, f"output={tmp_path / 'whole'}").code == 0
    assert content(out) == content(tmp_path / "whole")


@pytest.mark.parametrize("change", ["weights", "chain"])
def test_another_model_does_everything_again(cli, tmp_path, trained, images, change):
    run = shutil.copytree(trained, tmp_path / "run")
    words = ("predict", f"run={run}", f"input={images}", f"output={tmp_path / 'out'}", "formats=[csv]")
    assert cli(*words).code == 0
    moved = run.rename(tmp_path / "elsewhere")
    same = ("predict", f"run={moved}", *words[2:])
    assert "3 of 3 were done before" in cli(*same).out
    if change == "weights":
        import torch

        checkpoint = torch.load(moved / "checkpoints" / "best.ckpt", weights_only=True)
        name = next(iter(checkpoint["state_dict"]))
        checkpoint["state_dict"][name] = checkpoint["state_dict"][name] * 1.5
        torch.save(checkpoint, moved / "checkpoints" / "best.ckpt")
    else:
        (moved / "chain.yaml").write_text(
            "mask: {step: binarise, of: foreground, above: 0.4}\ninstances: {step: label, of: mask}\n"
        )
    assert "done before" not in cli(*same).out


def test_the_summary_is_of_all_images_in_the_folder(cli, images, tmp_path):
    """Images that are predicted one by one, with the same settings, stand in it together."""
    one = (*THRESHOLD, f"output={tmp_path / 'out'}", "mpp=0.5")
    for k in (2, 0):
        assert cli(*one, f"input={images / f'field {k}.png'}").code == 0
    assert [row["image"] for row in summary(tmp_path / "out")] == ["field 0.png", "field 2.png"]
    assert cli(*one, f"input={images / 'field 1.png'}", "mpp=0.4").code == 0
    assert [row["image"] for row in summary(tmp_path / "out")] == ["field 1.png"]


# -- a list of positive cells --------------------------------------------------------------------------------


def cells(*words: str) -> int:
    return main([*THRESHOLD, "classify=hsi", "formats=[lyon19]", "progress=false", *words])


def test_positive_cells_of_all_images_in_one_file(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cells(f"input={images}", f"output={out}") == 0
    listed = (out / "lyon19.csv").read_text()
    assert listed.splitlines()[0] == "image_id,x,y"
    assert listed.splitlines()[1:] == ["field 1,20.00,20.00", "field 2,20.00,20.00", "field 2,40.00,20.00"]
    assert (out / "field 0_lyon19.csv").read_text() == "image_id,x,y\n"
    assert (out / "field 2_lyon19.csv").read_text().splitlines()[1:] == listed.splitlines()[2:]
    (out / "lyon19.csv").unlink()
    assert cells(f"input={images}", f"output={out}") == 0  # nothing is done again
    assert (out / "lyon19.csv").read_text() == listed
    assert cells(f"input={images}", f"output={out}", "classify.share=1", "formats=[csv]") == 0
    assert not (out / "lyon19.csv").exists()  # of other settings


def test_positive_cells_of_shares_that_run_at_the_same_time(images: Path, tmp_path, monkeypatch) -> None:
    """One is done while another, which has begun before, is not: the list is of both in the end."""
    words = (f"input={images}", f"output={tmp_path / 'out'}")
    assert cells(*words, "share=0/2") == 0
    monkeypatch.setattr(predict, "_forget_summary", lambda output: None)
    assert cells(*words, "share=1/2") == 0
    listed = (tmp_path / "out" / "lyon19.csv").read_text().splitlines()
    assert listed[1:] == ["field 1,20.00,20.00", "field 2,20.00,20.00", "field 2,40.00,20.00"]


def test_positive_cells_that_cannot_be_listed(images: Path, tmp_path: Path, capfd) -> None:
    assert main([*THRESHOLD, "formats=[lyon19]", f"input={images}", f"output={tmp_path / 'out'}"]) == 2
    assert "tell them apart with classify=" in capfd.readouterr().err
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lyon19.csv").write_text("mine\n")
    assert cells(f"input={images}", f"output={tmp_path / 'out'}") == 2
    assert "is no list of cells" in capfd.readouterr().err
    assert (tmp_path / "out" / "lyon19.csv").read_text() == "mine\n"
