"""The chains in conf/postprocess, on drawn nuclei, and the floor's figures on real images."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

from maskless.metrics import aji, pixel_scores
from maskless.postprocess.chain import Chain
from maskless.stain import stains

CONF = Path(__file__).parents[2] / "conf" / "postprocess"


def shipped(name: str) -> Chain:
    return Chain(yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8")))


def drawn(shape: tuple[int, int], *circles: tuple[float, float, float]) -> np.ndarray:
    """Instances: disks of (row, column, radius), each pixel to the disk whose edge it is deepest within."""
    rows, columns = np.indices(shape)
    depths = np.array([radius - np.hypot(rows - r, columns - c) for r, c, radius in circles])
    return np.where(depths.max(axis=0) > 0, depths.argmax(axis=0) + 1, 0).astype(np.int32)


def three_class_maps(instances: np.ndarray) -> dict[str, np.ndarray]:
    """What a good network gives: a soft foreground, and a boundary two pixels wide inside each nucleus."""
    interior = np.zeros(instances.shape, bool)
    for nucleus in range(1, instances.max() + 1):
        interior |= ndimage.binary_erosion(instances == nucleus, iterations=2, border_value=1)
    foreground = ndimage.gaussian_filter((instances > 0).astype(np.float32), 0.7)
    inside = ndimage.gaussian_filter(interior.astype(np.float32), 0.7)
    return {"foreground": foreground, "boundary": np.maximum(foreground - inside, 0)}


def same_nuclei(first: np.ndarray, second: np.ndarray) -> float:
    """The least IoU over nuclei of `first` with their best partner; 0 if the numbers of nuclei differ."""
    if len(np.unique(first)) != len(np.unique(second)):
        return 0.0
    ious = []
    for nucleus in np.unique(first[first > 0]):
        partner = np.bincount(second[first == nucleus]).argmax()
        a, b = first == nucleus, second == partner
        ious.append(np.sum(a & b) / np.sum(a | b))
    return min(ious)


TOUCHING = drawn((90, 120), (30, 30, 13), (30, 53, 12), (51, 41, 13), (70, 90, 11), (70, 110, 11), (3, 80, 9))


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.yaml")))
def test_every_shipped_chain_says_first_what_it_is(name: str) -> None:
    assert (CONF / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")
    nothing = np.zeros((20, 30), np.float32)
    instances = shipped(name)(dict.fromkeys(shipped(name).needs, nothing))
    assert instances.shape == (20, 30)
    assert not instances.any()


def test_boundary_needs_what_a_three_class_network_gives() -> None:
    assert shipped("boundary").needs == {"foreground", "boundary"}


def test_boundary_parts_touching_disks() -> None:
    instances = shipped("boundary")(three_class_maps(TOUCHING))
    assert instances.max() == 6
    assert same_nuclei(TOUCHING, instances) > 0.9


def test_boundary_keeps_a_nucleus_without_an_interior() -> None:
    maps = three_class_maps(TOUCHING)
    maps["foreground"][80:84, 10:40] = 0.9
    maps["boundary"][80:84, 10:40] = 0.8
    instances = shipped("boundary")(maps)
    assert instances.max() == 7
    assert len(np.unique(instances[81:83, 11:39])) == 1
    assert instances[82, 20] > 0


def test_boundary_drops_specks_and_fills_small_holes() -> None:
    maps = three_class_maps(TOUCHING)
    maps["foreground"][85:88, 85:88] = 0.9
    maps["foreground"][28:32, 28:32] = 0.1
    instances = shipped("boundary")(maps)
    assert instances[86, 86] == 0
    assert instances[30, 30] == instances[30, 25] > 0


def test_threshold_parts_touching_disks_on_an_uneven_noisy_ground() -> None:
    truth = drawn((90, 120), (30, 30, 13), (30, 53, 12), (70, 90, 11), (70, 110, 11), (3, 80, 9))
    ground = 0.1 * np.indices(truth.shape)[1] / 120 + 0.05 * np.random.default_rng(0).normal(size=truth.shape)
    instances = shipped("threshold")({"darkness": (0.5 * (truth > 0) + ground).astype(np.float32)})
    assert instances.max() == 5
    assert same_nuclei(truth, instances) > 0.85


def test_threshold_of_a_flat_image_is_empty() -> None:
    assert not shipped("threshold")({"darkness": np.full((20, 30), 0.2, np.float32)}).any()


def scene_p() -> np.ndarray:
    """Discs at the border and touching, bars, and a notch: what the published code was run on."""
    rows, columns = np.indices((128, 128))
    mask = np.zeros((128, 128), bool)
    discs = ((32, 30, 12), (32, 48, 12), (75, 30, 8), (75, 42, 6), (80, 80, 3), (0, 100, 10), (100, 64, 5))
    for row, column, radius in discs:
        mask |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    mask[80:120, 100:106] = True
    mask[56, 5:60] = True
    mask[110:112, 20:22] = True
    mask[30:33, 29:32] = False
    assert mask.sum() == 1691
    assert ndimage.label(mask)[1] == 8
    return mask.astype(np.float32)


def areas(instances: np.ndarray) -> list[int]:
    return sorted(np.bincount(instances.ravel())[1:].tolist(), reverse=True)


def test_spatial_prior_gives_what_the_published_code_gives() -> None:
    instances = shipped("spatial_prior")({"foreground": scene_p()})
    assert areas(instances) == [417, 400, 285, 228, 126, 69, 13]
    assert np.count_nonzero(instances) == 1538


def test_spatial_prior_her2_gives_what_the_published_code_gives() -> None:
    instances = shipped("spatial_prior_her2")({"foreground": scene_p()})
    assert instances.max() == 4
    assert np.count_nonzero(instances) == 368


def test_scale_attention_gives_what_the_published_code_gives() -> None:
    chain = shipped("scale_attention")
    instances = chain({"foreground": scene_p()})
    assert areas(instances) == [418, 403, 228, 188, 127, 105, 73, 25]
    assert np.count_nonzero(instances) == 1567
    spec = chain.spec
    spec["markers"]["radius_px"] = 12
    assert Chain(spec)({"foreground": scene_p()}).max() == 7


def official_otsu(values: np.ndarray) -> np.ndarray:
    """Blur of 9x9, then Otsu, with scipy and scikit-image."""
    blurred = ndimage.gaussian_filter(values.astype(float), 1.7, mode="reflect", radius=4)
    return blurred > threshold_otsu(blurred.astype(np.float32))


@pytest.mark.parametrize(("name", "after"), [("", "spatial_prior"), ("_her2", "spatial_prior_her2")])
def test_threshold_le_bescond_is_otsu_and_then_the_methods_own_chain(name: str, after: str) -> None:
    noise = 0.05 * np.random.default_rng(0).normal(size=(128, 128))
    darkness = (0.2 + 0.4 * scene_p() + noise).astype(np.float32)
    expected = shipped(after)({"foreground": official_otsu(darkness).astype(np.float32)})
    instances = shipped(f"threshold_le_bescond{name}")({"darkness": darkness})
    np.testing.assert_array_equal(instances, expected)
    assert instances.max() > 3


def test_spn_drops_small_pieces_fills_holes_and_joins_across_corners() -> None:
    foreground = np.zeros((30, 40), np.float32)
    foreground[2:7, 2:7] = 0.6
    foreground[4, 4] = 0.1  # a hole: 24 px, which is enough
    foreground[7:11, 7:12] = 0.6  # touches it across a corner
    foreground[20:24, 20:24] = 0.6  # 16 px
    foreground[20:24, 30:35] = 0.6  # 20 px: just enough
    foreground[26:29, 2:20] = 0.5  # not above one half
    foreground[12:15, 20:24] = foreground[15:18, 24:28] = (
        0.6  # 12 + 12 px, joined by a corner: enough together
    )
    instances = shipped("spn")({"foreground": foreground})
    assert areas(instances) == [45, 24, 20]
    assert instances[4, 4] == instances[10, 11] == 1


@pytest.mark.long
def test_the_floor_is_honest_on_multiorgan() -> None:
    """A strawman floor flatters every method above it: AJI 0.441 and Dice 0.749 are known to be in reach."""
    root = Path(os.environ.get("MASKLESS_DATA", "")) / "multiorgan"
    if not (root / "train_val_test.json").is_file():
        pytest.skip("MASKLESS_DATA holds no multiorgan")
    chain = shipped("threshold")
    ajis, dices = [], []
    for name in json.loads((root / "train_val_test.json").read_text())["test"]:
        image = np.asarray(Image.open(root / "images" / name).convert("RGB"))
        truth = np.asarray(Image.open(root / "labels_instance" / name.replace(".png", "_label.png")))
        instances = chain({"darkness": stains(image, "H-E-DAB")[..., 0]})
        ajis.append(aji(truth.astype(np.int32), instances))
        dices.append(pixel_scores(truth.astype(np.int32), instances).dice)
    assert len(ajis) == 14
    assert np.mean(ajis) >= 0.441
    assert np.mean(dices) >= 0.749
