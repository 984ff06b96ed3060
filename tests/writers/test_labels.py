"""Label files give back the very ids that went in."""

import resource

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from maskless.errors import UserError
from maskless.writers.labels import write_label_png, write_labels

shapes = array_shapes(min_dims=2, max_dims=2, max_side=20)
lasting = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


@lasting
@given(arrays(np.int64, shapes, elements=st.sampled_from([0, 1, 65535, 65536, 2**31 - 1, 2**32 - 1])))
def test_a_tiff_holds_the_ids_in_the_smaller_type_that_takes_them(tmp_path, instances):
    write_labels(tmp_path / "a.tif", instances)
    again = tifffile.imread(tmp_path / "a.tif")
    assert np.array_equal(again, instances)
    assert again.dtype == (np.uint16 if instances.max() <= 65535 else np.uint32)


def test_a_tiff_is_deflated_and_read_by_others(tmp_path):
    instances = np.zeros((300, 400), np.int32)
    instances[20:60, 30:80] = 7
    write_labels(tmp_path / "a.tif", instances)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert len(tiff.pages) == 1
    assert (tmp_path / "a.tif").stat().st_size < 2000
    assert np.array_equal(np.array(Image.open(tmp_path / "a.tif")), instances)


@lasting
@given(arrays(np.int32, shapes, elements=st.sampled_from([0, 1, 255, 256, 65535])))
def test_a_png_holds_the_ids_in_16_bits(tmp_path, instances):
    write_label_png(tmp_path / "a.png", instances)
    with Image.open(tmp_path / "a.png") as png:
        assert png.mode == "I;16"
        assert np.array_equal(np.array(png), instances)


def test_a_png_refuses_ids_that_it_cannot_hold(tmp_path):
    with pytest.raises(UserError, match=r"a\.png cannot hold ids up to 65536"):
        write_label_png(tmp_path / "a.png", np.array([[65536]], np.int32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [write_labels, write_label_png])
@pytest.mark.parametrize(
    "no_map",
    [np.ones((2, 2), np.float32), np.ones((2, 2, 3), np.uint8), np.array([[-1]]), np.array([[2**32]])],
    ids=["float", "rgb", "negative", "too large"],
)
def test_what_is_no_label_map_is_refused(tmp_path, write, no_map):
    with pytest.raises(ValueError, match=r"a label map is|are outside"):
        write(tmp_path / "a", no_map)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [write_labels, write_label_png])
def test_a_disk_that_gives_out_leaves_the_old_file(tmp_path, write):
    path = tmp_path / "labels"
    path.write_bytes(b"before")
    noise = np.random.default_rng(0).integers(0, 1000, (200, 200))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(UserError, match="cannot be written"):
            write(path, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [write_labels, write_label_png])
def test_the_same_map_gives_the_same_bytes(tmp_path, write):
    instances = np.arange(12, dtype=np.int32).reshape(3, 4)
    write(tmp_path / "a", instances)
    write(tmp_path / "b", instances)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
