import io

import numpy as np
import pytest
from PIL import Image

from maskless.errors import UserError
from maskless.postprocess.chain import Chain
from maskless.segmenter import MapSegmenter
from maskless.writers.steps import SHOWN_PX, steps_png

WATERSHED = {
    "binary": {"step": "binarise", "of": "foreground", "above": 0.5},
    "depth": {"step": "distance", "of": "binary", "sigma_px": 1},
    "relief": {"step": "negative", "of": "depth"},
    "markers": {"step": "local_maxima", "of": "depth", "mask": "binary", "radius_px": 3},
    "instances": {"step": "watershed", "of": "relief", "markers": "markers", "mask": "binary"},
}


def dark(images):  # the map of a network that sees what is dark
    return {"foreground": 1 - images.mean(1)}


def segmenter(**options):
    return MapSegmenter(predict=dark, chain=Chain(WATERSHED), mean=[0, 0, 0], std=[1, 1, 1], **options)


def two_nuclei() -> np.ndarray:
    rows, cols = np.mgrid[:80, :120]
    nuclei = ((rows - 40) ** 2 + (cols - 35) ** 2 < 200) | ((rows - 40) ** 2 + (cols - 85) ** 2 < 200)
    return np.where(nuclei[..., None], 40, 230).astype(np.uint8).repeat(3, axis=2)


def test_steps_are_the_maps_and_what_the_chain_makes_of_them_at_the_size_of_the_image() -> None:
    image = two_nuclei()
    for own, given in ((None, None), (0.5, 0.25)):
        steps = segmenter(mpp=own).steps(image, mpp=given)
        assert list(steps) == ["foreground", *WATERSHED]
        assert {step.shape for step in steps.values()} == {image.shape[:2]}
        assert steps["instances"].max() == 2


def test_a_chain_of_each_window_has_no_steps_to_show() -> None:
    with pytest.raises(UserError, match="no post-processing chain of the whole image"):
        segmenter(join="own").steps(two_nuclei())


def test_a_picture_has_masks_maps_dots_and_outlines_in_their_columns() -> None:
    image = two_nuclei()
    steps = segmenter().steps(image)
    picture = np.array(Image.open(io.BytesIO(steps_png(image, steps))))
    width = image.shape[1] + 4
    columns = {name: picture[-80:, k * width : k * width + 120] for k, name in enumerate(["image", *steps])}
    np.testing.assert_array_equal(columns["image"], image)
    np.testing.assert_array_equal(columns["binary"][..., 0], 255 * steps["binary"].astype(np.uint8))
    red = (columns["markers"] == (255, 0, 0)).all(-1)
    assert red[40, 35]
    assert red[40, 85]
    assert 0 < red.sum() < 100
    green = (columns["instances"] == (0, 255, 0)).all(-1)
    assert green.any()
    assert (steps["instances"][green] > 0).all()


def column(picture: bytes, number: int, side: int = 40) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(picture)))[-side:, number * (side + 4) :][:, :side]


def test_a_map_between_0_and_1_is_drawn_by_these() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    faint = np.linspace(0.2, 0.4, 1600, dtype=np.float32).reshape(40, 40)
    maps = {"faint": faint, "all": np.ones((40, 40), bool), "deep": 10 * faint, "below": faint - 0.3}
    picture = steps_png(image, maps)
    assert (column(picture, 1).min(), column(picture, 1).max()) == (51, 102)
    assert (column(picture, 2) == 255).all()
    for stretched in (3, 4):
        assert (column(picture, stretched).min(), column(picture, stretched).max()) == (0, 255)


def test_dots_are_drawn_on_the_last_map_that_is_not_the_negative_of_another() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    depth = np.linspace(0, 9, 1600, dtype=np.float32).reshape(40, 40)
    markers = np.zeros((40, 40), np.int32)
    markers[30, 30] = 1
    results = {"map": depth / 9, "depth": depth.round(), "relief": -depth.round(), "markers": markers}
    picture = steps_png(image, results)
    dotted, deep, relief = (column(picture, number) for number in (4, 2, 3))
    red = (dotted == (255, 0, 0)).all(-1)
    assert red[30, 30]
    assert 1 < red.sum() < 30
    np.testing.assert_array_equal(dotted[~red], deep[~red])
    assert (dotted[~red] != relief[~red]).any()


def test_of_a_large_image_the_middle_is_shown() -> None:
    image = np.zeros((SHOWN_PX + 100, SHOWN_PX + 51, 3), np.uint8)
    image[50:-50, 25:-26] = 200
    picture = np.array(Image.open(io.BytesIO(steps_png(image, {}))))
    assert (picture[-SHOWN_PX:] == 200).all()
