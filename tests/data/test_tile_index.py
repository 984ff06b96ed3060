"""The tile index: tiles where there is tissue, at their power, the same each time."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from slide_files import GLASS, TISSUE, damage_tile, write_aperio

from maskless.data.slide_table import SlideFile
from maskless.data.slides import Slide
from maskless.data.tile_index import Tiling, about_index, index_slide, tiles_at
from maskless.data.tissue import tissue_mask
from maskless.errors import UserError

TILING = Tiling((10.0, 20.0, 40.0), size_px=64, stride_px=56, least_cover=0.7)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A half of tissue, with a hole, at the left of glass."""
    pixels = np.full((1100, 1300, 3), GLASS, np.uint8)
    pixels[40:1060, 30:700] = TISSUE
    pixels[400:700, 200:500] = GLASS
    return pixels


@pytest.fixture
def slide(tmp_path: Path, image: np.ndarray) -> SlideFile:
    return SlideFile("a", write_aperio(tmp_path / "a.svs", image, 0.25, 40, downsamples=(1, 4)))


def rows(folder: Path, name: str = "a"):
    return pq.read_table(folder / f"{name}.parquet").to_pandas()


@pytest.mark.parametrize("mpp", [0.25, 0.2527, 0.2738])
def test_tiles_are_those_that_tissue_covers(tmp_path: Path, image: np.ndarray, mpp: float) -> None:
    """Beside the mean of the mask in each tile, one after the other, pixel by pixel of level 0."""
    with Slide.open(write_aperio(tmp_path / "a.svs", image, mpp, 40)) as slide:
        mask = tissue_mask(slide.thumbnail(1300))
        for power in TILING.powers:
            step = slide.stored_mpp(10 / power) / slide.mpp
            assert step * slide.mpp == pytest.approx(10 / power, rel=0.01)
            found = tiles_at(slide, mask, power, TILING).to_pandas()
            wanted = {}
            side = 64 * step
            y = 0.0
            while y + side <= 1100:
                x = 0.0
                while x + side <= 1300:
                    part = mask[round(y) : round(y + side), round(x) : round(x + side)]
                    wanted[(round(x), round(y))] = part.mean()
                    x += 56 * step
                y += 56 * step
            got = {(x, y): c for x, y, c in zip(found.x, found.y, found.cover, strict=True)}
            assert all(cover >= 0.7 for cover in got.values())
            assert (
                {k for k, c in wanted.items() if c > 0.72}
                <= set(got)
                <= {k for k, c in wanted.items() if c > 0.68}
            )
            for place, cover in got.items():
                assert cover == pytest.approx(wanted[place], abs=0.02)


def test_the_table_says_where_each_tile_is_and_how_it_is_read(tmp_path: Path, slide: SlideFile) -> None:
    found = index_slide(slide, TILING, tmp_path)
    table = rows(tmp_path)
    assert list(table) == ["slide", "level", "x", "y", "size", "power", "cover"]
    assert table.groupby("power").size().to_dict() == {float(p): n for p, n in found.tiles.items()}
    assert dict(zip(table.power, table["level"], strict=True)) == {10: 1, 20: 0, 40: 0}
    assert (table.slide == "a").all()
    assert (table["size"] == 64).all()
    assert found.tissue == pytest.approx((1020 * 670 - 300 * 300) / (1100 * 1300), abs=0.01)
    with Slide.open(slide.path) as opened:  # each tile has the tissue that is said of it
        for row in table.sample(25, random_state=0).itertuples():
            pixels = opened.read(row.x, row.y, row.size, row.size, 10 / row.power).astype(int)
            assert (np.abs(pixels - TISSUE).max(axis=2) < 25).mean() == pytest.approx(row.cover, abs=0.06)


def test_the_picture_shows_the_tiles(tmp_path: Path, slide: SlideFile) -> None:
    index_slide(slide, TILING, tmp_path)
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    assert picture.shape[1] / picture.shape[0] == pytest.approx(1300 / 1100, rel=0.01)
    scale = picture.shape[1] / 1300
    kept, hole = (picture[round(y * scale), round(x * scale)] for x, y in ((100, 120), (350, 550)))
    assert np.abs(kept - TISSUE).max() < 30
    assert hole.min() > 200


def test_what_was_done_is_kept_and_what_changed_is_done_again(
    tmp_path: Path, slide: SlideFile, image: np.ndarray, monkeypatch
) -> None:
    first = index_slide(slide, TILING, tmp_path)
    stored = (tmp_path / "a.parquet").read_bytes()
    monkeypatch.setattr("maskless.data.tile_index.opened_slide", None)  # not opened again
    assert index_slide(slide, TILING, tmp_path) == first
    monkeypatch.undo()
    (tmp_path / "a.parquet").unlink()
    index_slide(slide, TILING, tmp_path)
    assert (tmp_path / "a.parquet").read_bytes() == stored
    other = Tiling((10.0, 20.0), 64, 56, 0.7)
    assert set(index_slide(slide, other, tmp_path).tiles) == {"10", "20"}
    write_aperio(slide.path, np.ascontiguousarray(image[:, ::-1]), 0.25, 40)
    assert index_slide(slide, other, tmp_path).tiles != index_slide(slide, TILING, tmp_path).tiles
    assert rows(tmp_path).x.min() > 500


def test_a_file_cut_short_or_of_something_else_is_no_index(tmp_path: Path, slide: SlideFile) -> None:
    file = tmp_path / "a.parquet"
    assert about_index(file) is None
    for content in (b"", b"no table", b"PAR1" + bytes(40)):
        file.write_bytes(content)
        assert about_index(file) is None
    index_slide(slide, TILING, tmp_path)
    assert json.dumps(about_index(file))


def test_a_slide_is_not_enlarged_to_a_power_that_it_does_not_have(tmp_path: Path, image: np.ndarray) -> None:
    slide = SlideFile("a", write_aperio(tmp_path / "a.svs", image, 0.5, 20))
    found = index_slide(slide, TILING, tmp_path)
    assert found.tiles["40"] == 0
    assert found.tiles["20"] > 0


def test_a_damaged_tile_is_named_and_left_out(tmp_path: Path, image: np.ndarray) -> None:
    slide = SlideFile("a", write_aperio(tmp_path / "a.svs", image, 0.25, 40, downsamples=(1, 4)))
    whole = index_slide(slide, TILING, tmp_path)
    damage_tile(slide.path, 7)  # x from 256, y from 256
    seen = index_slide(slide, TILING, tmp_path)  # on the picture, which is made of level 0 here
    assert whole.tiles["40"] - 40 < seen.tiles["40"] < whole.tiles["40"]
    found = index_slide(slide, Tiling((40.0, 20.0, 10.0), 64, 56, 0.7, verify=True), tmp_path)
    assert 0 < found.tiles["40"] < seen.tiles["40"]
    assert len(found.left_out) == 1 + sum(seen.tiles.values()) - sum(found.tiles.values())
    assert all("a.svs cannot be decoded at column" in said for said in found.left_out)
    with Slide.open(slide.path) as opened:
        for row in rows(tmp_path).itertuples():
            opened.read(row.x, row.y, row.size, row.size, 10 / row.power)


def test_a_slide_whose_picture_is_damaged_keeps_its_other_tiles(tmp_path: Path, image: np.ndarray) -> None:
    slide = SlideFile("a", write_aperio(tmp_path / "a.svs", image, 0.25, 40, downsamples=(1,)))
    damage_tile(slide.path, 6)
    found = index_slide(slide, TILING, tmp_path)
    assert found.left_out
    assert found.tiles["40"] > 100


@pytest.mark.parametrize(
    "wrong", [{"powers": ()}, {"powers": (40.0, 40.0)}, {"size_px": 0}, {"stride_px": 0}, {"least_cover": 70}]
)
def test_numbers_that_make_no_tiles_are_refused(wrong: dict) -> None:
    right = {"powers": (40.0,), "size_px": 64, "stride_px": 64, "least_cover": 0.7}
    with pytest.raises(UserError, match=next(iter(wrong))):
        Tiling(**{**right, **wrong})
