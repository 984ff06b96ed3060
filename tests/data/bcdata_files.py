"""A tiny BCData in the published layout, written for a test."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from layouts import tissue
from PIL import Image

POSITIVE, NEGATIVE = [(5, 4), (9, 6)], [(40, 30)]  # x, y


def write_bcdata(folder: Path, parts: dict[str, Sequence[str]]) -> Path:
    """Fields of 40 x 48 px by the folder of their part, each with two positive points and a negative one."""
    for part, names in parts.items():
        (folder / "images" / part).mkdir(parents=True)
        for seed, name in enumerate(names):
            Image.fromarray(tissue(seed)).save(folder / "images" / part / f"{name}.png")
            write_points(folder / "annotations" / part / "positive" / f"{name}.h5", POSITIVE)
            write_points(folder / "annotations" / part / "negative" / f"{name}.h5", NEGATIVE)
    return folder


def write_points(file: Path, points: object, key: str = "coordinates") -> None:
    """An HDF5 file of (x, y), int64 (N, 2), in a dataset."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as stored:
        stored[key] = np.asarray(points)
