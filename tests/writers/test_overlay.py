"""An overlay colours the rim of each nucleus, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from maskless.errors import UserError
from maskless.writers.overlay import GREEN, outline_overlay, write_overlay


def tissue(instances):
    return np.random.default_rng(0).integers(0, 200, (*instances.shape, 3), dtype=np.uint8)


def rim_by_loop(instances):
    """A nucleus pixel with a side on something else, or on the outside of the image."""
    rim = np.zeros(instances.shape, bool)
    for (row, col), nucleus in np.ndenumerate(instances):
        for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            inside = 0 <= r < instances.shape[0] and 0 <= c < instances.shape[1]
            if nucleus and (not inside or instances[r, c] != nucleus):
                rim[row, col] = True
    return rim


@given(
    arrays(
        np.int32,
        array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([0, 3, 3, 2**31 - 1]),
    )
)
def test_the_rim_is_coloured_and_the_rest_untouched(instances):
    image = tissue(instances)
    before = image.copy()
    overlay = outline_overlay(image, instances, colour=(1, 250, 3))
    rim = rim_by_loop(instances)
    assert overlay.dtype == np.uint8
    assert np.all(overlay[rim] == (1, 250, 3))
    assert np.array_equal(overlay[~rim], image[~rim])
    assert np.array_equal(image, before)


def test_touching_nuclei_have_an_outline_each():
    instances = np.repeat([[5, 5, 5, 8, 8, 8]], 6, axis=0)
    drawn = np.all(outline_overlay(tissue(instances), instances) == GREEN, axis=2)
    assert drawn[3].tolist() == [True, False, True, True, False, True]


def test_a_png_holds_the_overlay_in_rgb(tmp_path):
    instances = np.zeros((20, 30), np.int32)
    instances[5:12, 8:20] = 2
    image = tissue(instances)
    write_overlay(tmp_path / "a.png", image, instances)
    with Image.open(tmp_path / "a.png") as png:
        assert png.mode == "RGB"
        assert np.array_equal(np.array(png), outline_overlay(image, instances))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["size", "alpha", "float"],
)
def test_an_image_that_does_not_fit_is_refused(tmp_path, image):
    with pytest.raises(ValueError, match="an overlay needs"):
        write_overlay(tmp_path / "a.png", image, np.zeros((4, 4), np.int32))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_the_users_error(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    instances = np.zeros((4, 4), np.int32)
    with pytest.raises(UserError, match="not a folder"):
        write_overlay(tmp_path / "out" / "a.png", tissue(instances), instances)
