"""Fields of tissue with what is drawn on them, as the reader `folder` takes them."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskless.atomic import atomic, write_atomically
from maskless.signals import Item, Signal
from maskless.writers.labels import write_label_png

_UM_OF_INCH = 25_400.0


def write_field(folder: Path, name: str, mpp: float | None, signals: Mapping[Signal, Any]) -> None:
    """Write one field into images/, and into labels/, masks/, points/ and regions/ what there is of it.

    `signals` has the image, RGB uint8 (H, W, 3), and any of instances, mask, points with classes, and region,
    in the shapes of `Signal`. The image is a PNG that states `mpp` in µm/px, if known. Points are columns x
    and y in px, and class. Raises UserError if a file cannot be written.
    """
    for signal in (Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.REGION):
        if signal not in signals:
            continue
        subfolder = folder / _FOLDERS[signal]
        subfolder.mkdir(parents=True, exist_ok=True)
        value = signals[signal]
        if signal is Signal.POINTS:
            _write_points(subfolder / f"{name}.csv", value, signals.get(Signal.CLASSES))
        elif signal is Signal.INSTANCES:
            write_label_png(subfolder / f"{name}.png", value)
        else:
            pixels = value if signal is Signal.IMAGE else 255 * (value > 0).astype(np.uint8)
            _write_png(subfolder / f"{name}.png", pixels, mpp)


def write_splits(folder: Path, parts: Mapping[str, Iterable[Item]]) -> None:
    """Write splits.csv: the name of each image, its part, and its group, a patient or slide."""
    rows = [(item.id, part, item.group) for part, items in parts.items() for item in items]
    write_atomically(folder / "splits.csv", _csv(("image", "split", "group"), rows))


_FOLDERS = {
    Signal.IMAGE: "images",
    Signal.INSTANCES: "labels",
    Signal.MASK: "masks",
    Signal.POINTS: "points",
    Signal.REGION: "regions",
}


def _write_png(path: Path, pixels: NDArray[np.uint8], mpp: float | None) -> None:
    with atomic(path) as file:
        Image.fromarray(pixels).save(file, "PNG", dpi=(_UM_OF_INCH / mpp,) * 2 if mpp else None)


def _write_points(path: Path, points: NDArray[np.float32], classes: Mapping[int, str] | None) -> None:
    columns = ("x", "y", *(("class",) if classes is not None else ()))
    rows = [
        (f"{col:g}", f"{row:g}", *((classes[k],) if classes is not None else ()))
        for k, (row, col) in enumerate(points.tolist())
    ]
    write_atomically(path, _csv(columns, rows))


def _csv(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue().encode()
