"""Files that claim to be enormous, and large ones: refused, or read within what docs/trust.md states."""

import gzip
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from bcdata_files import write_bcdata
from he_layouts import write_monuseg
from image_files import png
from layouts import write_folder

from maskless.data.polygons import rasterise

HERE = Path(__file__).parent
GIB = 2**30
#: Beyond what the program itself takes: for a file that is refused, and for a million points in a GeoJSON.
REFUSED_BYTES, MILLION_POINTS_BYTES = GIB // 4, 2 * GIB
POINT = b'{"type":"Feature","geometry":{"type":"Point","coordinates":[%d.5,7]},"properties":{}}'
AREA = b'{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[40,0],[40,30],[0,0]]]}}'


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> dict[str, dict]:
    """What each command came to, the cheap ones first: the memory of one is at least that of those before."""
    folder = tmp_path_factory.mktemp("large")
    words = commands(folder)
    measured = subprocess.run(
        [sys.executable, str(HERE / "measured.py"), json.dumps(list(words.values()))],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert measured.returncode == 0, measured.stderr[-3000:]
    return dict(zip(words, json.loads(measured.stdout), strict=True))


def commands(folder: Path) -> dict[str, list[str]]:
    predict = ["predict", "method=threshold", "progress=false", "formats=[csv]"]
    image = write_folder(folder / "image", ["a"], labelled=False) / "images" / "a.png"
    words = {"nothing": [*predict, f"input={image}", "output=nothing"]}

    bomb = png(folder / "bomb.png", 100_000, 100_000, bits=8, colour_type=2, rows=b"\0" * 1000)
    words["a png"] = [*predict, f"input={bomb}", "output=escaped"]

    ids = write_folder(folder / "ids", ["a", "b", "c"])
    large = np.zeros((40, 48), np.uint32)
    large[3, 3] = 2**31
    tifffile.imwrite(ids / "labels" / "a.tif", large, photometric="minisblack")
    (ids / "labels" / "a.png").unlink()
    words["an id"] = ["evaluate", "method=threshold", "dataset=folder", f"dataset.path={ids}"]

    many = write_folder(folder / "many", ["a", "b", "c"])
    png(many / "labels" / "a.png", 46_341, 46_341, bits=16, colour_type=0, rows=b"\0" * 1000)
    words["as many ids"] = [
        "evaluate",
        "method=threshold",
        "dataset=folder",
        f"dataset.path={many}",
        "part=test",
    ]

    monuseg = write_monuseg(folder / "monuseg")
    xml = next((monuseg / "MoNuSeg 2018 Training Data" / "Annotations").glob("*.xml"))
    entities = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 10))
    xml.write_text(f'<!DOCTYPE a [<!ENTITY a0 "ha">{entities}]><Annotations>&a9;</Annotations>')
    words["an xml"] = ["evaluate", "method=threshold", "dataset=monuseg", f"dataset.path={monuseg}"]

    bcdata = write_bcdata(folder / "bcdata", {"train": ["a"], "validation": ["b"], "test": ["c"]})
    with h5py.File(bcdata / "annotations" / "train" / "positive" / "a.h5", "w") as file:
        file.create_dataset("coordinates", (10**12, 2), np.int64, chunks=(1000, 2))
    words["an h5"] = ["evaluate", "method=threshold", "dataset=bcdata", f"dataset.path={bcdata}"]

    packed = folder / "packed.geojson"
    with gzip.open(packed, "wb", 1) as file:
        for _ in range(600):
            file.write(b" " * 2**20)
    words["a packed geojson"] = [*predict, f"input={image}", f"region={packed}", "output=escaped"]

    points = b",".join(POINT % k for k in range(1000))
    regions = folder / "points.geojson"
    regions.write_bytes(b"[" + b",".join([AREA, *[points] * 1000]) + b"]")
    words["a million points"] = [*predict, f"input={image}", f"region={regions}", "output=out"]
    return words


@pytest.mark.parametrize(
    ("what", "sentence"),
    {
        "a png": "bomb.png claims more than 150 megapixels, too many to hold at once",
        "an id": "a.tif holds ids above 2147483647, which are not supported",
        "as many ids": "a.png claims more than 150 megapixels",
        "an xml": "declares a document type or entities",
        "an h5": "a.h5 claims more points than an image has pixels",
    }.items(),
)
def test_what_claims_to_be_enormous_is_refused(done, what, sentence):
    one = done[what]
    assert one["code"] == 2
    assert sentence in one["err"]
    assert one["err"].count("\n") == 1
    assert one["peak_bytes"] - done["nothing"]["peak_bytes"] < REFUSED_BYTES


def test_what_unpacks_to_more_than_it_may_is_refused_at_that(done):
    one = done["a packed geojson"]
    assert one["code"] == 2
    assert "packed.geojson holds more than 512 MiB of text" in one["err"]
    assert one["peak_bytes"] - done["nothing"]["peak_bytes"] < 1.5 * GIB


def test_a_million_points_are_passed_over(done):
    one = done["a million points"]
    assert one["code"] == 0, one["err"]
    assert "1000000 of 1000001 annotations passed over (Point)" in one["out"]
    assert one["peak_bytes"] - done["nothing"]["peak_bytes"] < MILLION_POINTS_BYTES


def test_an_outline_of_many_vertices_is_drawn_within_a_chunk():
    """A zigzag over the whole image crosses all rows with every edge: 20 million crossings here."""
    vertices = np.zeros((20_001, 2))
    vertices[:-1, 0] = np.linspace(0, 1000, 20_000)
    vertices[1:-1:2, 1] = 1000
    tracemalloc.start()
    labels = rasterise([vertices], (1000, 1000))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert labels.any()
    assert peak_bytes < GIB // 8
