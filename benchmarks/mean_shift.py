"""Grouping of embeddings: scikit-learn's mean shift against ours, the paper's windows against ours.

The patch is that of tests/postprocess/embeddings.npz if the file is there (a trained network's), else made
from rendered nuclei. The embeddings of the whole image are made, of the nuclei of a field of MultiOrgan if
MASKLESS_DATA holds it, else of rendered ones; every window has its own, as from a network. There both sides
have the paper's threshold, bandwidth and step against background, as the embeddings are made to fit; ours has
its own windows, seams, paths from some pixels, and pieces. Both sides have one thread. Seconds are the
processor's, so that what else runs on the machine takes no part; those of whole images are of everything
from the maps on: mask, grouping, background, joining. AJI is that of relabelled components, as in the paper.

    make bench-mean-shift          or    python benchmarks/mean_shift.py
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ |= ONE_THREAD  # before anything that reads them is imported
ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import yaml  # noqa: E402
from mock_embeddings import embedding_of, hard_clusters  # noqa: E402
from paper_windows import merged, windows  # noqa: E402
from PIL import Image  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from scipy import ndimage  # noqa: E402
from sklearn.cluster import MeanShift  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402

from maskless.data.synthetic import render  # noqa: E402
from maskless.metrics import aji, relabel  # noqa: E402
from maskless.postprocess import mean_shift  # noqa: E402
from maskless.postprocess.chain import Chain  # noqa: E402
from maskless.seams import LabelledWindow, stitch  # noqa: E402
from maskless.windows import Tiling  # noqa: E402

BANDWIDTH = 1.5
STORED = ROOT / "tests" / "postprocess" / "embeddings.npz"
MULTIORGAN = "Breast_TCGA-A7-A13E-01Z-00-DX1"
OURS = Tiling(256, 64)  # the defaults of point_supervised
HARD_SETS = 12
ROUNDS = 3

Maps = Mapping[str, np.ndarray]


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    console = Console(width=120)
    console.print(partitions(console))
    console.print(whole_image())
    console.print(f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, one thread each")


def partitions(console: Console) -> Table:
    table = Table(
        "points", "number", "scikit-learn, s", "ours, s", "times", "clusters", "adjusted Rand index"
    )
    name, points = patch()
    sets = {name: points}
    sets |= {f"hard clusters, set {k}": hard_clusters(k, 1000) for k in range(HARD_SETS)}
    for name, points in sets.items():
        with console.status(f"scikit-learn on {name}"):
            theirs_s, theirs = timed(partial(scikit_learn, points))
        ours_s, ours = min((timed(partial(mean_shift, points, BANDWIDTH)) for _ in range(ROUNDS)), key=first)
        table.add_row(
            name,
            f"{len(points):,} x {points.shape[1]}",
            f"{theirs_s:.2f}",
            f"{ours_s:.4f}",
            f"{theirs_s / ours_s:,.0f}",
            f"{theirs.max() + 1}, {ours.max() + 1}",
            f"{adjusted_rand_score(theirs, ours):.5f}",
        )
    return table


def whole_image() -> Table:
    name, truth = field()
    table = Table("windows", "number", "foreground px", "seconds", "AJI", title=f"{name}, 1000x1000 px")
    for overlap in (80, 120):
        row(table, f"the paper's, 224 px, overlap {overlap}", truth, partial(by_paper, truth, overlap))
    row(table, f"ours, {OURS.window_px} px, overlap {OURS.overlap_px}", truth, partial(by_ours, truth, OURS))
    return table


def row(table: Table, name: str, truth: np.ndarray, cut: Callable) -> None:
    maps, join = cut()
    seconds, found = min((timed(partial(join, maps)) for _ in range(ROUNDS)), key=first)
    foreground = sum(np.count_nonzero(one["foreground"] > 0.3) for one in maps)
    numbers = (
        f"{len(maps)}",
        f"{foreground:,}",
        f"{seconds:.2f}",
        f"{aji(relabel(truth), relabel(found)):.4f}",
    )
    table.add_row(name, *numbers)


def by_paper(truth: np.ndarray, overlap_px: int) -> tuple[list[Maps], Callable]:
    """The maps of the paper's windows, and what makes the instances of them."""
    chain = shipped("ien_liu")
    maps = [window_maps(part, seed) for seed, part in enumerate(windows(truth, overlap_px))]
    return maps, lambda maps: merged([chain(one) for one in maps], truth.shape, overlap_px)


def by_ours(truth: np.ndarray, tiling: Tiling) -> tuple[list[Maps], Callable]:
    """The maps of our windows, and what makes the instances of them."""
    ours, steps = shipped("ien").spec, shipped("ien_liu").spec
    steps["clusters"]["every"] = ours["clusters"]["every"]
    steps["nuclei"] = steps.pop("instances")
    steps["parts"] = {"step": "pieces", "of": "nuclei"}
    chain = Chain({**steps, "instances": ours["instances"]})
    rows, columns = (tiling.along(length) for length in truth.shape)
    places = [(row, column) for row in rows.starts_px for column in columns.starts_px]
    parts = [truth[row : row + rows.side_px, column : column + columns.side_px] for row, column in places]
    maps = [window_maps(part, seed) for seed, part in enumerate(parts)]

    def join(maps: list[Maps]) -> np.ndarray:
        labelled = zip(places, maps, strict=True)
        return stitch([LabelledWindow(*place, chain(one)) for place, one in labelled], truth.shape)

    return maps, join


def window_maps(truth: np.ndarray, seed: int) -> Maps:
    """What a good network gives of a window: a soft foreground, and embeddings."""
    foreground = ndimage.gaussian_filter((truth > 0).astype(np.float32), 1)
    return {"foreground": foreground, "embedding": embedding_of(truth, seed=seed)}


def patch() -> tuple[str, np.ndarray]:
    """Embeddings (N, D) of the foreground of 224x224 px."""
    if STORED.is_file():
        stored = np.load(STORED)
        points = stored["embedding"][:, stored["foreground"] > 0.3].T.astype(np.float32)
        return "a trained network's patch", points
    instances = render(0, 0, size_px=224).instances
    return "a rendered patch", embedding_of(instances)[:, instances > 0].T


def field() -> tuple[str, np.ndarray]:
    file = (
        Path(os.environ.get("MASKLESS_DATA") or "data") / f"multiorgan/labels_instance/{MULTIORGAN}_label.png"
    )
    if file.is_file():
        return MULTIORGAN, np.asarray(Image.open(file)).astype(np.int32)
    return "rendered tissue", render(0, 0, size_px=1000).instances


def shipped(name: str) -> Chain:
    return Chain(yaml.safe_load((ROOT / f"conf/postprocess/{name}.yaml").read_text(encoding="utf-8")))


def scikit_learn(points: np.ndarray) -> np.ndarray:
    return MeanShift(bandwidth=BANDWIDTH, n_jobs=1).fit_predict(points.astype(np.float64))


def timed(call: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    since = time.process_time()
    result = call()
    return time.process_time() - since, result


def first(pair: tuple[float, np.ndarray]) -> float:
    return pair[0]


if __name__ == "__main__":
    main()
