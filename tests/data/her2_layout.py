"""The Warwick HER2 set, tiny, in its layout, written for a test."""

from pathlib import Path

import numpy as np
from layouts import tissue
from numpy.typing import NDArray
from PIL import Image

TRAIN = ["01-roi_0", "01-roi_1", "4-roi_0"]
TEST = ["02-roi_0", "02-roi_1", "3-roi_0"]


def drawn() -> NDArray[np.uint8]:
    """Three nuclei, uint8 (32, 40), 0 and 255; the first is two squares that touch at a corner."""
    mask = np.zeros((32, 40), np.uint8)
    mask[2:5, 2:5] = mask[5:8, 5:8] = mask[15:20, 10:14] = mask[15:20, 15:19] = 255
    return mask


def write_warwick_her2(folder: Path, parts: tuple[str, ...] = ("train", "test", "test_masks")) -> Path:
    """3 training patches of 2 slides, 64x64 px, 3 test patches of 2 others, 32x40 px; the last is empty."""
    for part in parts:
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate(TRAIN if "train" in parts else []):
        Image.fromarray(tissue(seed, (64, 64))).save(folder / "train" / f"{name}.png")
    for seed, name in enumerate(TEST):
        if "test" in parts:
            Image.fromarray(tissue(10 + seed, (32, 40))).save(folder / "test" / f"{name}.png")
        if "test_masks" in parts:
            mask = drawn() * (name != TEST[-1])
            Image.fromarray(mask).save(folder / "test_masks" / f"{name}.png")
    return folder
