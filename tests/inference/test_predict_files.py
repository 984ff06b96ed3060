"""Image files in, files out: what is in them, what fails alone, and how it goes on after a stop."""

import errno
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from mock_segmenter import DISC, EDGE, HOLE, LINE, MockSegmenter, awkward_nuclei
from PIL import Image

from maskless.classify import DAB
from maskless.data.images import read_image
from maskless.errors import UserError
from maskless.inference.analysis import Analysis
from maskless.inference.files import Predicted, predict_files
from maskless.inference.outputs import FORMATS, MAGENTA
from maskless.inference.records import Records
from maskless.labelling_index import labelling_index
from maskless.measure import measured
from maskless.stain import recombine
from maskless.writers.compression import GrowingFile
from maskless.writers.geojson import GeoJSONFile
from maskless.writers.overlay import GREEN

SHAPE = (80, 100)
STAINED = (DISC, LINE)
ALL = [name for name in FORMATS if name != "lyon19"]  # which wants a classifier
SETTINGS = {"model": "m", "mpp": 0.5}


@pytest.fixture
def images(tmp_path) -> Path:
    """Three pictures of the mock's nuclei, in haematoxylin but for two of them, which hold DAB."""
    folder = tmp_path / "images"
    folder.mkdir()
    instances = awkward_nuclei(SHAPE)
    for name, strength in (("a", 0.6), ("b c", 0.5), ("dé", 0.4)):
        amounts = np.zeros((*SHAPE, 3), np.float32)
        amounts[instances > 0, 0] = strength
        amounts[np.isin(instances, STAINED), 1] = 0.5
        Image.fromarray(recombine(amounts, "H-DAB")).save(folder / f"{name}.png")
    return folder


def regions(path: Path, **boxes: tuple[int, int, int, int]) -> Path:
    """A GeoJSON file of rectangles: top, left, bottom, right."""
    features = [
        {
            "type": "Feature",
            "properties": {"objectType": "annotation", "name": name},
            "geometry": {"type": "Polygon", "coordinates": [[[x, y], [X, y], [X, Y], [x, Y], [x, y]]]},
        }
        for name, (y, x, Y, X) in boxes.items()
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


class Counting(MockSegmenter):
    """The mock, and how often it was asked; it fails where it is told to."""

    def __init__(self, failures: dict[int, Exception] | None = None) -> None:
        self.asked, self.failures = 0, failures or {}

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        self.asked += 1
        if error := self.failures.get(self.asked):
            raise error
        return super().segment(image, mpp)


def predict(
    images: Path,
    out: Path,
    formats: list[str] = ALL,
    segmenter: MockSegmenter | None = None,
    settings: dict[str, Any] = SETTINGS,
    region: Path | None = None,
    classifier: Any = None,
    mpp: float | None = 0.5,
) -> list[Predicted]:
    files = sorted(images.iterdir()) if images.is_dir() else [images]
    analysis = Analysis(segmenter or MockSegmenter(), mpp, classifier)
    return list(predict_files(analysis, files, out, formats, settings, region))


def content(folder: Path) -> dict[str, bytes]:
    """Every file, hidden ones too."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


# -- what is written -----------------------------------------------------------------------------------------


def test_every_format_holds_the_same_nuclei(images, tmp_path):
    out = tmp_path / "out"
    predict(images, out, classifier=DAB())
    expected = awkward_nuclei(SHAPE)
    image = read_image(images / "b c.png")
    assert np.array_equal(tifffile.imread(out / "b c.tif"), expected)
    table = pd.read_csv(out / "b c.csv")
    pd.testing.assert_frame_equal(table, pd.read_parquet(out / "b c.parquet"))
    pd.testing.assert_frame_equal(table[list(measured(image, expected, 0.5))], measured(image, expected, 0.5))
    positive = table["class"] == "positive"
    assert table["id"][positive].tolist() == sorted(STAINED)
    assert ((table["dab_excess"] >= 0.1) == positive).all()

    features = json.loads((out / "b c.geojson").read_text())["features"]
    assert [feature["properties"]["name"] for feature in features] == [str(i) for i in table["id"]]
    for feature, (_, row) in zip(features, table.iterrows(), strict=True):
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["classification"]["name"] == row["class"].capitalize()
        assert feature["properties"]["measurements"]["Area px^2"] == row["area_px"]

    overlay = read_image(out / "b c.png")
    drawn = {nucleus: {tuple(c) for c in overlay[expected == nucleus]} for nucleus in (DISC, LINE, EDGE)}
    assert MAGENTA in drawn[DISC]
    assert MAGENTA in drawn[LINE]
    assert GREEN not in drawn[DISC]
    assert GREEN in drawn[EDGE]
    assert MAGENTA not in drawn[EDGE]


def test_positive_cells_are_listed(images, tmp_path):
    predict(images / "a.png", tmp_path / "out", ["csv", "lyon19"], classifier=DAB())
    table = pd.read_csv(tmp_path / "out" / "a.csv")
    cells = table[table["class"] == "positive"]
    assert set(cells["id"]) == set(STAINED)
    listed = pd.read_csv(tmp_path / "out" / "a_lyon19.csv")
    assert list(listed) == ["image_id", "x", "y"]
    assert set(listed["image_id"]) == {"a"}
    np.testing.assert_allclose(listed[["y", "x"]], cells[["row", "col"]], atol=0.005)


def test_positive_cells_want_a_classifier(images, tmp_path):
    with pytest.raises(UserError, match="tell them apart with classify="):
        predict(images / "a.png", tmp_path / "out", ["lyon19"])


@pytest.mark.parametrize("formats", [["csv"], ["labels", "overlay"], ["parquet", "geojson"]])
def test_only_what_is_asked_for(images, tmp_path, formats):
    predict(images / "a.png", tmp_path / "out", formats)
    endings = {FORMATS[name][0] for name in formats}
    assert {f.suffix for f in (tmp_path / "out").iterdir() if f.is_file()} == endings


def test_an_image_without_nuclei_gives_empty_files(tmp_path):
    class Nothing(MockSegmenter):
        def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
            return np.zeros(image.shape[:2], np.int32)

    Image.fromarray(np.full((*SHAPE, 3), 240, np.uint8)).save(tmp_path / "blank.png")
    drawn = regions(tmp_path / "r.geojson", box=(0, 0, 50, 50))
    for region in (None, drawn):
        out = tmp_path / str(region is None)
        (one,) = predict(tmp_path / "blank.png", out, segmenter=Nothing(), classifier=DAB(), region=region)
        assert one.problem is None
        assert len(pd.read_csv(out / "blank.csv")) == len(pd.read_parquet(out / "blank.parquet")) == 0
        assert json.loads((out / "blank.geojson").read_text())["features"] == []
        assert (one.rows[0]["nuclei"], one.rows[0]["positive"]) == (0, 0)
        assert one.rows[0]["labelling_index_percent"] is None


def test_rows_of_the_summary(images, tmp_path):
    (one,) = predict(images / "a.png", tmp_path / "out", classifier=DAB())
    (row,) = one.rows
    expected = awkward_nuclei(SHAPE)
    index = labelling_index(2, 5)
    assert (row["image"], row["region"], row["mpp"]) == ("a.png", "", 0.5)
    assert (row["area_px"], row["area_mm2"]) == (8000, 0.002)
    assert (row["nuclei"], row["positive"], row["negative"]) == (7, 2, 5)
    assert row["mean_nucleus_px"] == pytest.approx((expected > 0).sum() / 7, abs=0.01)
    assert row["mean_nucleus_um2"] == pytest.approx((expected > 0).sum() / 28, abs=0.01)
    percent = [row[name] for name in ("labelling_index_percent", "low_95_percent", "high_95_percent")]
    assert percent == pytest.approx([100 * index.value, 100 * index.low, 100 * index.high], abs=0.01)


# -- the spacing ---------------------------------------------------------------------------------------------


class Told(MockSegmenter):
    """The mock, and the spacing that it was told."""

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        self.mpp = mpp
        return super().segment(image, mpp)


@pytest.fixture
def stating(tmp_path) -> Path:
    """A TIFF that says 0.4 µm/px."""
    path = tmp_path / "said.tif"
    resolution = {"resolution": (25_000, 25_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, np.full((*SHAPE, 3), 200, np.uint8), photometric="rgb", **resolution)
    return path


def test_what_the_file_says_of_its_spacing_is_taken(stating, tmp_path):
    segmenter = Told()
    (one,) = predict(stating, tmp_path / "out", segmenter=segmenter, mpp=None)
    assert segmenter.mpp == one.rows[0]["mpp"] == pytest.approx(0.4)
    assert one.mpp_is_stated
    table = pd.read_csv(tmp_path / "out" / "said.csv")
    assert table["area_um2"].to_numpy() == pytest.approx(table["area_px"] * 0.16)


def test_what_the_user_says_of_it_goes_first(stating, tmp_path):
    segmenter = Told()
    (one,) = predict(stating, tmp_path / "out", segmenter=segmenter, mpp=0.25)
    assert (segmenter.mpp, one.rows[0]["mpp"], one.mpp_is_stated) == (0.25, 0.25, False)


def test_without_any_there_is_no_area_in_um2(images, tmp_path):
    (one,) = predict(images / "a.png", tmp_path / "out", mpp=None)
    assert "area_um2" not in pd.read_csv(tmp_path / "out" / "a.csv")
    assert one.rows[0]["mpp"] is one.rows[0]["area_mm2"] is one.rows[0]["mean_nucleus_um2"] is None
    assert "mm" not in (tmp_path / "out" / "a.geojson").read_text()


# -- regions -------------------------------------------------------------------------------------------------


def test_nuclei_of_the_regions_alone_as_they_are_without(images, tmp_path):
    """The rectangles overlap in the disc; the third holds nothing, the fourth reaches out of the image."""
    drawn = regions(
        tmp_path / "r.geojson",
        left=(25, 0, 47, 40), right=(25, 24, 47, 60), none=(60, 50, 64, 60), corner=(60, 80, 400, 300),
    )  # fmt: skip
    whole, out = tmp_path / "whole", tmp_path / "out"
    predict(images / "a.png", whole, classifier=DAB())
    (one,) = predict(images / "a.png", out, classifier=DAB(), region=drawn)
    table = pd.read_csv(out / "a.csv")
    assert dict(zip(table["id"], table["region"], strict=True)) == {
        HOLE: "left",
        4: "corner",
        DISC: "left; right",
    }
    everything = pd.read_csv(whole / "a.csv")
    expected = everything[everything["id"].isin(table["id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.drop(columns="region"), expected)

    labels = tifffile.imread(out / "a.tif")
    kept = np.isin(awkward_nuclei(SHAPE), table["id"])
    assert np.array_equal(labels, np.where(kept, awkward_nuclei(SHAPE), 0))
    features = json.loads((out / "a.geojson").read_text())["features"]
    assert [feature["properties"]["name"] for feature in features] == [str(i) for i in table["id"]]

    counts = {row["region"]: (row["nuclei"], row["positive"], row["area_px"]) for row in one.rows}
    assert counts == {
        "": (3, 1, 22 * 60 + 40 + 20 * 20),
        "left": (2, 1, 22 * 40),
        "right": (1, 1, 22 * 36),
        "none": (0, 0, 40),
        "corner": (1, 0, 400),
    }


def test_a_region_file_for_each_image(images, tmp_path):
    folder = tmp_path / "regions"
    folder.mkdir()
    regions(folder / "a.geojson", all=(0, 0, 80, 100))
    regions(folder / "b c.geojson", elsewhere=(500, 500, 600, 600))
    a, b, d = predict(images, tmp_path / "out", region=folder)
    assert [row["nuclei"] for row in a.rows] == [7, 7]
    assert b.problem.startswith(f"{folder / 'b c.geojson'}: elsewhere lies outside the image")
    assert d.problem.startswith(f"{folder} has no dé.geojson for this image")


# -- what fails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence", "defect"),
    [
        (UserError("no such scale"), "no such scale", False),
        (MemoryError(), "needs more memory than there is", False),
        (torch.OutOfMemoryError(), "needs more memory than there is", False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "needs more memory", False),
        (ZeroDivisionError("oh"), r"failed (ZeroDivisionError: oh), which is a defect of maskless", True),
    ],
)
def test_what_fails_in_one_image_is_named_and_the_rest_is_done(images, tmp_path, error, sentence, defect):
    done = predict(images, tmp_path / "out", ["labels"], Counting({2: error}))
    assert [one.problem is None for one in done] == [True, False, True]
    assert sentence in done[1].problem
    assert (done[1].defect is error) == defect
    assert {f.name for f in (tmp_path / "out").iterdir() if f.is_file()} == {"a.tif", "dé.tif"}
    again = Counting()
    assert [one.done_before for one in predict(images, tmp_path / "out", ["labels"], again)] == [
        True,
        False,
        True,
    ]
    assert again.asked == 1


def test_one_output_in_the_way_stops_that_image_alone(images, tmp_path):
    out = tmp_path / "out"
    (out / "b c.tif").mkdir(parents=True)
    done = predict(images, out)
    assert [one.problem is None for one in done] == [True, False, True]
    assert "b c.tif" in done[1].problem
    (out / "b c.tif").rmdir()
    assert [one.done_before for one in predict(images, out)] == [True, False, True]


def test_a_name_that_is_too_long_for_its_outputs_stops_that_image_alone(images, tmp_path):
    (images / "a.png").rename(images / f"{'a' * 251}.png")
    done = predict(images, tmp_path / "out")
    assert [one.problem is None for one in done] == [False, True, True]
    assert "too long" in done[0].problem


def test_a_disk_that_is_full_stops_everything(images, tmp_path, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    predict(images / "a.png", tmp_path / "out")
    monkeypatch.setattr(tifffile, "imwrite", full)
    segmenter = Counting()
    with pytest.raises(UserError, match="no room left"):
        predict(images, tmp_path / "out", segmenter=segmenter)
    assert segmenter.asked == 1
    assert {f.name for f in (tmp_path / "out").iterdir() if f.is_file()} == {
        f"a{FORMATS[name][0]}" for name in ALL
    }


def test_an_output_that_is_no_folder(images, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="cannot write to output="):
        predict(images, tmp_path / "out")


# -- going on ------------------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again(images, tmp_path):
    first = predict(images, tmp_path / "out", classifier=DAB())
    before = content(tmp_path / "out")
    segmenter = Counting()
    again = predict(images, tmp_path / "out", segmenter=segmenter, classifier=DAB())
    assert segmenter.asked == 0
    assert [one.rows for one in again] == [one.rows for one in first]
    assert all(one.done_before for one in again)
    assert content(tmp_path / "out") == before


def changed_image(images: Path, out: Path) -> dict[str, Any]:
    image = read_image(images / "a.png")
    image[0, 0] ^= 1
    Image.fromarray(image).save(images / "a.png")
    return {}


def removed_output(images: Path, out: Path) -> dict[str, Any]:
    (out / "a.csv").unlink()
    return {}


def cut_output(images: Path, out: Path) -> dict[str, Any]:
    (out / "a.csv").write_bytes((out / "a.csv").read_bytes()[:-1])
    return {}


def other_region(images: Path, out: Path) -> dict[str, Any]:
    regions(images.parent / "regions" / "a.geojson", other=(0, 0, 50, 50))
    return {}


@pytest.mark.parametrize("change", [changed_image, removed_output, cut_output, other_region])
def test_what_has_changed_is_done_again_and_nothing_else(images, tmp_path, change):
    out, folder = tmp_path / "out", tmp_path / "regions"
    folder.mkdir()
    for name in ("a", "b c", "dé"):
        regions(folder / f"{name}.geojson", all=(0, 0, 80, 100))
    predict(images, out, region=folder)
    change(images, out)
    done = predict(images, out, region=folder)
    assert [one.done_before for one in done] == [False, True, True]
    predict(images, tmp_path / "fresh", region=folder)
    assert content(out) == content(tmp_path / "fresh")


def test_other_settings_do_everything_again_and_leave_nothing_old(images, tmp_path):
    out = tmp_path / "out"
    predict(images, out)
    other = {**SETTINGS, "model": "n"}
    done = predict(images, out, ["csv"], settings=other)
    assert not any(one.done_before for one in done)
    assert {f.name for f in out.iterdir() if f.is_file()} == {f"{n}.csv" for n in ("a", "b c", "dé")}
    assert len(list(Records(out).with_settings(other))) == 3
    assert not list(Records(out).with_settings(SETTINGS))


def test_a_further_format_leaves_those_that_are_there(images, tmp_path):
    out = tmp_path / "out"
    predict(images, out, ["labels", "csv"])
    labels = content(out)["a.tif"]
    predict(images, out, ["parquet"])
    assert content(out)["a.tif"] == labels
    assert all(one.done_before for one in predict(images, out, ["labels", "csv", "parquet"]))
    assert not any(one.done_before for one in predict(images, out, ["overlay"]))


@pytest.mark.parametrize("large_first", [True, False])
def test_a_file_that_was_larger_or_smaller_once_does_not_stay_beside_the_new_one(
    images, tmp_path, monkeypatch, large_first
):
    out = tmp_path / "out"
    for large in (large_first, not large_first):
        with monkeypatch.context() as patched:
            if large:
                patched.setattr(GrowingFile.__init__, "__defaults__", (10,))
                patched.setattr(GeoJSONFile.__init__, "__defaults__", (10,))
            predict(images / "a.png", out, ["geojson"], settings={"large": large})
        assert [f.name for f in out.iterdir() if f.is_file()] == [f"a.geojson{'.gz' if large else ''}"]


def test_files_of_others_stay(images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    predict(images, out)
    predict(images, out, settings={"model": "n"})
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["a.tif", "a.geojson", "a.geojson.gz", "a.csv.gz", "a.png"])
def test_a_file_that_no_prediction_wrote_stops_its_image_before_it_is_begun(images, tmp_path, name):
    out, segmenter = tmp_path / "out", Counting()
    out.mkdir()
    (out / name).write_text("drawn by hand")
    done = predict(images, out, segmenter=segmenter)
    assert [one.problem is None for one in done] == [False, True, True]
    assert done[0].problem == (
        f"{out / name} is there already, and is not of an earlier prediction, so that "
        f"{images / 'a.png'} would overwrite it: move it away, or choose another output="
    )
    assert segmenter.asked == 2
    assert [f.name for f in out.iterdir() if f.stem.split(".")[0] == "a"] == [name]
    assert (out / name).read_text() == "drawn by hand"
    assert predict(images / "a.png", out, ["parquet"])[0].problem is None
    assert (out / name).read_text() == "drawn by hand"


def test_without_its_record_a_file_is_nobodys(images, tmp_path):
    out = tmp_path / "out"
    predict(images, out)
    (out / ".maskless" / "a.json").write_text("{")
    before = content(out)
    done = predict(images, out, settings={"model": "n"})
    assert [one.problem is None for one in done] == [False, True, True]
    assert {name: content(out)[name] for name in before if name.startswith("a.")} == {
        name: data for name, data in before.items() if name.startswith("a.")
    }


def test_results_of_another_image_of_the_same_name_stay(images, tmp_path):
    out, others = tmp_path / "out", tmp_path / "others"
    predict(images, out, ["labels"])
    shutil.copytree(images, others)
    assert all(one.done_before for one in predict(others, out, ["labels"]))  # moved, but the same
    shutil.copy(images / "b c.png", others / "a.png")
    before = content(out)
    for settings, formats in ((SETTINGS, ["labels"]), ({"model": "n"}, ["labels"]), (SETTINGS, ["csv"])):
        (one,) = predict(others / "a.png", out, formats, settings=settings)
        assert one.problem == (
            f"{out} has the results of {images / 'a.png'}, which those of {others / 'a.png'} would replace: "
            "choose another output="
        )
    assert content(out) == before
    (out / "a.tif").unlink()
    assert predict(others / "a.png", out, ["labels"])[0].problem is None  # nothing is lost any more


def test_what_the_segmenter_refuses_is_said_of_the_file(images, tmp_path):
    (one,) = predict(images / "a.png", tmp_path / "out", segmenter=Counting({1: UserError("too large")}))
    assert one.problem == f"{images / 'a.png'}: too large"


def test_what_is_passed_over_in_a_file_of_regions_is_noted(images, tmp_path):
    drawn = regions(tmp_path / "r.geojson", box=(0, 0, 50, 50))
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}
    features = [*json.loads(drawn.read_text())["features"], point]
    drawn.write_text(json.dumps(features))
    (one,) = predict(images / "a.png", tmp_path / "out", region=drawn)
    assert one.notes == [f"{drawn}: 1 of 2 annotations passed over (Point), which are no areas"]


class Killed(BaseException):
    """As sudden as a signal."""


def test_files_that_are_about_to_be_removed_are_still_its_own(images, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def stopped(*_: Any) -> None:
        raise Killed

    predict(images / "a.png", out, ["labels", "csv"])
    before = content(out)
    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(Records, "_remove", stopped)
        predict(images / "a.png", out, ["parquet"], settings={"model": "n"})
    assert {"a.tif", "a.csv"} <= set(content(out))
    assert predict(images / "a.png", out, ["labels", "csv"])[0].problem is None
    assert content(out) == before


def test_stopped_anywhere_it_ends_as_if_it_had_not_been(images, tmp_path, monkeypatch):
    """Before each file that is made, renamed or removed, the process ends; then the command is repeated.

    Or the one before it is, with the settings of the files that are there already.
    """
    (images / "b c.png").unlink()
    formats = ["labels", "csv"]
    old: dict[str, Any] = {"settings": {"mpp": 0.25}, "mpp": 0.25}
    for name, settings in (("whole", {}), ("old", old)):
        predict(images, tmp_path / name, formats, **settings)
    whole, before = content(tmp_path / "whole"), content(tmp_path / "old")
    originals = {name: getattr(Path, name) for name in ("replace", "unlink", "mkdir")}
    finished, steps = False, 0
    while not finished:
        steps += 1
        out, left = tmp_path / f"out{steps}", [steps]
        predict(images, out, formats, **old)

        def stopping(name: str, left: list[int] = left) -> Any:
            def step(self: Path, *args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if left[0] <= 0:  # nothing is tidied up either
                    raise Killed
                return originals[name](self, *args, **kwargs)

            return step

        with monkeypatch.context() as patched:
            for name in originals:
                patched.setattr(Path, name, stopping(name))
            patched.setattr(shutil, "rmtree", lambda *_, **__: None)
            with suppress(Killed):
                predict(images, out, formats)
                finished = True
        for record in (out / ".maskless").glob("*.json"):
            done = Records(out).of(record.stem)
            if done is None:
                continue
            expected = before if done.settings == old["settings"] else whole  # what is done is whole
            names = {name for name in expected if Path(name).stem == record.stem}
            assert {name: content(out).get(name) for name in names} == {n: expected[n] for n in names}
        shutil.copytree(out, tmp_path / f"back{steps}")
        predict(images, out, formats)
        assert content(out) == whole
        predict(images, tmp_path / f"back{steps}", formats, **old)
        assert content(tmp_path / f"back{steps}") == before
    assert steps > 20
