"""A slide through a Segmenter: the nuclei of the whole in every file, at every scale, and after a stop."""

import gzip
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from mock_segmenter import MockSegmenter
from seen_slides import DIAMETER_UM, MPP, content, dark_spots, found_on, spread_centres, written
from shapely.geometry import shape
from slide_files import GLASS, damage_tile, disc_image, tissue_image, write_tiled

from maskless.classify import DAB
from maskless.data.slides import Slide
from maskless.errors import UserError
from maskless.inference.slide.outputs import SLIDE_FORMATS
from maskless.inference.slide.work import ahead
from maskless.loading import load
from maskless.measure import measured
from maskless.metrics.overlap import overlap

ALL = list(SLIDE_FORMATS)


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("slide") / "a.tif")


@pytest.fixture(scope="module")
def done(slide, tmp_path_factory) -> Path:
    """The slide's files of all formats."""
    folder = tmp_path_factory.mktemp("done")
    found_on(slide, folder).write(folder, "a", ALL)
    return folder


def labels_of(folder: Path, stem: str = "a") -> np.ndarray:
    return zarr.open_array(folder / f"{stem}.ome.zarr" / "0", mode="r")[:]


def features_of(folder: Path, stem: str = "a") -> list[dict]:
    return json.loads(gzip.decompress((folder / f"{stem}.geojson.gz").read_bytes()))["features"]


def pixels_of(slide: Path, mpp: float = MPP) -> np.ndarray:
    with Slide.open(slide) as file:
        return file.read(
            0, 0, round(file.width_px * file.mpp / mpp), round(file.height_px * file.mpp / mpp), mpp
        )


def same_nuclei(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two label maps are the same but for the numbers."""
    table = overlap(first, second)
    return np.array_equal(first > 0, second > 0) and len(table.iou) == len(table.true_ids) == len(
        table.pred_ids
    )


def test_nuclei_are_those_of_the_whole_at_once_to_the_pixel(slide, done) -> None:
    found = labels_of(done)
    assert same_nuclei(dark_spots().segment(pixels_of(slide), MPP), found)
    assert len(np.unique(found)) - 1 == len(spread_centres(700, 820))
    assert np.unique(found).tolist() == list(range(found.max() + 1))


def test_every_file_holds_the_same_nuclei(slide, done) -> None:
    found, table = labels_of(done), pd.read_parquet(done / "a.parquet")
    pd.testing.assert_frame_equal(table, pd.read_csv(done / "a.csv"))
    expected = measured(pixels_of(slide), found.astype(np.int32), MPP)
    pd.testing.assert_frame_equal(table, expected)
    features = features_of(done)
    assert [feature["properties"]["name"] for feature in features] == [str(number) for number in table["id"]]
    for feature, (_, row) in list(zip(features, table.iterrows(), strict=True))[::40]:
        outline = shape(feature["geometry"])
        assert outline.area == row["area_px"]
        assert outline.centroid.coords[0] == pytest.approx((row["col"] + 0.5, row["row"] + 0.5))
    assert (done / "a_density.png").stat().st_size > 0


@pytest.mark.parametrize("trained", [2 * MPP, 1.3 * MPP, MPP / 2])
def test_a_slide_of_another_scale_is_read_at_the_segmenters_and_written_in_its_own_pixels(
    slide, tmp_path, trained
) -> None:
    segmenter = dark_spots(trained)
    found_on(slide, tmp_path, segmenter).write(tmp_path, "a", ALL)
    table = pd.read_parquet(tmp_path / "a.parquet")
    centres = spread_centres(700, 820) / MPP
    assert len(table) == len(centres)
    places = table[["row", "col"]].to_numpy() + 0.5
    away = np.linalg.norm(places[:, None] - centres[None], axis=2)
    assert away.min(axis=1).max() < 1
    assert sorted(away.argmin(axis=1)) == list(range(len(centres)))
    assert table["area_um2"].mean() == pytest.approx(np.pi / 4 * DIAMETER_UM**2, rel=0.1)
    np.testing.assert_allclose(table["area_px"] * MPP**2, table["area_um2"], rtol=0.001)
    assert table["major_px"].mean() * MPP == pytest.approx(DIAMETER_UM, rel=0.1)
    for feature, area in zip(features_of(tmp_path), table["area_px"], strict=True):
        assert shape(feature["geometry"]).area == pytest.approx(area, rel=0.02)
    scale = json.loads((tmp_path / "a.ome.zarr" / ".zattrs").read_text())["multiscales"][0]["datasets"][0]
    assert scale["coordinateTransformations"][0]["scale"] == pytest.approx([trained] * 2, rel=0.01)


def test_any_segmenter_will_do(slide, tmp_path) -> None:
    """One that has no windows and no scale, and finds the same in every block."""
    files, rows = found_on(slide, tmp_path, MockSegmenter()).write(tmp_path, "a", ["parquet"])
    assert rows[0]["nuclei"] == len(pd.read_parquet(files["parquet"])) > 0


def test_glass_is_not_looked_at_and_a_slide_of_glass_has_no_nuclei(tmp_path) -> None:
    image = np.full((700, 820, 3), GLASS, np.uint8)
    image[:250, :250] = disc_image(250, 250, MPP, spread_centres(250, 250), DIAMETER_UM)
    for name, shown in (("half", image), ("none", np.full_like(image, GLASS))):
        found = found_on(write_tiled(tmp_path / f"{name}.tif", shown, MPP), tmp_path / name)
        files, rows = found.write(tmp_path / name, "a", ALL)
        assert len(found.work.plan.blocks) == (4 if name == "half" else 0)
        assert rows[0]["nuclei"] == len(pd.read_parquet(files["parquet"])) == labels_of(tmp_path / name).max()
        assert rows[0]["nuclei"] == (len(spread_centres(250, 250)) if name == "half" else 0)
        assert rows[0]["area_mm2"] == pytest.approx(0.0156 if name == "half" else 0, rel=0.1)


def test_regions_limit_the_blocks_and_the_nuclei(slide, done, tmp_path) -> None:
    boxes = {"left": (20, 20, 120, 300), "right": (500, 100, 700, 180)}  # x, y, to x, to y
    features = [
        {
            "type": "Feature",
            "properties": {"objectType": "annotation", "name": name},
            "geometry": {"type": "Polygon", "coordinates": [[[x, y], [r, y], [r, b], [x, b], [x, y]]]},
        }
        for name, (x, y, r, b) in boxes.items()
    ]
    drawn = tmp_path / "regions.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = found_on(slide, tmp_path, regions=drawn, classifier=DAB())
    files, rows = found.write(tmp_path, "a", ALL)
    assert {(block.row, block.col) for block in found.work.plan.blocks} == {
        (0, 0), (1, 0), (0, 2), (0, 3),
    }  # fmt: skip
    everything, inside = pd.read_parquet(done / "a.parquet"), pd.read_parquet(files["parquet"])
    for row in rows[1:]:
        x, y, right, bottom = boxes[row["region"]]
        across, down = everything["col"] + 0.5, everything["row"] + 0.5
        expected = (across.between(x, right) & down.between(y, bottom)).sum()
        assert row["nuclei"] == (inside["region"] == row["region"]).sum() == expected > 0
        assert row["area_px"] == (right - x) * (bottom - y)
        assert row["positive"] + row["negative"] == row["nuclei"]
    assert rows[0]["nuclei"] == len(inside) == labels_of(tmp_path).max() == len(features_of(tmp_path))


def test_positive_is_what_it_would_be_in_the_whole_image(tmp_path) -> None:
    """The tint of haematoxylin is that of all nuclei, not of each block's."""
    image = disc_image(420, 420, MPP, spread_centres(420, 420), DIAMETER_UM)
    dark = image[..., 0] < 150
    brown = dark & (np.arange(420) >= 210)
    image[brown] = (110, 70, 40)
    path = write_tiled(tmp_path / "a.tif", image, MPP, downsamples=(1, 4))
    files, rows = found_on(path, tmp_path, core_px=128, classifier=DAB()).write(
        tmp_path, "a", ["parquet", "labels"]
    )
    table, whole = pd.read_parquet(files["parquet"]), pixels_of(path)
    score = DAB().score(whole, labels_of(tmp_path).astype(np.int32))
    np.testing.assert_allclose(table["dab_excess"], score, atol=1e-9)
    assert ((table["class"] == "positive") == (score >= DAB().threshold)).all()
    assert 0.3 < rows[0]["positive"] / rows[0]["nuclei"] < 0.7


# -- what is damaged -----------------------------------------------------------------------------------------

#: The place of tile 5, the second of the second row, which is 0.0164 mm².
LOST = np.s_[256:512, 256:512]


def damaged(path: Path, *tiles: int) -> Path:
    written(path)
    for tile in tiles:
        damage_tile(path, tile)
    return path


def test_what_cannot_be_decoded_is_no_tissue_and_the_rest_is_found_as_ever(slide, done, tmp_path) -> None:
    found = found_on(damaged(tmp_path / "a.tif", 5), tmp_path, classifier=DAB())
    files, rows = found.write(tmp_path, "a", ALL)
    image = pixels_of(slide)
    image[LOST] = 255
    labels = labels_of(tmp_path)
    assert same_nuclei(dark_spots().segment(image, MPP), labels)
    assert not labels[LOST].any()
    assert rows[0]["nuclei"] == labels.max() == len(pd.read_parquet(files["parquet"]))
    assert found.slide["unreadable_mm2"] == pytest.approx(256**2 * MPP**2 / 1e6, rel=0.01)
    whole = found_on(slide, tmp_path / "whole").tissue_mm2
    assert whole - found.slide["tissue_mm2"] == pytest.approx(256**2 * MPP**2 / 1e6, rel=0.01)
    assert rows[0]["area_mm2"] == pytest.approx(found.slide["tissue_mm2"], rel=0.01)
    assert found.unreadable == found.slide["why"]
    assert "cannot be decoded in 1 place, 0.0164 mm²" in (found.unreadable or "")
    assert "column 256, row 256 of level 0" in (found.unreadable or "")


def test_of_a_region_what_can_be_decoded_is_its_area(tmp_path) -> None:
    path = damaged(tmp_path / "a.tif", 0, 5)
    boxes = {"half": (384, 300, 640, 400), "whole": (600, 100, 700, 180)}  # x, y, to x, to y
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {"type": "Polygon", "coordinates": [[[x, y], [r, y], [r, b], [x, b], [x, y]]]},
        }
        for name, (x, y, r, b) in boxes.items()
    ]
    drawn = tmp_path / "regions.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = found_on(path, tmp_path, regions=drawn)
    _, rows = found.write(tmp_path, "a", ["parquet"])
    assert [row["area_px"] for row in rows] == [128 * 100 + 8000, 128 * 100, 8000]
    assert found.slide["unreadable_mm2"] == pytest.approx(128 * 100 * MPP**2 / 1e6, abs=1e-4)
    assert "1 place" in (found.unreadable or "")  # the other is in no region


def test_a_stop_forgets_nothing_of_what_is_damaged(tmp_path) -> None:
    path, asked = damaged(tmp_path / "a.tif", 5), []

    class Stopping:
        def segment(self, image, mpp=None):
            asked.append(1)
            if len(asked) == 19:  # all that see the place are done
                raise KeyboardInterrupt
            return dark_spots().segment(image, mpp)

        def maps(self, image, mpp=None):
            return {}

    with pytest.raises(KeyboardInterrupt):
        found_on(path, tmp_path / "stopped", Stopping())
    for output in ("stopped", "whole"):
        found = found_on(path, tmp_path / output, Stopping())
        found.write(tmp_path / output, "a", ALL)
        assert found.slide["unreadable_mm2"] > 0
    stopped, whole = (content(tmp_path / output, but=["of.json"]) for output in ("stopped", "whole"))
    kept = {name for name in whole if not name.startswith(".maskless")}
    assert {name: stopped[name] for name in kept} == {name: whole[name] for name in kept}


def test_a_slide_of_whose_tissue_nothing_can_be_decoded_fails(tmp_path) -> None:
    path = damaged(tmp_path / "a.tif", *range(12))
    with pytest.raises(UserError, match=r"a\.tif is cut short or damaged"):
        found_on(path, tmp_path / "out")


def test_a_slide_without_a_scale_is_refused_with_what_to_say(tmp_path) -> None:
    with pytest.raises(UserError, match=r"a\.tif.*mpp="):
        found_on(written(tmp_path / "a.tif", mpp=None), tmp_path / "out")
    assert found_on(tmp_path / "a.tif", tmp_path / "out", mpp=MPP).mpp == MPP


def test_reading_does_not_run_ahead_of_the_network() -> None:
    read: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        for k in ahead(pool, lambda k: (read.append(k), k)[1], range(20), 2):
            time.sleep(0.002)
            assert len(read) <= k + 4
    assert read == list(range(20))


# -- on after a stop -----------------------------------------------------------------------------------------


def run_script(name: str, *words: object) -> str:
    """What a script beside this file prints, run as a process of its own."""
    here = Path(__file__).parent
    paths = os.pathsep.join([*sys.path, str(here), str(here.parents[1] / "data")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, here / name, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="three"), pytest.param(20, id="twenty", marks=pytest.mark.long)]
)
def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(slide, tmp_path, kills) -> None:
    run_script("killing.py", slide, tmp_path, kills)
    expected = content(tmp_path / "whole")
    notes = {name for name in expected if "/slides/" in name}  # which say how long it took
    assert len(notes) == 1
    for folder in tmp_path.glob("killed-*"):
        ended = content(folder)
        assert ended.keys() == expected.keys()
        assert {name for name in expected if ended[name] != expected[name]} <= notes


def test_blocks_that_are_done_are_not_done_again(slide, tmp_path) -> None:
    asked: list[int] = []

    class Stopping:
        def segment(self, image, mpp=None):
            asked.append(1)
            if len(asked) == 6:
                raise KeyboardInterrupt
            return dark_spots().segment(image, mpp)

        def maps(self, image, mpp=None):
            return {}

    with pytest.raises(KeyboardInterrupt):
        found_on(slide, tmp_path, Stopping())
    found = found_on(slide, tmp_path, Stopping())
    blocks = len(found.work.plan.blocks)
    assert blocks + 1 <= len(asked) <= blocks + 6
    assert len(list(tmp_path.glob(".maskless/a.blocks/*.arrow"))) == blocks


# -- a trained network ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["rendered-he"])
def test_a_trained_network_finds_the_same_nuclei_in_blocks_as_in_the_whole(tmp_path, model) -> None:
    image, _ = tissue_image(640, 640, power=40)
    path = write_tiled(tmp_path / "a.tif", image, 0.25, downsamples=(1, 4))
    segmenter = load(model)
    found_on(path, tmp_path, segmenter, core_px=320).write(tmp_path, "a", ["labels"])
    whole, blocks = segmenter.segment(pixels_of(path, 0.25), 0.25), labels_of(tmp_path)
    assert blocks.max() == pytest.approx(whole.max(), rel=0.01)
    table = overlap(whole, blocks)
    assert (table.iou >= 0.9).sum() >= 0.99 * whole.max()


# -- memory --------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_slide(tmp_path) -> None:
    peaks = [float(line) for line in run_script("growing.py", tmp_path).split()]
    assert len(peaks) == 3
    assert peaks[2] < 1.2 * peaks[0]
