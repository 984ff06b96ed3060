import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import color

from maskless.errors import UserError
from maskless.stain import VECTORS, luminance, optical_density, recombine, stains

IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))


def random_image(darkest: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(darkest, 256, (40, 50, 3)).astype(np.uint8)


def test_optical_density_is_decimal() -> None:
    image = np.array([255, 26, 0], np.uint8)
    np.testing.assert_allclose(optical_density(image), [0, -np.log10(26 / 255), 3.0086], atol=1e-4)


def test_stains_equal_scikit_images_up_to_its_unit_and_its_clipping() -> None:
    image = random_image()
    amounts = stains(image, "H-E-DAB")
    assert amounts.dtype == np.float32
    assert (amounts < 0).any(), "colours outside the mix are not clipped here"
    # scikit-image measures in units of 6 decades and cuts negative amounts off.
    np.testing.assert_allclose(np.maximum(amounts, 0) / 6, color.rgb2hed(image), atol=1e-5)


@pytest.mark.parametrize("name", ["H-DAB", "H-E"])
def test_two_stains_and_their_residual_equal_scikit_images(name: str) -> None:
    image = random_image()
    vectors = VECTORS[name]
    expected = 6 * color.separate_stains(image, np.linalg.inv(vectors))
    np.testing.assert_allclose(np.maximum(stains(image, name), 0), expected, atol=1e-5)
    np.testing.assert_allclose(vectors[:2] @ vectors[2], 0, atol=1e-12)
    assert np.linalg.norm(vectors[2]) == pytest.approx(1)


def test_haematoxylin_and_dab_are_scikit_images_hdx() -> None:
    image = random_image()
    expected = 6 * color.separate_stains(image, color.hdx_from_rgb)[..., :2]
    # Its haematoxylin vector has one more digit (0.704, 0.286), hence the tolerance.
    np.testing.assert_allclose(np.maximum(stains(image, "H-DAB")[..., :2], 0), expected, atol=0.03)


@given(IMAGES, st.sampled_from(sorted(VECTORS)))
def test_recombine_gives_any_image_back_exactly(image: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(recombine(stains(image, name), name), image)


def test_one_unit_of_a_stain_has_the_colour_of_its_vector() -> None:
    eosin = recombine(np.array([[[0.0, 1.0, 0.0]]]), "H-E-DAB")
    np.testing.assert_array_equal(eosin[0, 0], np.rint(255 * 10.0 ** -np.array([0.07, 0.99, 0.11])))


def test_recombine_clips_what_is_brighter_than_white() -> None:
    assert (recombine(np.full((1, 1, 3), -5.0)) == 255).all()


def test_vectors_can_be_an_array() -> None:
    image = random_image(darkest=0)
    np.testing.assert_array_equal(stains(image, VECTORS["H-DAB"].copy()), stains(image, "H-DAB"))


def test_an_unknown_name_is_the_users_error() -> None:
    with pytest.raises(UserError, match="did you mean 'H-DAB'"):
        stains(random_image(), "H-DAP")


def test_luminance_of_known_colours() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    result = luminance(colours)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[0, 1, 0.299, 0.587, 0.114]], atol=1e-6)


def test_own_stains_are_those_of_their_names_whatever_their_length() -> None:
    image = random_image()
    own = {"haematoxylin": [6.5, 7.0, 2.9], "dab": [0.27, 0.57, 0.78]}
    h, dab = (np.linalg.norm(row) for row in VECTORS["H-DAB"][:2])
    wanted = stains(image, "H-DAB")[..., :2] * (h, dab)
    np.testing.assert_allclose(stains(image, own)[..., :2], wanted, atol=1e-5)
    three = {**own, "eosin": [0.07, 0.99, 0.11]}
    np.testing.assert_array_equal(recombine(stains(image, three), three), image)


def test_a_pixel_of_one_own_stain_alone_has_none_of_the_other() -> None:
    red, green = {"a": [0.2, 0.8, 0.4]}, {"b": [0.7, 0.2, 0.3]}
    pixel = recombine(np.array([[[0.9, 0, 0]]]), {**red, **green})
    np.testing.assert_allclose(stains(pixel, {**red, **green}), [[[0.9, 0, 0]]], atol=0.02)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"a": [1, 0, 0]}, "must be two or three stains"),
        ({"a": [1, 0, 0], "b": [0, 1]}, "must be two or three stains"),
        ({"a": [1, 0, 0], "b": "dab"}, "must be two or three stains"),
        ({"a": [1, 0, 0], "b": [0, 0, 0]}, "must be two or three stains"),
        ({"a": [0.5, 0.5, 0.5], "b": [0.5, 0.5, 0.51]}, "too much alike"),
        ({"a": [1, 0, 0], "b": [0, 1, 0], "c": [1, 1, 0]}, "too much alike"),
    ],
)
def test_own_stains_that_cannot_be_told_apart_are_refused(own: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        stains(random_image(), own)
