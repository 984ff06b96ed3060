"""Every metric against other people's code on the same label maps, in one run on one core: time and values.

A row is one call of a peer and ours for the same values: seconds of both (of the processor, so that what else
runs on the machine takes no part), how many times ours the peer takes, and the largest difference of the
values. Where they differ because a peer means something else by the name, the row says what. Calls that take
less than a second are timed in turn, five rounds, and the medians are shown.

The maps: a field of 1000x1000 px with 314 nuclei (MultiOrgan, if MASKLESS_DATA holds it, else rendered) and a
rendered one with about 700, each against Otsu's threshold and a watershed; then all of our scores alone on
10,000x10,000 px with more than 100,000 nuclei, in a process of its own for its peak memory.

    make bench-metrics          or    python benchmarks/metrics.py, where benchmarks/peers.txt is installed

Exits 1 if values differ that should be equal.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
os.environ |= ONE_THREAD  # before anything that reads them is imported

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

ROUNDS = 5
SLOW_S = 1.0
MULTIORGAN = "Breast_TCGA-A7-A13E-01Z-00-DX1"  # the field of 314 nuclei
TILES = 10

Maps = tuple[NDArray[np.int32], NDArray[np.int32]]


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if "--large" in sys.argv:
        print(json.dumps(large()))
        return 0
    # First of all: a process starts with the peak of the one that it comes from.
    alone = subprocess.run(
        [sys.executable, __file__, "--large"], check=True, capture_output=True, text=True
    ).stdout

    from peer_metrics import comparisons
    from rich.console import Console

    warnings.simplefilter("ignore")  # of divisions by zero, on corners without nuclei
    console = Console(width=150)
    peers = comparisons(console.print)
    disagree = 0
    for title, (true, pred) in fields().items():
        disagree += compare(title, true, pred, peers, console)
    found = json.loads(alone.splitlines()[-1])
    console.print(
        "\nall_scores on {side} x {side} px, {true:,} true and {pred:,} predicted nuclei: {seconds:.1f} s, "
        "peak {peak:.2f} GiB of which the two maps are {maps:.2f}".format(**found)
    )
    return 1 if disagree else 0


def compare(title: str, true: NDArray, pred: NDArray, peers: list, console) -> int:
    """Print one table; give the number of rows whose values differ and should not."""
    from peer_metrics import TOLERANCE
    from rich.table import Table

    from maskless.metrics import all_scores, paper_scores

    def merged(true: NDArray, pred: NDArray) -> None:
        all_scores(true, np.ones_like(pred))

    calls: list[Callable] = [all_scores, paper_scores, merged]
    own = len(calls)
    for peer in peers:
        calls += [peer.theirs, peer.ours]
    seconds = timed(calls, true, pred)
    table = Table("code", "computes", "s", "ours, s", "times ours", "largest difference", "", title=title)
    disagree = 0
    for index, peer in enumerate(peers):
        theirs_s, ours_s = seconds[own + 2 * index : own + 2 * index + 2]
        apart = np.abs(np.subtract(peer.theirs(true, pred), peer.ours(true, pred))).max()
        note = "equal"
        if not apart <= TOLERANCE:
            note = f"another definition: {peer.another}" if peer.another else "DIFFERS"
            disagree += not peer.another
        numbers = f"{theirs_s:.4f}", f"{ours_s:.4f}", f"{theirs_s / ours_s:,.0f}", f"{apart:.1e}"
        table.add_row(peer.code, peer.computes, *numbers, note)
    console.print(table)
    count = len(all_scores(true, pred))
    console.print(f"ours: all_scores, {count} values, {seconds[0]:.3f} s")
    console.print(f"      paper_scores {seconds[1]:.3f} s")
    console.print(f"      all_scores against one object that covers everything {seconds[2]:.3f} s\n")
    return disagree


def timed(calls: list[Callable], true: NDArray, pred: NDArray) -> list[float]:
    """Seconds of each call: the median of rounds, or the first of one that is slow."""
    for call in calls:  # what is compiled or imported on first use is not what is timed
        call(true[:200, :200].copy(), pred[:200, :200].copy())
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, seconds, strict=True):
            if not taken or taken[0] < SLOW_S:
                since = time.process_time()
                call(true, pred)
                taken.append(time.process_time() - since)
    return [statistics.median(taken) for taken in seconds]


def fields() -> dict[str, Maps]:
    """The fields of 1000x1000 px by title: truth and prediction, ids 1..N."""
    first = _multiorgan() or _rendered(index=1, power=40)
    second = _rendered(index=1, power=30)
    return {
        f"{name} 1000x1000 px, {maps[0].max()} true and {maps[1].max()} predicted nuclei": maps
        for name, maps in (first, second)
    }


def large() -> dict[str, float]:
    """All of our scores on a large map of tiles: what it holds, seconds, peak memory."""
    from maskless.metrics import all_scores

    _, tile = _rendered(index=4, power=20)
    true, pred = (_tiled(labels) for labels in tile)
    since = time.process_time()
    all_scores(true, pred)
    return {
        "side": len(true),
        "true": int(true.max()),
        "pred": int(pred.max()),
        "seconds": time.process_time() - since,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "maps": (true.nbytes + pred.nbytes) / 2**30,
    }


def otsu_watershed(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """A plain segmentation: haematoxylin, Otsu's threshold, a watershed on the distance."""
    from skimage.color import rgb2hed
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label
    from skimage.morphology import remove_small_objects
    from skimage.segmentation import relabel_sequential, watershed

    from maskless.postprocess.distance import distance

    stain = gaussian(rgb2hed(image)[..., 0], 2)
    mask = remove_small_objects(stain > threshold_otsu(stain), max_size=80)
    depth = distance(mask, sigma_px=2)
    markers = np.zeros(mask.shape, np.int32)
    rows, columns = peak_local_max(depth, min_distance=8, labels=label(mask)).T
    markers[rows, columns] = np.arange(1, len(rows) + 1)
    return relabel_sequential(watershed(-depth, markers, mask=mask))[0].astype(np.int32)


def _multiorgan() -> tuple[str, Maps] | None:
    from PIL import Image

    folder = Path(os.environ.get("MASKLESS_DATA") or "data") / "multiorgan"
    files = folder / "labels_instance" / f"{MULTIORGAN}_label.png", folder / "images" / f"{MULTIORGAN}.png"
    if not all(file.is_file() for file in files):
        return None
    true, image = (np.array(Image.open(file)) for file in files)
    return MULTIORGAN, (true.astype(np.int32), otsu_watershed(image[..., :3]))


def _rendered(index: int, power: float) -> tuple[str, Maps]:
    from maskless.data.synthetic import render

    tissue = render(0, index, size_px=1000, power=power)
    return "rendered tissue,", (tissue.instances, otsu_watershed(tissue.image))


def _tiled(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    height, width = labels.shape
    whole = np.empty((TILES * height, TILES * width), np.int32)
    for tile in range(TILES**2):
        row, column = divmod(tile, TILES)
        place = slice(row * height, (row + 1) * height), slice(column * width, (column + 1) * width)
        whole[place] = labels + (labels > 0) * (tile * labels.max())
    return whole


if __name__ == "__main__":
    sys.exit(main())
