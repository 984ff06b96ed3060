"""Tiny LYON19 sets in their layouts, written for a test."""

from pathlib import Path

import numpy as np
from layouts import tissue
from numpy.typing import NDArray
from PIL import Image

REGIONS = {"ROI_1": "regular", "ROI_2": "clustered", "ROI_3": "artifact"}
#: Row and column of each lymphocyte; the last region has none.
CELLS = {"ROI_1": [(10, 20), (30, 40)], "ROI_2": [(5, 6)], "ROI_3": []}


def write_lyon19(folder: Path, truth: bool = True, categories: bool = True, images: str = "images") -> Path:
    """Three regions of 40 x 48 px, with the two tables beside them if wanted."""
    (folder / images).mkdir(parents=True)
    for seed, name in enumerate(REGIONS):
        Image.fromarray(tissue(seed)).save(folder / images / f"{name}.png")
    if truth:
        lines = [f"{name}.png,{col},{row}" for name, cells in CELLS.items() for row, col in cells]
        (folder / "truth.csv").write_text("\n".join(["image_id,x,y", *lines, ""]))
    if categories:
        write_categories(folder)
    return folder


def write_categories(folder: Path) -> None:
    """Each region's category."""
    lines = [f"{name},{category}" for name, category in REGIONS.items()]
    (folder / "categories.csv").write_text("\n".join(["image_id,category", *lines, ""]))


def mask() -> NDArray[np.uint8]:
    """Three nuclei, 0 and 255, uint8 (64, 64): the first two share a corner, the last is of 16 px a side."""
    drawn = np.zeros((64, 64), np.uint8)
    drawn[8:16, 8:16] = drawn[16:24, 16:24] = drawn[40:56, 40:56] = 255
    return drawn


def write_nuclick(folder: Path, ending: str = ".png", times: int = 1) -> Path:
    """Three crops of two regions, 64 x 64 px (or so many times as wide and high); the last is empty."""
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    for seed, name in enumerate(("ROI_1_1", "ROI_1_2", "ROI_3_1")):
        Image.fromarray(tissue(seed, (64 * times, 64 * times))).save(folder / "images" / f"{name}{ending}")
        drawn = mask().repeat(times, axis=0).repeat(times, axis=1) * (name != "ROI_3_1")
        Image.fromarray(drawn).save(folder / "masks" / f"{name}{ending}")
    return folder
