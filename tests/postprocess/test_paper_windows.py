"""Instances of windows, joined as the published code does and as ours does, where every window is perfect."""

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from skimage.measure import label

from maskless.data.synthetic import render
from maskless.metrics import aji, paper_scores
from maskless.postprocess.chain import Chain
from maskless.segmenter import MapSegmenter

ROOT = Path(__file__).parents[2]
SPEC = spec_from_file_location("paper_windows", ROOT / "benchmarks" / "paper_windows.py")
paper = module_from_spec(SPEC)
SPEC.loader.exec_module(paper)

DATA = Path(os.environ.get("MASKLESS_DATA", "nowhere")) / "multiorgan" / "labels_instance"
REAL = pytest.mark.skipif(not DATA.is_dir(), reason="needs MASKLESS_DATA")
#: AJI of a perfect foreground and one embedding an id, by image, at an overlap of 80 and of 120 px.
PERFECT = {"A7-A13E": (0.9930, 0.9973), "18-5592": (0.9737, 0.9959), "G9-6336": (0.9994, 0.9972)}


def chain(name: str) -> Chain:
    return Chain(yaml.safe_load((ROOT / "conf" / "postprocess" / f"{name}.yaml").read_text(encoding="utf-8")))


def perfect_maps(instances: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The foreground, and one embedding for each id and for the background, others for every seed."""
    means = np.random.default_rng(seed).normal(size=(instances.max() + 1, 16)).astype(np.float32)
    return {
        "foreground": (instances > 0).astype(np.float32),
        "embedding": 5 * np.moveaxis(means[instances], -1, 0),
    }


def by_paper(instances: np.ndarray, overlap_px: int) -> np.ndarray:
    """Windows, chain and joining of the paper."""
    parts = paper.windows(instances, overlap_px)
    labels = [chain("ien_liu")(perfect_maps(part, seed)) for seed, part in enumerate(parts)]
    return paper.merged(labels, instances.shape, overlap_px)


def by_ours(instances: np.ndarray, **settings: int) -> np.ndarray:
    """Our windows, chain and seams, of an image whose colours are its ids."""
    seeds = iter(range(10_000))

    def predict(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        colours = (batch * 255).round().long().numpy()
        maps = [perfect_maps(256 * red + green, next(seeds)) for red, green, _ in colours]
        return {name: torch.from_numpy(np.stack([one[name] for one in maps])) for name in maps[0]}

    image = np.stack([instances // 256, instances % 256, 0 * instances], axis=-1).astype(np.uint8)
    segmenter = MapSegmenter(
        predict=predict, chain=chain("ien"), mean=(0, 0, 0), std=(1, 1, 1), join="own", **settings
    )
    return segmenter.segment(image)


def real(case: str) -> np.ndarray:
    (path,) = DATA.glob(f"*{case}*")
    return np.asarray(Image.open(path)).astype(np.int32)


@pytest.mark.parametrize(
    ("length_px", "overlap_px", "windows"), [(1000, 80, 49), (512, 80, 9), (1000, 120, 81), (512, 120, 16)]
)
def test_windows_are_as_many_as_the_papers(length_px: int, overlap_px: int, windows: int) -> None:
    image = np.arange(length_px**2, dtype=np.int32).reshape(length_px, length_px) + 1
    cut = paper.windows(image, overlap_px)
    assert len(cut) == windows
    assert {part.shape for part in cut} == {(224, 224)}
    seen = np.zeros(length_px**2 + 1, bool)
    seen[np.concatenate([part.ravel() for part in cut])] = True
    assert seen[1:].all()


def test_a_nucleus_on_a_seam_is_the_later_windows() -> None:
    """Seams of two windows at an overlap of 80 px: 184 px from either side."""
    truth = np.zeros((224, 368), np.int32)
    truth[50:60, 170:200] = 1
    truth[100:110, 200:230] = 2
    truth[150:160, 120:140] = 3
    joined = paper.merged(paper.windows(truth, 80), truth.shape, 80)
    np.testing.assert_array_equal(joined > 0, truth > 0)
    assert [len(np.unique(joined[truth == one])) for one in (1, 2, 3)] == [1, 1, 1]
    assert joined[55, 175] == joined[55, 195] == 3 + 1, "the ids of a window go on from the highest before"
    assert joined[155, 130] == 3


def test_a_nucleus_wider_than_the_strip_is_cut() -> None:
    """The strip reaches 40 px beyond the seam, so what lies further is left from the earlier window."""
    truth = np.zeros((224, 368), np.int32)
    truth[50:60, 100:230] = 1
    joined = paper.merged(paper.windows(truth, 80), truth.shape, 80)
    assert len(np.unique(joined[truth == 1])) == 2
    assert joined[55, 143] != joined[55, 144] == joined[55, 229]


def test_the_lowest_value_on_a_line_is_taken_for_background() -> None:
    """As the published code has it: a nucleus that covers the whole line of a seam is cut by it."""
    truth = np.zeros((224, 368), np.int32)
    truth[:, 170:200] = 1
    joined = paper.merged(paper.windows(truth, 80), truth.shape, 80)
    assert joined[5, 183] != joined[5, 184]


@REAL
@pytest.mark.parametrize(
    ("case", "overlap_px"),
    [
        ("A7-A13E", 80),
        ("G9-6336", 80),
        *(pytest.param(*one, marks=pytest.mark.long) for one in (("A7-A13E", 120), ("G9-6336", 120))),
        *(pytest.param("18-5592", px, marks=pytest.mark.long) for px in (80, 120)),
    ],
)
def test_the_papers_windows_and_joining_score_what_they_are_known_to(case: str, overlap_px: int) -> None:
    scores = paper_scores(real(case), by_paper(real(case), overlap_px))
    expected = PERFECT[case][overlap_px == 120]
    assert scores["aji", "liu_2022"] == pytest.approx(expected, abs=5e-5)


@REAL
@pytest.mark.parametrize("case", ["A7-A13E", pytest.param("18-5592", marks=pytest.mark.long), "G9-6336"])
def test_our_windows_and_seams_lose_no_more_than_the_papers(case: str) -> None:
    truth = real(case)
    pieces = label(truth, connectivity=1)
    assert aji(pieces, by_ours(truth, window_px=256, overlap_px=64)) > PERFECT[case][1] - 0.005


@pytest.mark.parametrize(("window_px", "overlap_px"), [(256, 64), (224, 80), (128, 64)])
def test_no_nucleus_is_cut_or_doubled_at_a_seam(window_px: int, overlap_px: int) -> None:
    truth = label(render(0, 1, size_px=420).instances, connectivity=1)
    area_px = np.bincount(truth.ravel())
    truth = np.where(area_px[truth] >= 30, truth, 0)
    found = by_ours(truth, window_px=window_px, overlap_px=overlap_px)
    whole = [one for one in np.unique(truth) if one > 0]
    assert len(whole) > 80
    for one in whole:
        ids, pixels = np.unique(found[truth == one], return_counts=True)
        best = ids[pixels.argmax()]
        iou = pixels.max() / np.sum((truth == one) | (found == best))
        assert best > 0
        assert iou > 0.9, f"nucleus {one} is cut, or joined to another"
    assert len(np.unique(found)) - 1 == len(whole), "something is doubled"
