"""Read files that are changed at random: `python mutated_files.py RUN FIRST COUNT` prints what went wrong.

RUN is a trained run. A process of its own, so that a decoder that brings it down, or takes all memory, is found
out as well. Seed k changes a file of the k-th kind, over and over, and gives the same file at any time.
"""

import contextlib
import faulthandler
import io
import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "data")]

import numpy as np  # noqa: E402
import tifffile  # noqa: E402
from bcdata_files import write_points  # noqa: E402
from he_layouts import CONSEP_IDS, square, write_mat  # noqa: E402
from imagescope_files import write_annotation  # noqa: E402
from layouts import nuclei, tissue  # noqa: E402
from mutations import mutated  # noqa: E402
from PIL import Image  # noqa: E402

import maskless  # noqa: E402
from maskless.cli import main  # noqa: E402
from maskless.data import annotations, imagescope  # noqa: E402
from maskless.data.images import image_size, read_binary, read_image, read_labels, stated_mpp  # noqa: E402
from maskless.data.mat import mat_classes, mat_instances  # noqa: E402
from maskless.data.points_csv import has_classes, read_points  # noqa: E402
from maskless.data.polygons import rasterise  # noqa: E402
from maskless.data.readers.bcdata import centres  # noqa: E402
from maskless.data.tile_stack import read_tile, tile_count  # noqa: E402
from maskless.errors import PartlyDone, UserError  # noqa: E402
from maskless.report.results import read_result  # noqa: E402
from maskless.runs import Run  # noqa: E402
from maskless.writers.geojson import write_geojson  # noqa: E402

#: The longest that one small file may take to read, seconds of the processor; others may be at work, too.
LIMIT_S = 20
#: The most memory, as addresses, that the process may ask for: PyTorch's own libraries are some 5 GB of it.
LIMIT_BYTES = 12 * 2**30


class TookTooLong(BaseException):
    """No Exception, so that nothing takes it for what a decoder says."""


def image(path: Path) -> None:
    stated_mpp(path)
    with contextlib.suppress(UserError):
        image_size(path)
    read_image(path)


def labels(path: Path) -> None:
    with contextlib.suppress(UserError):
        read_binary(path)
    read_labels(path)


def regions(path: Path) -> None:
    found = annotations.read_regions(path, [])
    annotations.refuse_outside(path, found, 40, 48)
    for region in found[:10]:
        region.holds(np.arange(40), np.arange(40))


def outlines(path: Path) -> None:
    with contextlib.suppress(UserError):
        imagescope.microns_per_pixel(path)
    rasterise([region.vertices for region in imagescope.read_regions(path)], (40, 48))


def points(path: Path) -> None:
    has_classes(path)
    read_points(path).outside((40, 48))


def mat(path: Path) -> None:
    mat_classes(path, mat_instances(path, (40, 48)), dict.fromkeys(range(1, 8), "a"))


def hdf5(path: Path) -> None:
    centres(path)


def stack(path: Path) -> None:
    for index in range(tile_count(path, (8, 8, 6))):
        read_tile(path, index, 6, 65535)


class OfRun:
    """One file of a copied run is changed, and the run is used."""

    def __init__(self, file: str, *words: str) -> None:
        self.file, self.words = file, words

    def __call__(self, path: Path) -> None:
        run = path.parent / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(RUN, run)
        shutil.copy(path, run / self.file)
        with contextlib.suppress(UserError):
            read_result(Run.open(run))
        if not self.words:
            maskless.load(run).segment(tissue(0, (64, 64)), mpp=0.25)
            return
        where = {"run": run, "image": PICTURE, "out": path.parent / "out"}
        command(*(word.format(**where) for word in self.words))


def command(*words: str) -> None:
    """Through the command line, whose codes for the user's errors are as good as UserError."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    if code not in (0, 2, 3) or "Traceback" in said.getvalue():
        raise AssertionError(f"{words} ended with {code}: {said.getvalue()}")


def of_model(path: Path) -> None:
    maskless.load(path).segment(tissue(0, (64, 64)), mpp=0.25)


def of_output(path: Path) -> None:
    """The record of an image in an output folder."""
    out = path.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(OUTPUT, out)
    shutil.copy(path, out / ".maskless" / "image.json")
    command("predict", "method=threshold", f"input={PICTURE}", f"output={out}", "progress=false")


PREDICT = ("predict", "run={run}", "input={image}", "output={out}", "formats=[csv]", "progress=false")
EVALUATE = ("evaluate", "run={run}", "progress=false")
RESUME = ("train", "resume={run}", "progress=false")
#: By name: the ending of the file, how it is changed, and what reads it.
KINDS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "png": (".png", "png", image),
    "tiff": (".tif", "tiff", image),
    "jpeg": (".jpg", "jpeg", image),
    "xml": (".xml", "xml", outlines),
    "geojson": (".geojson", "json", regions),
    "csv": (".csv", "csv", points),
    "mat": (".mat", "mat", mat),
    "h5": (".h5", "h5", hdf5),
    "checkpoint": (".ckpt", "zip", OfRun("checkpoints/best.ckpt")),
    "safetensors": (".safetensors", "safetensors", of_model),
    "config": (".yaml", "yaml", OfRun("config.yaml", *PREDICT)),
    "labels png": (".png", "png", labels),
    "labels tiff": (".tif", "tiff", labels),
    "ome tiff": (".tif", "tiff", image),
    "planes tiff": (".tif", "tiff", image),
    "geojson gz": (".geojson.gz", "gz", regions),
    "mat packed": (".mat", "mat", mat),
    "npy": (".npy", "npy", stack),
    "config evaluated": (".yaml", "yaml", OfRun("config.yaml", *EVALUATE)),
    "config resumed": (".yaml", "yaml", OfRun("config.yaml", *RESUME)),
    "data.json": (".json", "json", OfRun("data.json", *EVALUATE)),
    "state.json": (".json", "json", OfRun("state.json", *RESUME)),
    "run.json": (".json", "json", OfRun("run.json", *RESUME)),
    "scores.csv": (".csv", "csv", OfRun("scores.csv", *EVALUATE)),
    "metrics.csv": (".csv", "csv", OfRun("metrics.csv", *RESUME)),
    "last checkpoint": (".ckpt", "zip", OfRun("checkpoints/last.ckpt", *RESUME)),
    "record": (".json", "json", of_output),
}


def originals(folder: Path, run: Path) -> dict[str, Path]:
    """A small file of each kind, as the libraries of their formats write them."""
    rgb, ids = tissue(), nuclei().astype(np.uint16)
    deep = rgb.astype(np.uint16) * 257
    files = {name: folder / f"{name.replace(' ', '_')}{ending}" for name, (ending, _, _) in KINDS.items()}
    Image.fromarray(rgb).save(files["png"], dpi=(100_000, 100_000))
    Image.fromarray(rgb).save(files["tiff"], compression="tiff_lzw")
    Image.fromarray(rgb).save(files["jpeg"])
    write_annotation(files["xml"], [square(1, 2), square(9, 9)], [square(30, 30)])
    write_geojson(folder / "regions.geojson", nuclei())
    text = (folder / "regions.geojson").read_bytes().replace(b"detection", b"annotation")
    files["geojson"].write_bytes(text)
    files["geojson gz"].write_bytes(__import__("gzip").compress(text))
    files["csv"].write_text("x,y,class\n" + "".join(f"{3 * k},{k + 0.5},positive\n" for k in range(15)))
    write_mat(files["mat"])
    from scipy.io import loadmat, savemat

    held = {key: value for key, value in loadmat(files["mat"]).items() if not key.startswith("__")}
    savemat(files["mat packed"], held, do_compression=True)
    assert CONSEP_IDS
    write_points(files["h5"], [(k, 2 * k) for k in range(12)])
    Image.fromarray(ids).save(files["labels png"])
    Image.fromarray(ids.astype(np.int32)).save(files["labels tiff"])
    tifffile.imwrite(files["ome tiff"], deep, photometric="rgb", ome=True)
    tifffile.imwrite(files["planes tiff"], np.moveaxis(deep, -1, 0).copy(), photometric="rgb", planarconfig="separate", bigtiff=True)
    np.save(files["npy"], np.arange(2 * 8 * 8 * 6, dtype=np.uint16).reshape(2, 8, 8, 6))
    for name, (_, _, read) in KINDS.items():
        if isinstance(read, OfRun):
            shutil.copy(run / read.file, files[name])
    command("export", f"run={run}", f"output={files['safetensors']}")
    shutil.copy(OUTPUT / ".maskless" / "image.json", files["record"])
    return files


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TookTooLong

    # Of a decoder that does not come back to Python.
    faulthandler.dump_traceback_later(10 * seconds, exit=True)
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def outcome(read: Callable[[Path], None], path: Path) -> str:
    """'read', 'refused', or how a defect shows itself."""
    try:
        with at_most(LIMIT_S):
            read(path)
    except (UserError, PartlyDone) as error:
        return "refused" if str(error).strip() else "an empty sentence"
    except TookTooLong:
        return f"took more than {LIMIT_S} s\n{traceback.format_exc()}"
    except BaseException:
        return traceback.format_exc()
    return "read"


def run_all(folder: Path, run: Path, seeds: range, only: str = "") -> dict[str, Any]:
    files = originals(folder, run)
    names = [name for name in KINDS if not only or name in only.split(",")]
    for name in names:  # unchanged, each is read: else the rest would prove nothing
        assert (found := outcome(KINDS[name][2], files[name])) == "read", (name, found)
    counts: dict[str, int] = {}
    slow: dict[str, float] = {}
    defects = []
    for seed in seeds:
        name = names[seed % len(names)]
        ending, kind, read = KINDS[name]
        path = folder / f"changed{ending}"
        path.write_bytes(mutated(files[name].read_bytes(), kind, np.random.default_rng(seed)))
        print(f"{seed} {name}", file=sys.stderr, flush=True)  # the last words of a process that is killed
        began = time.monotonic()
        found = outcome(read, path)
        slow[name] = max(slow.get(name, 0), time.monotonic() - began)
        counts[f"{name}: {found if found in ('read', 'refused') else 'DEFECT'}"] = counts.get(f"{name}: {found if found in ('read', 'refused') else 'DEFECT'}", 0) + 1
        if found not in ("read", "refused"):
            defects.append({"seed": seed, "kind": name, "what": found})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"defects": defects, "counts": counts, "peak_bytes": peak, "slow": slow}


if __name__ == "__main__":
    RUN, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chdir(folder)
        (folder / "given").mkdir()
        PICTURE = folder / "given" / "image.png"
        OUTPUT = folder / "output"
        Image.fromarray(tissue(0, (64, 64))).save(PICTURE)
        command("predict", "method=threshold", f"input={PICTURE}", f"output={OUTPUT}", "progress=false")
        print(json.dumps(run_all(folder, RUN, range(first, first + count), only)))
