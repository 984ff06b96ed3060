import numpy as np
import pytest

from maskless.writers.label_picture import label_picture


def test_the_image_stands_beside_its_labels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    labels = np.full((6, 9, 2), 255, np.uint8)
    picture = label_picture(image, labels)
    assert picture.dtype == np.uint8
    assert picture.shape == (6, 9 + 4 + 9 + 4 + 9, 3)
    np.testing.assert_array_equal(picture[:, :9], image)
    assert (picture[:, 9:13] == 255).all()
    assert (picture[:, 22:26] == 255).all()


def test_nucleus_is_green_background_red_and_ignored_dark() -> None:
    image = np.full((1, 3, 3), 200, np.uint8)
    image[0, :, 0] = 220
    labels = np.array([[[1], [0], [255]]], np.uint8)
    nucleus, background, ignored = label_picture(image, labels)[0, 7:].astype(int)
    assert nucleus[1] > nucleus[[0, 2]].max() + 100
    assert background[0] > background[1:].max() + 100
    assert ignored.max() < 100
    # The tissue shines through all of them.
    darker = label_picture(image // 2, labels)[0, 7:].astype(int)
    for one, other in zip((nucleus, background, ignored), darker, strict=True):
        assert (one > other).all()


def test_each_label_has_its_own_panel() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    labels = np.zeros((2, 2, 2), np.uint8)
    labels[..., 1] = 1
    first, second = label_picture(image, labels)[:, 6:8], label_picture(image, labels)[:, 12:14]
    assert (first.argmax(axis=-1) == 0).all()
    assert (second.argmax(axis=-1) == 1).all()


def test_what_does_not_fit_is_refused() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    for shape in ((4, 5), (5, 4, 1)):
        with pytest.raises(ValueError, match="do not lie on an image"):
            label_picture(image, np.zeros(shape, np.uint8))
