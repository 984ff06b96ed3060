"""The labels of a slide as a pyramid: what was painted is read back, in bounded memory."""

import tracemalloc
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from maskless.errors import UserError
from maskless.writers import label_pyramid
from maskless.writers.label_pyramid import LabelPyramid


def written(path: Path, labels: np.ndarray, **options) -> zarr.Group:
    """The nuclei of a label map, painted one by one, and so in overlapping boxes."""
    with LabelPyramid(path, *labels.shape, mpp=0.5, **options) as pyramid:
        for number, (rows, cols) in enumerate(ndimage.find_objects(labels), 1):
            pyramid.paint(rows.start, cols.start, np.where(labels[rows, cols] == number, number, 0))
    return zarr.open_group(path, mode="r")


def blobs(seed: int, height: int, width: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 2)
    return ndimage.label(noise > 0.05)[0]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), height=st.integers(1, 70), width=st.integers(1, 70))
def test_levels_are_every_second_pixel_of_what_was_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, height: int, width: int
) -> None:
    """Chunks are come back to after they were left: four are held."""
    monkeypatch.setattr(label_pyramid, "_HELD_BYTES", 0)
    labels = blobs(seed, height, width)
    pyramid = written(tmp_path / "a.ome.zarr", labels, chunk_px=16)
    (multiscale,) = pyramid.attrs["multiscales"]
    for number, dataset in enumerate(multiscale["datasets"]):
        array = pyramid[dataset["path"]]
        assert array.dtype == np.uint32
        assert np.array_equal(array[:], labels[:: 2**number, :: 2**number])
        (scale,) = dataset["coordinateTransformations"]
        assert scale == {"type": "scale", "scale": [0.5 * 2**number] * 2}
    assert max(array.shape) <= 16  # the last one
    assert [axis["name"] for axis in multiscale["axes"]] == ["y", "x"]
    assert pyramid.attrs["image-label"] == {"version": "0.4"}


def test_chunks_without_a_nucleus_are_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    with LabelPyramid(path, 100, 100, mpp=0.5, chunk_px=10) as pyramid:
        pyramid.paint(16, 28, np.array([[1, 0, 1]]) * (2**32 - 1))
    assert {name for name in contents(path) if not name.split("/")[-1].startswith(".")} == {
        *("0/1/2", "0/1/3", "1/0/1", "2/0/0"),  # beyond, both fall between the pixels
    }
    array = zarr.open_array(path / "0", mode="r")
    assert array[16, 26:33].tolist() == [0, 0, 2**32 - 1, 0, 2**32 - 1, 0, 0]
    assert np.count_nonzero(array[:]) == 2


def test_the_same_nuclei_give_the_same_bytes(tmp_path: Path) -> None:
    labels = blobs(0, 600, 700)
    written(tmp_path / "a.ome.zarr", labels, chunk_px=256)
    written(tmp_path / "b" / "a.ome.zarr", labels, chunk_px=256)
    assert contents(tmp_path / "a.ome.zarr") == contents(tmp_path / "b" / "a.ome.zarr")


def test_it_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    written(path, blobs(0, 40, 40))
    before = contents(path)
    (tmp_path / ".a.ome.zarr.part").mkdir()  # of a process that was killed
    (tmp_path / ".a.ome.zarr.part" / "junk").touch()
    with suppress(RuntimeError), LabelPyramid(path, 40, 40, 0.5) as pyramid:
        pyramid.paint(0, 0, np.ones((2, 2), int))
        raise RuntimeError
    assert contents(path) == before
    assert list(tmp_path.iterdir()) == [path]
    written(path, np.zeros((40, 40), int))
    assert not [name for name in contents(path) if name.startswith("0/0")]


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, 9), (10, 0)])
def test_labels_lie_within(tmp_path: Path, row: int, col: int) -> None:
    said = pytest.raises(ValueError, match=r"labels of 1 x 2 px .* are not within \(10, 10\)")
    with LabelPyramid(tmp_path / "a.ome.zarr", 10, 10, 0.5) as pyramid, said:
        pyramid.paint(row, col, np.ones((1, 2), int))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"a\.ome\.zarr cannot be written: .*; choose another folder"):
        LabelPyramid(tmp_path / "file" / "a.ome.zarr", 10, 10, 0.5).__enter__()


def test_memory_does_not_grow_with_the_slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nuclei block by block, on slides of 1 MB and of 9 MB of labels."""
    monkeypatch.setattr(label_pyramid, "_HELD_BYTES", 2**19)
    peaks = []
    for side in (512, 1536):
        tracemalloc.start()
        with LabelPyramid(tmp_path / "a.ome.zarr", side, side, 0.5, chunk_px=128) as pyramid:
            for number, (top, left) in enumerate(product(range(0, side, 256), repeat=2), 1):
                labels = np.zeros((250, 250), np.int32)
                labels.reshape(25, 10, 25, 10)[::2, :, ::2] = number
                pyramid.paint(top, left, labels)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] > 2**19
    assert peaks[1] < 1.3 * peaks[0]
