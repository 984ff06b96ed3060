"""maskless predict with whole slides, as a person types it: folders, lists, shares, and what fails."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from slide_files import damage_tile, disc_image, write_aperio, write_tiled

from maskless.data.slides import Slide
from maskless.inference.claims import claimed

WORDS = ("predict", "method=threshold", "method.of=luminance", "progress=false")
TABLE = "formats=[parquet]"
CENTRES_UM = [(20 + 14 * (k // 6), 20 + 14 * (k % 6)) for k in range(30)]


def slide(path: Path, mpp: float | None = 0.5, write=write_tiled) -> Path:
    said = {"power": 20} if write is write_aperio else {}
    return write(path, disc_image(220, 240, 0.5, CENTRES_UM, 7), mpp, downsamples=(1, 2), **said)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_slide_is_segmented_and_its_cost_is_said_before(cli, tmp_path) -> None:
    out = tmp_path / "out"
    done = cli(*WORDS, f"input={slide(tmp_path / 'a b.svs', write=write_aperio)}", f"output={out}")
    assert done.code == 0, done.err
    assert done.out.splitlines()[:2] == [
        "a b.svs: 0.0132 mm² of tissue in 1 block, at 0.5 µm/px",
        "a b.svs: 30 nuclei (0.5 µm/px, as the file says)",
    ]
    made = {file.name for file in out.iterdir()} - {".maskless"}
    assert made == {"summary.csv", "slides.csv"} | {
        f"a b{ending}" for ending in (".ome.zarr", ".geojson.gz", ".parquet", "_density.png")
    }
    assert len(pd.read_parquet(out / "a b.parquet")) == 30
    (row,) = rows(out / "slides.csv")
    assert (row["slide"], row["state"], row["nuclei"], row["blocks"]) == ("a b.svs", "done", "30", "1")
    again = cli(*WORDS, f"input={tmp_path / 'a b.svs'}", f"output={out}")
    assert "1 of 1 was done before" in again.out
    assert rows(out / "slides.csv") == [row]


def test_a_damaged_slide_and_one_without_a_scale_are_named_and_the_rest_are_done(cli, tmp_path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    slide(folder / "a.tif")
    slide(folder / "b.tif", None)
    (folder / "c.svs").write_bytes(b"no slide")
    done = cli(*WORDS, f"input={folder}", f"output={out}")
    assert done.code == 3
    assert "2 of 3 images were skipped" in done.err
    assert "b.tif states neither µm/px nor objective power" in done.err.replace("\n", " ")
    state = {row["slide"]: (row["state"], row["why"]) for row in rows(out / "slides.csv")}
    assert {name: said for name, (said, _) in state.items()} == {
        "a.tif": "done",
        "b.tif": "failed",
        "c.svs": "failed",
    }
    assert "mpp=" in state["b.tif"][1]
    assert "c.svs" in state["c.svs"][1]
    (folder / "c.svs").unlink()
    (folder / "slides.csv").write_text("slide,mpp\nb,0.5\n")
    assert cli(*WORDS, f"input={folder}", f"output={out}").code == 0
    assert [row["nuclei"] for row in rows(out / "summary.csv")] == ["30", "30"]
    assert {row["slide"]: row["state"] for row in rows(out / "slides.csv")}["b.tif"] == "done"


def test_lists_and_shares(cli, tmp_path) -> None:
    for name in "abcd":
        slide(tmp_path / f"{name}.tif")
    (tmp_path / "list.txt").write_text("d.tif\n\na.tif\nc.tif\n")
    for k, expected in ((0, ["a", "d"]), (1, ["a", "c", "d"])):
        words = (
            *WORDS,
            f"input={tmp_path / 'list.txt'}",
            f"output={tmp_path / 'out'}",
            f"share={k}/2",
            TABLE,
        )
        expected_names = {f"{name}.tif" for name in (["d", "c"] if k == 0 else ["a", "c", "d"])}
        assert cli(*words).code == 0
        assert {row["slide"] for row in rows(tmp_path / "out" / "slides.csv")} == expected_names, expected
    (tmp_path / "list.csv").write_text("slide,power\nb.tif,20\n")
    assert cli(*WORDS, f"input={tmp_path / 'list.csv'}", f"output={tmp_path / 'one'}", TABLE).code == 0
    assert [row["image"] for row in rows(tmp_path / "one" / "summary.csv")] == ["b.tif"]


def test_a_slide_that_is_damaged_in_places_is_done_but_for_these_and_says_so(cli, tmp_path) -> None:
    image = disc_image(600, 600, 0.5, CENTRES_UM, 7)
    write_tiled(tmp_path / "a.tif", image, 0.5, downsamples=(1, 2))
    damage_tile(tmp_path / "a.tif", 0)  # which has half of the discs, or more
    slide(tmp_path / "b.tif")
    (tmp_path / "list.txt").write_text("a.tif\nb.tif\n")
    words = (*WORDS, f"input={tmp_path / 'list.txt'}", f"output={tmp_path / 'out'}", TABLE)
    why = "a.tif cannot be decoded in 1 place, 0.0164 mm², which were not looked at"
    for before in ("", "2 of 2 were done before"):
        done = cli(*words)
        assert done.code == 3
        assert why in done.out
        assert before in done.out
        assert done.err == "maskless: 1 of 2 slides was not looked at where it is damaged, as said above\n"
        partly, whole = rows(tmp_path / "out" / "slides.csv")
        assert (partly["state"], partly["unreadable_mm2"]) == ("partly", "0.0164")
        assert partly["why"].startswith(why)
        assert (whole["state"], whole["why"], whole["unreadable_mm2"]) == ("done", "", "0.0")


def test_what_another_command_is_writing_is_refused_before_anything_is_touched(cli, tmp_path) -> None:
    for name in "ab":
        slide(tmp_path / f"{name}.tif")
    (tmp_path / "list.txt").write_text("a.tif\nb.tif\n")
    words = (*WORDS, f"input={tmp_path / 'list.txt'}", f"output={tmp_path / 'out'}", TABLE)
    assert cli(*words).code == 0
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    with claimed(tmp_path / "out", [tmp_path / "b.tif"]):
        refused = cli(*words, "stains=H-E")
        assert refused.code == 2
        assert f"(process {os.getpid()} on " in refused.err
        assert all(file.read_bytes() == held for file, held in before.items())
        assert cli(*words, "stains=H-E", "share=0/2").code == 0
        assert cli(*words, "stains=H-E", "share=1/2").code == 2
    assert "1 of 2 was done before" in cli(*words, "stains=H-E").out


@pytest.mark.parametrize("given", ["in", "in/a.tif", "list.txt"])
def test_a_table_beside_a_slide_says_its_scale_however_it_is_named(cli, tmp_path, given) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    slide(folder / "a.tif", None)
    (folder / "slides.csv").write_text("slide,mpp\na,0.5\n")
    (tmp_path / "list.txt").write_text("in/a.tif\n")
    done = cli(*WORDS, f"input={tmp_path / given}", f"output={tmp_path / 'out'}", TABLE)
    assert done.code == 0, done.err
    assert [row["mpp"] for row in rows(tmp_path / "out" / "summary.csv")] == ["0.5"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("share=4/4", "share=4/4 is none"),
        ("share=0.5", "share=0.5 is none"),
        ("formats=[overlay]", "of a whole slide no formats=overlay is written"),
        ("formats=[steps]", "of a whole slide no formats=steps is written"),
    ],
)
def test_what_cannot_be_asked_of_slides(cli, tmp_path, words, said) -> None:
    done = cli(*WORDS, f"input={slide(tmp_path / 'a.tif')}", f"output={tmp_path / 'out'}", words)
    assert done.code == 2
    assert said in done.err.replace("\n", " ")


def test_a_region_drawn_elsewhere_is_refused_and_one_on_it_counted(cli, tmp_path) -> None:
    def drawn(x: int) -> Path:
        ring = [[x, 0], [x + 60, 0], [x + 60, 300], [x, 300], [x, 0]]
        feature = {
            "type": "Feature",
            "properties": {"name": "tumour"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        path = tmp_path / f"{x}.geojson"
        path.write_text(json.dumps(feature))
        return path

    words = (*WORDS, f"input={slide(tmp_path / 'a.tif')}", f"output={tmp_path / 'out'}")
    assert "lies outside the image" in cli(*words, f"region={drawn(900)}").err.replace("\n", " ")
    done = cli(*words, f"region={drawn(20)}", "classify=dab")
    assert done.code == 0, done.err
    assert "tumour: 10 nuclei" in done.out
    whole, inside = rows(tmp_path / "out" / "summary.csv")
    assert (whole["nuclei"], inside["region"], inside["nuclei"]) == ("10", "tumour", "10")
    assert inside["labelling_index_percent"] != ""


def test_a_sweep_over_shares_is_a_job_each(tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        slide(folder / f"{name}.tif")
    words = [*WORDS[1:], "-m", f"input={folder}", f"output={tmp_path / 'out'}", "share=0/2,1/2", TABLE]
    done = subprocess.run(
        [sys.executable, "-m", "maskless", "predict", *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {row["slide"] for row in rows(tmp_path / "out" / "slides.csv")} == {"a.tif", "b.tif"}
    assert len(rows(tmp_path / "out" / "summary.csv")) == 2


@pytest.mark.skipif("MASKLESS_DATA" not in os.environ, reason="needs the real slides")
def test_real_slides(cli, tmp_path) -> None:
    """One states its scale, one states nothing and is given it; nuclei lie in the slide."""
    folder = Path(os.environ["MASKLESS_DATA"]) / "wsi"
    words = (*WORDS, f"input={folder}", f"output={tmp_path}", "formats=[parquet,geojson]")
    assert "TCGA-CR-7395-01A-01-TS1.svs states neither" in cli(*words).err.replace("\n", " ")
    (tmp_path / "list.csv").write_text(
        f"slide,mpp\n{folder / 'TCGA-CR-7395-01A-01-TS1.svs'},1\n{folder / 'CMU-1-Small-Region.svs'},\n"
    )
    done = cli(*words[:-3], f"input={tmp_path / 'list.csv'}", f"output={tmp_path / 'out'}", TABLE)
    assert done.code == 0, done.err
    for row in rows(tmp_path / "out" / "slides.csv"):
        table = pd.read_parquet(tmp_path / "out" / f"{Path(row['slide']).stem}.parquet")
        with Slide.open(folder / row["slide"], mpp=1.0 if "TCGA" in row["slide"] else None) as file:
            assert table["row"].between(0, file.height_px).all()
            assert table["col"].between(0, file.width_px).all()
        assert 100 < len(table) == int(row["nuclei"])
