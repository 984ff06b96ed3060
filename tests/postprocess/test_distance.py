import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from maskless.postprocess.distance import distance
from maskless.postprocess.filters import gaussian

MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(MASKS)
def test_distance_is_to_the_nearest_background_pixel(mask: np.ndarray) -> None:
    background = np.argwhere(~mask)
    if not len(background):  # then the frame around the image is the background
        framed = np.pad(mask, 1)
        background = np.argwhere(~framed) - 1
    pixels = np.indices(mask.shape).reshape(2, -1).T
    nearest = np.linalg.norm(pixels[:, None] - background, axis=2).min(axis=1)
    np.testing.assert_allclose(distance(mask), nearest.reshape(mask.shape), atol=1e-5)


def test_distance_is_exact_far_from_the_background() -> None:
    mask = np.ones((500, 800), bool)
    mask[0, 0] = False
    rows, columns = np.indices(mask.shape)
    expected = np.sqrt((rows**2 + columns**2).astype(np.float32))
    np.testing.assert_array_equal(distance(mask), expected)


def test_distance_does_not_depend_on_where_the_mask_lies_in_memory() -> None:
    """Found as a chain that gave two results for one image, a ridge of one pixel apart."""
    mask = np.random.default_rng(0).random((97, 131)) > 0.02
    memory = np.empty(mask.size + 16, bool)
    results = []
    for offset in range(16):
        view = memory[offset : offset + mask.size].reshape(mask.shape)
        view[...] = mask
        results.append(distance(view).tobytes())
    assert len(set(results)) == 1


def test_a_nucleus_cut_by_the_border_is_deepest_there() -> None:
    mask = np.zeros((30, 30), bool)
    mask[:10, 10:25] = True
    assert distance(mask)[0].max() == distance(mask).max()


def test_the_blur_is_gaussian_over_the_whole_image() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    np.testing.assert_array_equal(distance(mask, sigma_px=1.5), gaussian(distance(mask), sigma_px=1.5))
