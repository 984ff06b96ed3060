"""Outlines whose x and y were swapped, told without knowing: by the bounds of their image, or by the dark."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from he_layouts import write_monuseg
from imagescope_files import write_annotation
from PIL import Image

from maskless.data.derive import points
from maskless.data.readers.folder import Folder
from maskless.data.readers.monuseg import MoNuSeg
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "nowhere")) / "monuseg"
A = Item("a", "a")


@pytest.fixture(scope="module")
def tissue() -> tuple[np.ndarray, np.ndarray]:
    """An image of 400 x 400 px and a point in each of its nuclei."""
    source = Synthetic(size_px=400, tiles={"test": 2})
    sample = source.read(source.items("test")[1], [Signal.IMAGE, Signal.INSTANCES])
    return sample[Signal.IMAGE], points(sample[Signal.INSTANCES])


def write(folder: Path, image: np.ndarray, places: np.ndarray, ending: str, swapped: bool) -> Path:
    """A folder of one image with a small diamond around each place, (row, column); the drawing's path."""
    squares = [
        [(column + 0.5 + dx, row + 0.5 + dy) for dx, dy in ((-3, 0), (0, -3), (3, 0), (0, 3))]
        for row, column in places.tolist()
    ]
    if swapped:
        squares = [[(y, x) for x, y in square] for square in squares]
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    Image.fromarray(image).save(folder / "images" / "a.png")
    file = folder / "annotations" / f"a{ending}"
    if ending == ".xml":
        return write_annotation(file, squares)
    rings = [[*square, square[0]] for square in squares]
    geometries = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    features = [{"type": "Feature", "properties": {}, "geometry": geometry} for geometry in geometries]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return file


@pytest.mark.parametrize("ending", [".geojson", ".xml"])
def test_on_an_oblong_image_its_bounds_tell(tmp_path: Path, tissue, ending: str) -> None:
    image, places = tissue
    image, places = image[:160], places[places[:, 0] < 160]
    write(tmp_path / "right", image, places, ending, swapped=False)
    assert Folder(tmp_path / "right").problems() == []
    file = write(tmp_path / "swapped", image, places, ending, swapped=True)
    outside = int((places[:, 1] >= 160).sum())
    said = (
        f"{file}: x and y look swapped, for {outside} of {len(places)} outlines lie outside its image of "
        "160 x 400 px (rows x columns), and none would if they changed places"
    )
    assert Folder(tmp_path / "swapped").problems() == [said]
    with pytest.raises(UserError, match="x and y look swapped"):
        Folder(tmp_path / "swapped").read(A, {Signal.INSTANCES})


@pytest.mark.parametrize("ending", [".geojson", ".xml"])
def test_on_a_square_image_darkness_tells(tmp_path: Path, tissue, ending: str) -> None:
    write(tmp_path / "right", *tissue, ending, swapped=False)
    assert Folder(tmp_path / "right").extra() == []
    file = write(tmp_path / "swapped", *tissue, ending, swapped=True)
    source = Folder(tmp_path / "swapped")
    assert source.problems() == []
    assert source.extra() == [
        f"{file}: x and y look swapped, for the outlines lie on darker places of their image, as nuclei are, "
        "if they change places: look at the preview"
    ]


def test_a_few_outlines_beyond_an_edge_are_no_swap(tmp_path: Path) -> None:
    """Two of four at the lower edge of a wide image, where one would lie inside if it changed places."""
    places = np.array([(39, 5), (41, 12), (42, 20), (10, 30)])
    write(tmp_path, np.full((40, 100, 3), 200, np.uint8), places, ".xml", swapped=False)
    assert Folder(tmp_path).problems() == []


def test_monuseg_says_so_too(tmp_path: Path, tissue) -> None:
    image, places = tissue
    path = write_monuseg(tmp_path / "monuseg")
    file = next((path / "MoNuSeg 2018 Training Data" / "Annotations").glob("*.xml"))
    Image.fromarray(image).save(file.parent.parent / "Tissue Images" / f"{file.stem}.tif")
    file.write_bytes(write(tmp_path / "b", image, places, ".xml", swapped=True).read_bytes())
    assert any(
        remark.startswith(f"{file}: x and y look swapped, for the outlines")
        for remark in MoNuSeg(path).extra()
    )


@pytest.mark.skipif(not REAL.is_dir(), reason="MASKLESS_DATA has no monuseg/")
def test_real_outlines_are_told_from_swapped_ones(tmp_path: Path) -> None:
    source = MoNuSeg(REAL, split="all")
    image, annotation = source.files(source.items("test")[0])
    swap = str.maketrans("XY", "YX")
    for name, change in (("right", str), ("swapped", lambda text: text.translate(swap))):
        for sub in ("images", "annotations"):
            (tmp_path / name / sub).mkdir(parents=True)
        (tmp_path / name / "images" / "a.tif").symlink_to(image)
        (tmp_path / name / "annotations" / "a.xml").write_text(change(annotation.read_text()))
        said = any("x and y look swapped" in remark for remark in Folder(tmp_path / name).extra())
        assert said == (name == "swapped")
