"""evaluate and compare where the truth is points, and where nuclei are positive or negative."""

import csv
from pathlib import Path

import pytest
from bcdata_files import write_bcdata
from ihc_layouts import write_deepliif, write_ki67_breast
from lyon19_files import write_lyon19

FLOOR = ("method=threshold", "progress=false")


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data root below it."""
    write_ki67_breast(tmp_path / "data" / "ki67_breast", {3: 1, 5: 1, 7: 1, 14: 0.5})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs" / "default").iterdir()
    return run


def test_points_are_scored_and_compared(cli, points: Path) -> None:
    done = cli("evaluate", *FLOOR, "mpp=0.25", "dataset=ki67_breast", "data_root=data", "classify=dab")
    assert done.code == 0, done.err
    for word in ("ki67_breast test, 3 images", "point_f1", "within_3um", "all together", "absolute error"):
        assert word in done.out
    run = only_run(points)
    scores = read(run / "scores.csv")
    assert {row["metric"] for row in scores} == {
        *("point_f1", "point_precision", "point_recall", "true_points", "pred_points", "matched_points"),
    }
    indices = read(run / "labelling_index.csv")
    assert [row["image"] for row in indices] == ["field_3", "field_7", "field_14"]
    assert {(row["true_positive"], row["true_negative"]) for row in indices} == {("3", "2")}
    assert {row["definition"] for row in scores} == {"within_3um", "positive_within_3um"}
    found = [row for row in scores if row["metric"] == "pred_points"]
    counted = {row["image"]: row["value"] for row in found if row["definition"] == "within_3um"}
    positive = {row["image"]: row["value"] for row in found if row["definition"] != "within_3um"}
    for row in indices:
        assert int(row["positive"]) + int(row["negative"]) == float(counted[row["image"]])
        assert int(row["positive"]) == float(positive[row["image"]])

    done = cli("compare", "runs=runs", "data_root=data")
    assert done.code == 0, done.err
    page = (points / "report.html").read_text()
    assert "point F1" in page
    assert "by point F1" in page
    assert "AJI" not in page.partition("Pictures of")[2]
    assert "5 nuclei, a dot each, inside the outline" in page
    assert page.count("<image ") == 3
    assert "scored as" not in page
    told = {(row["metric"], row["over"]) for row in read(points / "report.csv")}
    assert ("point_f1", "pooled") in told
    assert not {metric for metric, _ in told} & {"true_points", "aji"}
    assert cli("compare", "runs=runs", "columns=[point_recall,point_f1/within_3um/pooled]").code == 0


def test_positive_cells_by_category_and_no_index_where_no_negative_is_drawn(
    cli, tmp_path: Path, monkeypatch
) -> None:
    """Of LYON19's layout, to which a truth and categories were added."""
    write_lyon19(tmp_path / "data" / "lyon19")
    monkeypatch.chdir(tmp_path)
    words = (*FLOOR, "dataset=lyon19", "data_root=data", "classify=hsi", "hit_um=4")
    done = cli("evaluate", *words)
    assert done.code == 0, done.err
    for said in ("positive cells, positive_within_4um", "regular (1)", "clustered (1)", "artifact (1)"):
        assert said in done.out
    assert "labelling index" not in done.out
    run = only_run(tmp_path)
    assert not (run / "labelling_index.csv").exists()
    truth = {
        (row["image"], row["region"]): float(row["value"])
        for row in read(run / "scores.csv")
        if (row["metric"], row["definition"]) == ("true_points", "positive_within_4um")
    }
    assert truth == {
        ("ROI_1", "all"): 2,
        ("ROI_1", "regular"): 2,
        ("ROI_2", "all"): 1,
        ("ROI_2", "clustered"): 1,
        ("ROI_3", "all"): 0,
        ("ROI_3", "artifact"): 0,
    }
    done = cli("compare", "runs=runs", "data_root=data", "columns=[point_f1/positive_within_4um/pooled]")
    assert done.code == 0, done.err
    told = {
        (row["region"], row["over"]) for row in read(tmp_path / "report.csv") if row["origin"] == "measured"
    }
    assert {(region, "pooled") for region in ("all", "regular", "clustered", "artifact")} <= told


def test_positive_cells_of_bcdata(cli, tmp_path: Path, monkeypatch) -> None:
    write_bcdata(tmp_path / "data" / "bcdata", {"test": ["0", "1"]})
    monkeypatch.chdir(tmp_path)
    done = cli("evaluate", *FLOOR, "dataset=bcdata", "data_root=data", "classify=hsi")
    assert done.code == 0, done.err
    assert "bcdata test: positive cells, positive_within_3um" in done.out
    (line,) = [
        words.split() for words in done.out.partition("positive cells,")[2].splitlines() if "all tog" in words
    ]
    assert line[5] == "4"  # true ones, two a field


def test_what_is_no_distance_is_a_sentence(refusal) -> None:
    assert "hit_um=0 is no distance" in refusal("evaluate", *FLOOR, "dataset=synthetic", "hit_um=0")


def test_a_run_keeps_the_indices_of_each_source_once(cli, points: Path) -> None:
    write_deepliif(points / "data" / "deepliif")
    words = (*FLOOR, "dataset=ki67_breast", "data_root=data")
    assert cli("evaluate", *words).code == 0
    run = only_run(points)
    assert not (run / "labelling_index.csv").exists()
    for dataset in ("ki67_breast", "deepliif", "ki67_breast"):
        again = cli("evaluate", f"run={run}", f"dataset={dataset}", "data_root=data", "classify=hsi")
        assert again.code == 0, again.err
    rows = read(run / "labelling_index.csv")
    assert sorted((row["source"], row["image"], row["match"]) for row in rows) == [
        ("deepliif", "a", "iou>0.50"),
        ("deepliif", "b", "iou>0.50"),
        *(("ki67_breast", f"field_{k}", "within_3um") for k in (14, 3, 7)),
    ]
    assert {row["rule"] for row in rows} == {"brown_share>=0.1"}


def test_a_training_is_scored_on_points_at_its_end(cli, points: Path) -> None:
    done = cli("train", *FLOOR, "preset=tiny", "dataset=synthetic", "test=ki67_breast", "data_root=data")
    assert done.code == 0, done.err
    assert "point_recall" in done.out
    assert {row["source"] for row in read(only_run(points) / "scores.csv")} == {"synthetic", "ki67_breast"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("search=postprocess",), "chooses on validation images with instances, and ki67_breast has none"),
        (("dataset.split=nowhere",), "has no split 'nowhere'"),
        (("mpp=250",), "mpp=250 is no pixel spacing"),
    ],
)
def test_what_points_cannot_do_is_a_sentence(refusal, tmp_path: Path, words, sentence: str) -> None:
    root = write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 5: 1}).parent
    assert sentence in refusal("evaluate", *FLOOR, "dataset=ki67_breast", f"data_root={root}", *words)


def test_an_index_needs_a_true_one(refusal) -> None:
    said = refusal("evaluate", *FLOOR, "dataset=synthetic", "dataset.size_px=64", "classify=dab")
    assert said.startswith("synthetic has nuclei of the classes ")
    assert "leave classify= out" in said


def test_a_scale_is_for_what_has_learnt_at_none(refusal, floor: Path) -> None:
    assert "mpp= is for a method without training" in refusal("evaluate", f"run={floor}", "mpp=0.5")
