import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from slide_files import GLASS, tissue_image

from maskless.data.slides import Slide
from maskless.data.tissue import tissue_mask

REAL = Path(os.environ.get("MASKLESS_DATA", "/nowhere")) / "wsi"


def test_rendered_tissue_is_found_and_the_glass_around_it_is_not() -> None:
    image, _ = tissue_image(360, 360, power=5, glass_px=80)
    mask = tissue_mask(image)
    assert mask[85:-85, 85:-85].mean() > 0.97
    mask[78:-78, 78:-78] = False
    assert not mask.any()


@pytest.mark.parametrize("colour", [GLASS, (255, 255, 255), (200, 202, 204), (20, 20, 22), (30, 160, 70)])
def test_glass_shadow_black_and_pen_are_no_tissue(colour: tuple[int, int, int]) -> None:
    assert not tissue_mask(np.full((200, 200, 3), colour, np.uint8)).any()


def test_a_slide_full_of_tissue_is_tissue() -> None:
    image, _ = tissue_image(200, 200, power=5)
    assert tissue_mask(image).mean() > 0.99


def test_specks_are_dropped_and_small_holes_filled() -> None:
    image = np.full((500, 500, 3), GLASS, np.uint8)
    cv2.circle(image, (250, 250), 150, (222, 170, 206), -1)
    cv2.circle(image, (250, 250), 5, GLASS, -1)  # 79 px, below 0.05 % of 250,000
    cv2.circle(image, (300, 250), 15, GLASS, -1)
    cv2.circle(image, (40, 40), 2, (222, 170, 206), -1)  # 13 px, below 0.02 %
    mask = tissue_mask(image)
    assert mask[250, 250]
    assert not mask[250, 300]
    assert not mask[:80, :80].any()


@pytest.mark.skipif(not REAL.is_dir(), reason="MASKLESS_DATA holds no wsi/")
@pytest.mark.parametrize(
    ("name", "share", "tissue", "glass"),
    [
        ("CMU-1-Small-Region.svs", 0.36, (700, 400), (300, 100)),
        ("TCGA-CR-7395-01A-01-TS1.svs", 0.63, (400, 300), (60, 60)),
    ],
)
def test_tissue_of_the_real_slides(name: str, share: float, tissue, glass) -> None:
    with Slide.open(REAL / name, mpp=0.5) as slide:
        mask = tissue_mask(slide.thumbnail(1024))
    assert mask.mean() == pytest.approx(share, abs=0.05)  # as looked at
    assert mask[tissue]
    assert not mask[glass]
