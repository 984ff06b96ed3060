"""Tiny immunohistochemistry sets in the published layouts, written for a test."""

from pathlib import Path

import numpy as np
from layouts import tissue
from numpy.typing import NDArray
from PIL import Image

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
SIDE = 64


def painted() -> NDArray[np.uint8]:
    """A truth of DeepLIIF, uint8 (64, 64, 3): two touching nuclei, one alone, a speck and an empty outline.

    Red and blue squares of 8 px a side share one line of green, 2 px wide, in columns 14 and 15; a green
    frame of 2 px is around both. A blue square of 5 px stands alone in rows 40 to 44. The speck has 19 px.
    """
    truth = np.zeros((SIDE, SIDE, 3), np.uint8)
    truth[4:16, 4:26] = GREEN
    truth[6:14, 6:14] = RED
    truth[6:14, 16:24] = BLUE
    truth[40:45, 40:45] = BLUE
    truth[60, 1:20] = BLUE
    truth[30:50, 4:24] = GREEN
    truth[32:48, 6:22] = 0
    return truth


def write_strip(file: Path, truth: NDArray[np.uint8], seed: int = 0) -> Path:
    """Six panels side by side, the first some tissue and the last the truth."""
    file.parent.mkdir(parents=True, exist_ok=True)
    panels = [tissue(seed, (SIDE, SIDE)), *(tissue(seed + 100 + k, (SIDE, SIDE)) for k in range(4)), truth]
    Image.fromarray(np.hstack(panels)).save(file)
    return file


def write_deepliif(folder: Path) -> Path:
    """The published set with 3 training, 1 validation and 2 test strips of 64 px panels."""
    names = {"Training": ["Lung_1", "Lung_2", "Bladder_1"], "Validation": ["Lung_3"], "Testing": ["a", "b"]}
    for part, members in names.items():
        for seed, name in enumerate(members):
            write_strip(folder / f"DeepLIIF_{part}_Set" / f"{name}.png", painted(), seed)
    return folder


def write_deepliif_sample(folder: Path) -> Path:
    """The repository's sample with 2 training strips, and a test strip whose truth is a file of its own."""
    for seed, name in enumerate(("Lung1", "Bladder1")):
        write_strip(folder / "train" / f"{name}.png", painted(), seed)
    ihc = tissue(7, (SIDE, SIDE))
    for sub in ("test", "test_groundtruth"):
        (folder / sub).mkdir()
    Image.fromarray(np.hstack([ihc] * 6)).save(folder / "test" / "6_2.png")
    Image.fromarray(painted()).save(folder / "test_groundtruth" / "6_2.png")
    return folder


def write_ki67_breast(folder: Path, fields: dict[int, float]) -> Path:
    """Fields of 40 x 48 px by number with their scale: 3 positive, 2 negative points, 30 columns annotated.

    The points are (row, column) = (k, 5 k) for k = 0 to 4; those of field 6 have one outside the
    image beside them, and those of field 14 have the first one twice.
    """
    for number in fields:
        field = folder / f"field_{number}"
        field.mkdir(parents=True)
        Image.fromarray(tissue(number)).save(field / "base.png")
        lines = [f"{1 if k < 3 else 2},{5 * k},{k}" for k in range(5)]
        lines += ["2,48,7"] * (number == 6) + lines[:1] * (number == 14)
        (field / "markers.csv").write_text("\n".join(["type,x,y", *lines, ""]))
        region = np.zeros((40, 48), np.uint8)
        region[:, :30] = 255
        region = np.stack([region] * 3, axis=-1) if number == 3 else region
        Image.fromarray(region).save(field / "mask-gt.png")
    rows = [f"field_{number},somewhere,{scale}" for number, scale in fields.items()]
    (folder / "fields.csv").write_text("\n".join(["field,source_field,scale", *rows, ""]))
    return folder


def write_ki67_net(folder: Path, parts: dict[str, list[str]]) -> Path:
    """Fields of 40 x 48 px by part, each with 2 positive centres, 1 negative and none that is other."""
    centres = {"postm": [(4, 5), (6, 9)], "negtm": [(30, 40)], "other": []}
    for part, names in parts.items():
        (folder / "images" / part).mkdir(parents=True)
        for seed, name in enumerate(names):
            Image.fromarray(tissue(seed)).save(folder / "images" / part / f"{name}.png")
            for key, peaks in centres.items():
                label = folder / f"labels_{key}" / part / f"{name}_label.png"
                label.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(proximity(peaks)).save(label)
    return folder


def proximity(centres: list[tuple[int, int]], size: tuple[int, int] = (40, 48)) -> NDArray[np.uint8]:
    """255 at each centre and 30 less a pixel away from it (chessboard distance), uint8 (H, W)."""
    rows, columns = np.indices(size)
    value = np.zeros(size, int)
    for row, column in centres:
        value = np.maximum(value, 255 - 30 * np.maximum(abs(rows - row), abs(columns - column)))
    return value.astype(np.uint8)


def write_drawings(folder: Path, *, classes: bool = True) -> Path:
    """masks/, points/ and regions/ beside the images of 40 x 48 px of a folder, with two points an image."""
    mask = np.zeros((40, 48), np.uint8)
    mask[3:7, :5] = 255
    images = sorted((folder / "images").iterdir())
    for sub in ("masks", "points", "regions"):
        (folder / sub).mkdir()
    for image in images:
        Image.fromarray(mask).save(folder / "masks" / f"{image.stem}.png")
        Image.fromarray(255 - mask).save(folder / "regions" / f"{image.stem}_region.png")
        lines = ["x,y,class", "2,5,tumour", "40,30.5,stroma"] if classes else ["row,col", "5,2", "30.5,40"]
        (folder / "points" / f"{image.stem}.csv").write_text("\n".join(lines))
    return folder
