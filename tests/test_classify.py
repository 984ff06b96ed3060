import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.io import imread

from maskless.classify import DAB, HSI, Classifier, Masks, classes_of, hsi
from maskless.errors import UserError
from maskless.inference.evidence import evidence
from maskless.stain import recombine

BROWN, BLUE = (150, 90, 40), (90, 80, 150)


def field(amounts: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """An image of square nuclei with these amounts of haematoxylin and DAB, and their label map."""
    instances = np.kron(np.arange(1, len(amounts) + 1), np.pad(np.ones((6, 6), np.int32), 2))
    of_id = np.array([(0, 0, 0), *((h, d, 0) for h, d in amounts)], np.float32)
    return recombine(of_id[instances], "H-DAB"), instances


def positive(rule: Classifier, image: np.ndarray, instances: np.ndarray) -> list[bool]:
    return (rule.score(image, instances) >= rule.threshold).tolist()


def test_colours_with_known_hue_saturation_and_intensity():
    found = hsi(np.array([[BROWN, BLUE]], np.uint8))[0]
    assert found[0] == pytest.approx((0.074988, 0.571429, 0.366013), abs=1e-6)
    assert found[1] == pytest.approx((0.687747, 0.25, 0.418301), abs=1e-6)
    pure = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)], np.uint8)
    assert hsi(pure)[:, 0] == pytest.approx([0, 1 / 3, 2 / 3, 0, 0], abs=1e-6)
    assert hsi(pure)[:, 1].tolist() == [1, 1, 1, 0, 0]
    assert hsi(pure)[:, 2] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1, 0])


@given(colour=st.tuples(*[st.integers(0, 255)] * 3), turn=st.sampled_from([1, 2]))
def test_hue_goes_around_the_circle(colour, turn):
    """Channels that change places move the hue by a third, and nothing else."""
    here, there = hsi(np.array([colour, np.roll(colour, turn)], np.uint8))
    assert (here >= 0).all()
    assert (here <= 1).all()
    assert here[1:] == pytest.approx(there[1:], abs=1e-6)
    if here[1] > 0.01:
        assert abs((there[0] - here[0] - turn / 3 + 0.5) % 1 - 0.5) < 1e-5


def test_brown_pixels():
    pixels = np.array([BROWN, BLUE, (128, 128, 128), (255, 250, 245), (10, 6, 3), (150, 50, 55)], np.uint8)
    assert HSI().brown(pixels).tolist() == [True, False, False, False, False, True]
    assert HSI(hue=0.7, hue_width=0.1).brown(pixels).tolist() == [False, True, False, False, False, False]
    # Half of the width either side, across the seam of the circle.
    reds = np.array([(200, 100, 110), (200, 110, 100)], np.uint8)
    assert HSI(hue=0.99, hue_width=0.06).brown(reds).tolist() == [True, True]
    assert HSI(hue=0.9, hue_width=0.06).brown(reds).tolist() == [False, False]


def test_a_share_of_brown_pixels_makes_a_nucleus_positive():
    instances = np.kron([[1, 2, 3]], np.ones((10, 10), np.int32))
    image = np.full((10, 30, 3), BLUE, np.uint8)
    image[:1, :10], image[:3, 10:20] = BROWN, BROWN
    assert HSI().score(image, instances).tolist() == pytest.approx([0.1, 0.3, 0])
    assert positive(HSI(share=0.3), image, instances) == [False, True, False]


def test_density_alone_decides_without_the_images_own_haematoxylin():
    image, instances = field([(0.4, 0.1), (0.4, 0.3), (0.0, 0.3), (0.8, 0.15)])
    rule = DAB(above=0.2, own_haematoxylin=False)
    assert rule.score(image, instances) == pytest.approx([0.1, 0.3, 0.3, 0.15], abs=0.01)
    assert positive(rule, image, instances) == [False, True, True, False]


@pytest.mark.parametrize("tint", [-0.3, 0.0, 0.4])
def test_haematoxylin_of_another_hue_is_no_dab(tint):
    """A laboratory's haematoxylin seems to hold DAB, or less than none, in proportion to its amount."""
    bare = [(h, tint * h) for h in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)]
    stained = [(h, tint * h + 0.25) for h in (0.3, 0.5)]
    image, instances = field(bare + stained)
    rule = DAB()
    assert rule.score(image, instances) == pytest.approx([0] * 6 + [0.25] * 2, abs=0.02)
    assert positive(rule, image, instances) == [False] * 6 + [True] * 2


def test_an_image_of_positive_nuclei_stays_positive():
    """No haematoxylin is as brown as these, so they are not taken for bare."""
    image, instances = field([(0.3, 0.9), (0.2, 0.7), (0.25, 0.8)])
    assert positive(DAB(), image, instances) == [True] * 3


@pytest.mark.parametrize("rule", [DAB(), DAB(own_haematoxylin=False), HSI()])
def test_no_nuclei(rule):
    assert rule.score(np.full((9, 9, 3), 200, np.uint8), np.zeros((9, 9), np.int32)).shape == (0,)


@pytest.mark.parametrize(
    ("rule", "arguments", "name"),
    [
        (DAB, {"above": 4.0}, "above=4.0"),
        (HSI, {"hue": 1.5}, "hue=1.5"),
        (HSI, {"share": -0.1}, "share=-0.1"),
    ],
)
def test_numbers_that_cannot_be(rule, arguments, name):
    with pytest.raises(UserError, match=f"classify.{name} must be from"):
        rule(**arguments)


# -- real nuclei ---------------------------------------------------------------------------------------------

KI67 = Path(os.environ.get("MASKLESS_DATA", "")) / "ki67_breast"


def marked_nuclei(folder: Path, scale: float, dx: float, dy: float) -> tuple[np.ndarray, np.ndarray, list]:
    """Image, label map and truth of a field: a disc about each point in the region, moved by the offset."""
    image = imread(folder / "base.png")[..., :3]
    region = imread(folder / "mask-gt.png")
    region = region if region.ndim == 2 else region[..., 0]
    radius = round(8 * scale)
    rows, cols = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    near = rows**2 + cols**2 <= radius**2
    instances, truth = np.zeros(region.shape, np.int32), []
    with (folder / "markers.csv").open() as file:
        for point in csv.DictReader(file):
            x, y = int(point["x"]), int(point["y"])
            if not (0 <= x < region.shape[1] and 0 <= y < region.shape[0]) or not region[y, x]:
                continue
            r = np.clip(np.rint(y + dy + rows[near]).astype(int), 0, region.shape[0] - 1)
            c = np.clip(np.rint(x + dx + cols[near]).astype(int), 0, region.shape[1] - 1)
            free = instances[r, c] == 0
            if free.any():
                truth.append(point["type"] == "1")
                instances[r[free], c[free]] = len(truth)
    return image, instances, truth


@pytest.mark.skipif(not KI67.is_dir(), reason="needs ki67_breast in MASKLESS_DATA")
@pytest.mark.parametrize(
    ("rule", "fields", "least"),
    [
        (DAB(), range(3, 17), 0.95),  # on which its threshold was chosen
        (DAB(), range(17, 31), 0.95),
        (HSI(), range(3, 17), 0.76),
        (HSI(), range(17, 31), 0.78),
    ],
    ids=["DAB chosen on", "DAB unseen", "HSI chosen on", "HSI unseen"],
)
def test_points_set_by_hand(rule, fields, least):
    truth, found, errors = [], [], []
    with (KI67 / "fields.csv").open() as file:
        for row in csv.DictReader(file):
            if int(row["field"].removeprefix("field_")) not in fields:
                continue
            offset = float(row["nuclei_minus_points_dx"]), float(row["nuclei_minus_points_dy"])
            image, instances, true = marked_nuclei(KI67 / row["field"], float(row["scale"]), *offset)
            called = positive(rule, image, instances)
            truth, found = truth + true, found + called
            errors.append(100 * abs(np.mean(called) - np.mean(true)))
    true, called = np.array(truth), np.array(found)
    balanced = (called[true].mean() + (~called[~true]).mean()) / 2
    print(f"balanced accuracy {balanced:.3f}, error of the index {np.mean(errors):.1f}, {max(errors):.1f}")
    assert balanced >= least
    if isinstance(rule, DAB):
        assert np.mean(errors) < 1.5
        assert max(errors) < 5


def test_a_methods_own_mask_tells_nuclei_apart() -> None:
    instances = np.zeros((6, 9), np.int32)
    instances[1:5, 0:3], instances[1:5, 4:8] = 4, 7
    mask = np.zeros((6, 9), np.float32)
    mask[1:3, 0:3], mask[1:3, 4:7] = 0.9, 0.6
    assert Masks().score(mask, instances).tolist() == [0.5, 6 / 16]
    assert classes_of(Masks(), mask, instances) == {4: "positive", 7: "negative"}


def test_a_method_without_such_a_mask_is_refused() -> None:
    class Plain:
        def maps(self, image, mpp=None):
            return {"foreground": np.zeros(image.shape[:2], np.float32)}

    image = np.zeros((4, 4, 3), np.uint8)
    assert evidence(DAB(), Plain(), image, None) is image
    with pytest.raises(UserError, match="classify=dab goes by the image"):
        evidence(Masks(), Plain(), image, None)
