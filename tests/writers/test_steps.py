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


def test_of_a_large_image_the_middle_is_shown() -> None:
    image = np.zeros((SHOWN_PX + 100, SHOWN_PX + 51, 3), np.uint8)
    image[50:-50, 25:-26] = 200
    picture = np.array(Image.open(io.BytesIO(steps_png(image, {}))))
    assert (picture[-SHOWN_PX:] == 200).all()
