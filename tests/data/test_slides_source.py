"""Learning from slides through their index."""

import os
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from slide_files import TISSUE, damage_tile, disc_image, write_aperio, write_tiled
from torch.utils.data import DataLoader

from maskless.data.datamodule import TrainingSet
from maskless.data.readers.slides import Slides
from maskless.data.scales import refuse_without_powers
from maskless.data.slide_table import slide_files
from maskless.data.source import Undecodable
from maskless.data.tile_index import SCHEMA, index_slide
from maskless.data.tiles import OPEN_SLIDES, OpenSlides, place_of, read_tiles
from maskless.data.transforms import Pipeline
from maskless.errors import UserError
from maskless.signals import Item, Need, Role, Sample, Signal

POWERS = (10, 20, 40)


def folder_of(path: Path, names: list[str], **options) -> Path:
    image = disc_image(1000, 1100, 0.25, [(60, 80), (150, 200)], 12, TISSUE)
    path.mkdir(exist_ok=True)
    for name in names:
        write_aperio(path / name, image, **options)
    return path


def prepared(path: Path, **arguments) -> Slides:
    source = Slides(path, size_px=64, stride_px=56, **arguments)
    source.index.mkdir(exist_ok=True)
    for slide in source.slides.values():
        index_slide(slide, source.tiling, source.index)
    return source


@pytest.fixture(scope="module")
def slides(tmp_path_factory) -> Slides:
    return prepared(folder_of(tmp_path_factory.mktemp("slides"), ["a.svs", "b.svs"]))


def training(source: Slides, needs=(Signal.SCALES,), powers=POWERS) -> TrainingSet:
    pipelines = {Role.MAIN: Pipeline({}, 32)}
    return TrainingSet({Role.MAIN: source}, [Need(n) for n in needs], pipelines, 0, "s", powers=powers)


def test_a_tile_is_read_at_its_power_and_place(slides: Slides) -> None:
    for power in POWERS:
        items = slides.items_at("train", power)
        assert len(items) > 5
        sample = slides.read(items[3], [Signal.SCALES, Signal.IMAGE])
        assert (sample.mpp, sample.power) == (10 / power, power)
        assert list(sample[Signal.SCALES]) == [power]
        name, of_power, x, y = place_of(items[3])
        assert (name, of_power) == ("a", power)
        with slides._opened("a") as opened:
            wanted = opened.read(x, y, 64, 64, 10 / power)
        np.testing.assert_array_equal(sample[Signal.IMAGE], wanted)
    assert slides.items("train")[0] == slides.items_at("train", 40)[0]
    refuse_without_powers(slides, POWERS, None)
    with pytest.raises(
        UserError, match=r"slides has no tiles at 5x, only at 10x, 20x, 40x: set dataset\.powers"
    ):
        refuse_without_powers(slides, (5, 10, 20), None)


def test_a_power_at_which_no_slide_was_scanned_is_said(tmp_path: Path) -> None:
    source = prepared(folder_of(tmp_path, ["a.svs"], mpp=0.5, power=20))
    for needs, powers in (((Signal.SCALES,), POWERS), ((Signal.IMAGE,), ())):
        with pytest.raises(UserError, match=r"those slides have tiles at 10x, 20x alone; set method\.powers"):
            training(source, needs, powers)
    assert training(source, powers=(10, 20))[1]


def test_training_sees_each_power_equally_often_and_every_tile_once_a_pass(slides: Slides) -> None:
    data = training(slides)
    drawn = [data[n] for n in range(60)]
    assert [int(one[Role.MAIN][Signal.SCALES]) for one in drawn] == [0, 1, 2] * 20
    assert drawn[0][Role.MAIN][Signal.IMAGE].shape == (32, 32, 3)
    seen: list[str] = []
    read = slides.read
    slides.read = lambda item, signals: seen.append(item.id) or read(item, signals)  # type: ignore[method-assign]
    coarse = slides.items_at("train", 10)
    for n in range(len(coarse)):
        data[3 * n]
    del slides.read
    assert sorted(seen) == sorted(item.id for item in coarse)


def test_the_image_is_a_tile_of_the_highest_power(slides: Slides) -> None:
    data = training(slides, (Signal.IMAGE,), powers=())
    assert data.mpp == 0.25
    assert data[0][Role.MAIN][Signal.IMAGE].shape == (32, 32, 3)


def test_loading_processes_see_the_same_and_nothing_is_copied(slides: Slides) -> None:
    before = {file: file.stat().st_mtime_ns for file in slides.path.rglob("*")}
    data = training(slides)
    alone = [data[n][Role.MAIN][Signal.IMAGE] for n in range(8)]  # the slides are open here when it forks
    loaded = DataLoader(data, batch_size=None, sampler=range(8), num_workers=2)
    for one, other in zip(alone, loaded, strict=True):
        np.testing.assert_array_equal(one, other[Role.MAIN][Signal.IMAGE])
    assert {file: file.stat().st_mtime_ns for file in slides.path.rglob("*")} == before


def test_a_damaged_tile_is_named_and_another_takes_its_place(tmp_path: Path) -> None:
    source = prepared(folder_of(tmp_path / "x", ["a.svs"], downsamples=(1,)), powers=[40])
    for tile in range(4, 8):
        damage_tile(source.path / "a.svs", tile)
    data = training(source, (Signal.IMAGE,), powers=())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        shown = [data[n][Role.MAIN][Signal.IMAGE] for n in range(len(source.items("train")))]
    assert len(shown) == len(source.items("train"))
    assert any("a.svs cannot be decoded at column" in str(one.message) for one in said)


def test_a_source_of_which_nothing_can_be_decoded_stops_the_training(slides: Slides, monkeypatch) -> None:
    def undecodable(item: Item, signals: object) -> Sample:
        raise Undecodable(f"{item.id} cannot be decoded")

    monkeypatch.setattr(slides, "read", undecodable)
    with (
        pytest.warns(UserWarning, match="left out: "),
        pytest.raises(UserError, match="100 images of slides one after the other"),
    ):
        training(slides, (Signal.IMAGE,), powers=())[0]


def test_few_slides_are_open_at_once() -> None:
    opened: list[str] = []
    closed: list[str] = []

    class Handle:
        def __init__(self, name: str) -> None:
            self.name = name
            opened.append(name)

        def close(self) -> None:
            closed.append(self.name)

    pool = OpenSlides(Handle)  # type: ignore[arg-type]
    for name in [*map(str, range(OPEN_SLIDES)), "0", "more", "0"]:
        assert pool[name].name == name
    assert opened == [*map(str, range(OPEN_SLIDES)), "more"]
    assert closed == ["1"]  # the one that was not used for longest


def test_an_index_of_many_rows_is_small_and_opens_at_once(tmp_path: Path) -> None:
    """A tenth of 2 million rows, of which a worker may hold 200 MiB: in Python's memory 12 bytes a row."""
    n = 200_000
    grid = np.arange(n, dtype=np.int32)
    table = pa.table(
        {
            "slide": pa.array(["a"] * n), "level": np.zeros(n, np.int16), "x": grid % 447 * 224,
            "y": grid // 447 * 224, "size": np.full(n, 240, np.int32),
            "power": np.where(grid % 21 == 0, 20, 40).astype(np.float32), "cover": np.ones(n, np.float32),
        }
    ).cast(SCHEMA)  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    tracemalloc.start()
    began = time.process_time()
    tiles = read_tiles({Item("a", "a"): tmp_path / "a.parquet"}, [20.0, 40.0])
    assert time.process_time() - began < 1
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert sum(map(len, tiles.values())) == n
    assert held < 13 * n
    assert tiles[40.0][5].id == "a-40x-1344-0"
    assert [item.id for item in tiles[40.0][1:3]] == [tiles[40.0][k].id for k in (1, 2)]


# -- which slides, in which part -----------------------------------------------------------------------------


def test_the_table_gives_spacing_part_and_patient(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", ["a.svs", "b.svs"], mpp=None, power=None)
    write_tiled(folder / "c.tif", np.zeros((300, 300, 3), np.uint8))
    (folder / "slides.csv").write_text(
        "slide,mpp,power,split,group\na.svs,0.25,,train,p1\nb,,40,test,p2\nc.tif,,,,\n"
    )
    source = prepared(folder, mpp=0.3)
    assert [(s.mpp, s.power) for s in source.slides.values()] == [(0.25, None), (None, 40), (0.3, None)]
    parts = source.splits()["official"].parts
    assert {part: [(i.id, i.group) for i in items] for part, items in parts.items()} == {
        "train": [("a", "p1")],
        "val": [],
        "test": [("b", "p2")],
    }
    assert {place_of(item)[0] for item in source.items("train")} == {"a"}
    assert {place_of(item)[0] for item in source.items("test")} == {"b"}


def test_a_scale_for_all_is_that_of_slides_that_state_none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["a.svs"])
    folder_of(tmp_path, ["b.svs"], mpp=None, power=None)
    source = prepared(folder, mpp=0.5)
    assert [source._opened(name).mpp for name in "ab"] == [0.25, 0.5]
    assert [row["found"]["mpp"] for row in source._indexed.values()] == [0.25, 0.5]


def test_the_patients_of_the_paper_are_found_by_their_barcodes(tmp_path: Path) -> None:
    names = ["TCGA-18-5592-01Z-00-DX1.svs", "TCGA-AY-A8YK-01A-01-TS1.9f.svs", "TCGA-G9-6362-01Z-00-DX1.svs"]
    source = prepared(folder_of(tmp_path / "x", [*names, "other.svs"]), split="tcga_19_11", powers=[10])
    parts = source.splits()["tcga_19_11"].parts
    assert [item.group for item in parts["val"]] == ["TCGA-18-5592", "TCGA-AY-A8YK"]
    assert [item.group for item in parts["train"]] == ["TCGA-G9-6362"]
    assert source.items("train")[0].case == "TCGA-G9-6362-01Z-00-DX1"
    assert len(source.splits()["official"].parts["train"]) == 4


def test_the_lists_of_the_paper_are_whole() -> None:
    from maskless.data.readers import slides

    train, val = slides._TRAIN_19.split(), slides._VAL_11.split()
    assert (len(set(train)), len(set(val)), set(train) & set(val)) == (19, 11, set())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("slide,mmp\na,1", "has a column 'mmp'; did you mean 'mpp'"),
        ("name,mpp\na,1", "has a column 'name'"),
        ("mpp\n1", "has no column slide"),
        ("slide,mpp\nz.svs,1", "names z.svs, which is not in"),
        ("slide,mpp\na,0.25\na,0.5", "has a twice"),
        ("slide,mpp\na,fine", "a: mpp=fine is no number"),
        ("slide,mpp\na,250", "looks like nm"),
        ("slide,split\na,validation", "split=validation is none of train, val, test"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, said: str) -> None:
    folder = folder_of(tmp_path / "x", ["a.svs"])
    (folder / "slides.csv").write_text(table)
    with pytest.raises(UserError, match=said):
        slide_files(folder)


def test_what_is_missing_or_has_changed_is_said(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", ["a.svs", "b.svs"])
    assert "there is no folder" in Slides(tmp_path / "none").problems()[0]
    assert "maskless prepare dataset=slides" in Slides(folder).problems()[0]
    source = prepared(folder, verify=True)
    assert source.problems() == source.extra() == Slides(folder, size_px=64, stride_px=56).problems() == []
    (source.index / "b.parquet").unlink()
    fresh = Slides(folder, size_px=64, stride_px=56)
    assert fresh.problems() == []  # what is left is learnt from
    assert "b.svs is not in the index" in fresh.extra()[0]
    assert "was indexed with other numbers" in Slides(folder, size_px=32).problems()[0]
    with (folder / "a.svs").open("ab") as file:
        file.write(b"more")
    assert "has changed since it was indexed" in fresh.problems()[0]


@pytest.mark.skipif(not os.environ.get("MASKLESS_DATA"), reason="no MASKLESS_DATA")
def test_the_real_slides_are_read_through_an_index(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("slide,mpp\nTCGA-CR-7395-01A-01-TS1.svs,1.0\n")
    where = {"path": Path(os.environ["MASKLESS_DATA"], "wsi"), "index": tmp_path / "index"}
    source = Slides(**where, table=tmp_path / "t.csv", powers=[5, 10, 20])
    source.index.mkdir()
    found = [index_slide(slide, source.tiling, source.index) for slide in source.slides.values()]
    assert [one.tiles["20"] > 0 for one in found] == [True, False]  # 0.5 and 1 µm/px
    data = training(source, powers=(5, 10, 20))
    for n in range(6):
        image = data[n][Role.MAIN][Signal.IMAGE].numpy()
        assert image.mean() < 235  # tissue
