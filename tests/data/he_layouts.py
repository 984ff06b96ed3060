"""Tiny H&E sets beside MultiOrgan in the published layouts, written for a test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from imagescope_files import Outline, write_annotation
from layouts import nuclei, tissue
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

TNBC_PARTS = {"train": ["01_1", "01_2", "06_1"], "val": ["07_1"], "test": ["11_1", "09_1"]}
MONUSEG_TRAINING = ["TCGA-38-6178-01Z-00-DX1", "TCGA-A7-A13E-01Z-00-DX1", "TCGA-HE-7128-01Z-00-DX1"]
MONUSEG_TEST = ["TCGA-2Z-A9J9-01A-01-TS1", "TCGA-44-2665-01B-06-BS6"]
SQUARE: Outline = [(1, 2), (4, 2), (4, 6), (1, 6)]
#: Ids of each field, their codes in the order of rising ids.
CONSEP_IDS, CONSEP_CODES = (9, 2, 30), (4, 1, 7)


def tnbc_mask() -> NDArray[np.uint8]:
    """Three nuclei, uint8 (40, 48), 0 and 255; the first is two squares that touch at a corner."""
    found = np.zeros((40, 48), np.uint8)
    found[2:5, 2:5] = found[5:8, 5:8] = found[20:30, 10:14] = found[20:30, 15:19] = 255
    return found


def write_tnbc(folder: Path, folds: bool = True) -> Path:
    """The layout of WeakNucleiSeg."""
    for sub in ("images", "labels_instance"):
        (folder / sub).mkdir(parents=True)
    names = [name for part in TNBC_PARTS.values() for name in part]
    for seed, name in enumerate(names):
        Image.fromarray(tissue(seed)).save(folder / "images" / f"{name}.png")
        labels = np.zeros((40, 48), np.uint16)
        labels[3:7, 3:7], labels[3:7, 9:12] = 5, 300 + seed
        Image.fromarray(labels).save(folder / "labels_instance" / f"{name}_label.png")
    lists = {"train_val_test": TNBC_PARTS}
    if folds:
        (folder / "folds").mkdir()
        lists |= {f"folds/fold{k}": {"train": names[1:], "val": names[:1]} for k in range(10)}
    for name, parts in lists.items():
        listed = {part: [f"{stem}.png" for stem in stems] for part, stems in parts.items()}
        (folder / f"{name}.json").write_text(json.dumps(listed))
    return folder


def write_tnbc_of_owners(folder: Path) -> Path:
    """The layout of the owners' archive."""
    for seed, name in enumerate(name for part in TNBC_PARTS.values() for name in part):
        patient = name[:2]
        for kind, picture in (("Slide", tissue(seed)), ("GT", tnbc_mask())):
            (folder / f"{kind}_{patient}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{kind}_{patient}" / f"{name}.png")
    return folder


def square(x: float, y: float, side: float = 4) -> Outline:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def write_pair(
    images: Path, annotations: Path, name: str, *outlines: Outline, mpp: str | None = None
) -> None:
    for folder in (images, annotations):
        folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(tissue()).save(images / f"{name}.tif", compression="tiff_lzw")
    write_annotation(annotations / f"{name}.xml", outlines or (SQUARE,), mpp=mpp)


def write_training(folder: Path) -> Path:
    """`Tissue Images/` and `Annotations/` of MoNuSeg, three fields."""
    for name in MONUSEG_TRAINING:
        write_pair(folder / "Tissue Images", folder / "Annotations", name)
    return folder


def write_test(folder: Path) -> Path:
    """`MoNuSegTestData/`, two fields."""
    for name in MONUSEG_TEST:
        write_pair(folder, folder, name)
    return folder


def write_monuseg(folder: Path) -> Path:
    """Both archives of MoNuSeg, unpacked."""
    write_training(folder / "MoNuSeg 2018 Training Data")
    write_test(folder / "MoNuSegTestData")
    return folder


def write_mat(file: Path, **other: Any) -> Path:
    """As MATLAB writes it: doubles, a column of types, more keys than are needed."""
    instances = nuclei(CONSEP_IDS)
    types = np.select([instances == i for i in sorted(CONSEP_IDS)], CONSEP_CODES)
    held = {
        "inst_map": instances.astype(float),
        "type_map": types.astype(float),
        "inst_type": np.array(CONSEP_CODES, float)[:, None],
        "inst_centroid": np.zeros((len(CONSEP_IDS), 2)),
    }
    savemat(file, {key: value for key, value in (held | other).items() if value is not None})
    return file


def write_consep(folder: Path, training: int = 27, test: int = 14) -> Path:
    """CoNSeP, so many fields of 40 x 48 px."""
    for part, count in (("Train", training), ("Test", test)):
        for sub in ("Images", "Labels", "Overlay"):
            (folder / part / sub).mkdir(parents=True)
        for number in range(1, count + 1):
            name = f"{part.lower()}_{number}"
            Image.fromarray(tissue(number)).save(folder / part / "Images" / f"{name}.png")
            write_mat(folder / part / "Labels" / f"{name}.mat")
    return folder
