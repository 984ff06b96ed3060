"""Tiny data sets in the published layouts, written for a test."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MULTIORGAN_PARTS = {
    "train": [
        "Breast_TCGA-AA-0001-01Z-00-DX1",
        "Kidney_TCGA-AA-0002-01Z-00-DX1",
        "Liver_TCGA-AA-0003-01Z-00-DX1",
    ],
    "val": ["Breast_TCGA-AB-0004-01Z-00-DX1"],
    "testA": ["Kidney_TCGA-AB-0005-01Z-00-DX1"],
    "testB": ["Colon_TCGA-AB-A8F7-01A-01-TS1"],
}


def tissue(seed: int = 0, size: tuple[int, int] = (40, 48)) -> NDArray[np.uint8]:
    """Some RGB image, uint8 (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def nuclei(ids: tuple[int, ...] = (1, 2, 7), size: tuple[int, int] = (40, 48)) -> NDArray[np.int64]:
    """One rectangle of 4 x 5 px an id, along a row of 6 px wide columns; (H, W)."""
    labels = np.zeros(size, np.int64)
    for k, value in enumerate(ids):
        labels[3:7, 6 * k : 6 * k + 5] = value
    return labels


def write_multiorgan(folder: Path, folds: bool = True) -> Path:
    """MultiOrgan with 3 training, 1 validation and 2 test fields of 40 x 48 px, and ten folds of 5 / 1."""
    names = [name for part in MULTIORGAN_PARTS.values() for name in part]
    for sub in ("images", "labels_instance"):
        (folder / sub).mkdir(parents=True)
    for seed, name in enumerate(names):
        Image.fromarray(tissue(seed)).save(folder / "images" / f"{name}.png")
        labels = nuclei((seed + 1, 300 + seed)).astype(np.uint16)
        Image.fromarray(labels).save(folder / "labels_instance" / f"{name}_label.png")
    parts = MULTIORGAN_PARTS | {"test": MULTIORGAN_PARTS["testA"] + MULTIORGAN_PARTS["testB"]}
    _write_split(folder / "train_val_test.json", parts)
    if folds:
        (folder / "folds").mkdir()
        for k in range(10):
            val = [names[k % len(names)]]
            train = [name for name in names if name not in val]
            _write_split(folder / "folds" / f"fold{k}.json", {"train": train, "val": val})
    return folder


def write_folder(folder: Path, names: list[str], labelled: bool = True, ending: str = ".png") -> Path:
    """images/NAME.png, and labels/NAME.png if labelled, of 40 x 48 px with the ids 1, 2, 7."""
    for sub in ("images", "labels") if labelled else ("images",):
        (folder / sub).mkdir(parents=True)
    for seed, name in enumerate(names):
        Image.fromarray(tissue(seed)).save(folder / "images" / f"{name}{ending}")
        if labelled:
            Image.fromarray(nuclei().astype(np.uint8)).save(folder / "labels" / f"{name}.png")
    return folder


def _write_split(file: Path, parts: dict[str, list[str]]) -> None:
    file.write_text(json.dumps({part: [f"{name}.png" for name in names] for part, names in parts.items()}))
