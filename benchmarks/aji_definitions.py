"""One prediction, scored by every AJI that public code computes: the table of docs/metrics.md.

    python benchmarks/aji_definitions.py [PREDICTIONS [IMAGE]]

PREDICTIONS is a folder of label maps IMAGE.png of MultiOrgan's test images (by default those behind the
baselines' row `threshold`), IMAGE is the one whose sums are shown. MASKLESS_DATA names the folder that holds
multiorgan/. Kumar's definition is computed a second time, from a dense table of all pairs.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from rich.progress import track

from maskless.data.images import read_labels
from maskless.data.readers.multiorgan import MultiOrgan
from maskless.metrics import overlap, relabel, relabel_mask
from maskless.metrics.aji import PAIRS
from maskless.signals import Signal

PREDICTIONS = Path(__file__).parents[1] / "experiments/baselines/predictions/threshold"
IMAGE = "Kidney_TCGA-B0-5698-01Z-00-DX1"


class Sums(NamedTuple):
    """What an AJI is made of: its pairs' intersections; their unions, and the areas in no pair, px."""

    shared_px: int
    pairs_px: int
    missed_px: int
    unused_px: int

    @property
    def union_px(self) -> int:
        return self.pairs_px + self.missed_px + self.unused_px


def ours(true: np.ndarray, pred: np.ndarray, definition: str) -> Sums:
    table = overlap(true, pred)
    chosen = PAIRS[definition](table)
    return Sums(
        int(table.intersection_px[chosen].sum()),
        int(table.union_px[chosen].sum()),
        int(np.delete(table.true_area_px, table.true_index[chosen]).sum()),
        int(np.delete(table.pred_area_px, table.pred_index[chosen]).sum()),
    )


def dense(true: np.ndarray, pred: np.ndarray, slip: bool) -> Sums:
    """Kumar's, from the IoU of every truth with every prediction, (T, P): the highest of each row.

    The row of a truth that nothing touches is all 0, and `argmax` of it is prediction 1: with `slip` it takes
    that one, as widespread code does; without, it takes none.
    """
    true = np.unique(true, return_inverse=True)[1].ravel()
    pred = np.unique(pred, return_inverse=True)[1].ravel()
    pixels = np.zeros((true.max() + 1, pred.max() + 1), np.int64)
    np.add.at(pixels, (true, pred), 1)
    true_px, pred_px, both = pixels.sum(1)[1:], pixels.sum(0)[1:], pixels[1:, 1:]
    union = true_px[:, None] + pred_px[None] - both
    best, rows = (both / union).argmax(1), np.arange(len(both))
    taken = (both[rows, best] > 0) | slip
    unused = np.delete(pred_px, best[taken])
    return Sums(
        int(both[rows, best][taken].sum()),
        int(union[rows, best][taken].sum()),
        int(true_px[~taken].sum()),
        int(unused.sum()),
    )


DEFINITIONS: dict[str, Callable[[np.ndarray, np.ndarray], Sums]] = {
    "Kumar et al.": lambda true, pred: ours(true, pred, "kumar"),
    "with the argmax slip": lambda true, pred: dense(true, pred, slip=True),
    "one-to-one, greedy": lambda true, pred: ours(true, pred, "one_to_one"),
    "AJI+: one-to-one, optimal": lambda true, pred: ours(true, pred, "plus"),
    "ids relabelled, and the slip": lambda true, pred: dense(relabel(true), relabel(pred), slip=True),
    "truth read as a mask": lambda true, pred: ours(relabel_mask(true), pred, "kumar"),
    "both read as masks": lambda true, pred: ours(relabel_mask(true), relabel_mask(pred), "kumar"),
}


def main(predictions: Path = PREDICTIONS, shown: str = IMAGE) -> None:
    source = MultiOrgan(Path(os.environ["MASKLESS_DATA"]) / "multiorgan")
    found: dict[str, dict[str, Sums]] = {name: {} for name in DEFINITIONS}
    for item in track(source.items("test"), "Scoring", transient=True):
        true = source.read(item, [Signal.INSTANCES])[Signal.INSTANCES]
        pred = read_labels(predictions / f"{item.id}.png")
        for name, score in DEFINITIONS.items():
            found[name][item.id] = score(true, pred)
        if dense(true, pred, slip=False) != found["Kumar et al."][item.id]:
            raise AssertionError(f"{item.id}: two computations of one definition differ")
        if item.id == shown:
            print(f"{shown}: {len(np.unique(true)) - 1} nuclei, {len(np.unique(pred)) - 1} predicted")
    print("| definition | C | U: pairs | + missed | + unused | C / U | mean of images | pooled |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for name, of_images in found.items():
        sums = of_images[shown]
        mean = fmean(one.shared_px / one.union_px for one in of_images.values())
        pooled = sum(one.shared_px for one in of_images.values()) / sum(
            one.union_px for one in of_images.values()
        )
        px = " | ".join(f"{value:,}" for value in sums)
        print(f"| {name} | {px} | {sums.shared_px / sums.union_px:.4f} | {mean:.4f} | {pooled:.4f} |")


if __name__ == "__main__":
    main(*(convert(word) for convert, word in zip((Path, str), sys.argv[1:], strict=False)))
