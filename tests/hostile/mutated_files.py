"""Read files that were changed at random, and print what came of it.

`python mutated_files.py RUN FIRST COUNT [KINDS]`: RUN is a trained run. Each of COUNT seeds from FIRST on
changes a small file, of each kind in turn (KINDS names some, a,b,c), and gives the same file at any time.
It is a process of its own, so that a decoder that brings it down, that never comes back or that takes all
memory is found out as well.
"""

import contextlib
import faulthandler
import gzip
import io
import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "data")]

import numpy as np  # noqa: E402
import tifffile  # noqa: E402
from bcdata_files import write_points  # noqa: E402
from he_layouts import square, write_mat  # noqa: E402
from imagescope_files import write_annotation  # noqa: E402
from layouts import nuclei, tissue  # noqa: E402
from mutations import mutated  # noqa: E402
from PIL import Image  # noqa: E402
from scipy.io import loadmat, savemat  # noqa: E402

import maskless  # noqa: E402
from maskless.cli import main  # noqa: E402
from maskless.data import annotations, imagescope  # noqa: E402
from maskless.data.images import image_size, read_binary, read_image, read_labels, stated_mpp  # noqa: E402
from maskless.data.mat import mat_classes, mat_instances  # noqa: E402
from maskless.data.points_csv import has_classes, read_points  # noqa: E402
from maskless.data.polygons import rasterise  # noqa: E402
from maskless.data.readers.bcdata import centres  # noqa: E402
from maskless.data.tile_stack import read_tile, tile_count  # noqa: E402
from maskless.errors import UserError  # noqa: E402
from maskless.report.results import read_result  # noqa: E402
from maskless.runs import Run  # noqa: E402
from maskless.writers.geojson import write_geojson  # noqa: E402

#: The longest that one small file may take, seconds of the processor: others may be at work beside it.
LIMIT_S = 20
#: The most addresses that the process may take, of which PyTorch's libraries have some 5 GiB.
LIMIT_BYTES = 12 * 2**30
#: Of the files and folders that every kind is made of.
SIZE = (40, 48)


class TookTooLong(BaseException):
    """No Exception, so that nothing takes it for what a decoder says."""


# -- what reads a file ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """The folder that all is done in, a run that was trained, a picture, and what was predicted of it."""

    folder: Path
    run: Path
    picture: Path
    output: Path


Reader = Callable[[Path, Place], object]


def command(*words: str) -> None:
    """Through the command line, where codes and sentences stand for errors of the user's."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    if code not in (0, 2, 3) or "Traceback" in said.getvalue():
        raise AssertionError(f"{words} ended with {code}: {said.getvalue()}")


def image(path: Path, _: Place) -> None:
    stated_mpp(path)
    with contextlib.suppress(UserError):
        image_size(path)
    read_image(path)


def labels(path: Path, _: Place) -> None:
    with contextlib.suppress(UserError):
        read_binary(path)
    read_labels(path)


def regions(path: Path, _: Place) -> None:
    found = annotations.read_regions(path, [])
    annotations.refuse_outside(path, found, *SIZE)
    for region in found[:10]:
        region.holds(np.arange(40), np.arange(40))


def outlines(path: Path, _: Place) -> None:
    with contextlib.suppress(UserError):
        imagescope.microns_per_pixel(path)
    rasterise([region.vertices for region in imagescope.read_regions(path)], SIZE)


def points(path: Path, _: Place) -> None:
    has_classes(path)
    read_points(path).outside(SIZE)


def mat(path: Path, _: Place) -> None:
    mat_classes(path, mat_instances(path, SIZE), dict.fromkeys(range(1, 8), "a"))


def hdf5(path: Path, _: Place) -> None:
    centres(path)


def stack(path: Path, _: Place) -> None:
    for index in range(tile_count(path, (8, 8, 6))):
        read_tile(path, index, 6, 65535)


def model(path: Path, _: Place) -> None:
    maskless.load(path).segment(tissue(0, (64, 64)), mpp=0.25)


def weights(path: Path, place: Place) -> None:
    maskless.load(_with(path, "checkpoints/best.ckpt", place)).segment(tissue(0, (64, 64)), mpp=0.25)


def of_run(file: str, *words: str) -> Reader:
    """The command `words` on a run of which one file was changed; and the run as a table reads it."""

    def read(path: Path, place: Place) -> None:
        run = _with(path, file, place)
        with contextlib.suppress(UserError):
            read_result(Run.open(run))
        where = {"run": run, "image": place.picture, "out": place.folder / "out"}
        command(*(word.format(**where) for word in words), "progress=false")

    return read


def record(path: Path, place: Place) -> None:
    """What was done to which image, in a folder of predictions."""
    out = place.folder / "again"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(place.output, out)
    shutil.copy(path, out / ".maskless" / "image.json")
    command("predict", "method=threshold", f"input={place.picture}", f"output={out}", "progress=false")


def _with(path: Path, file: str, place: Place) -> Path:
    run = place.folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(place.run, run)
    shutil.copy(path, run / file)
    return run


PREDICT = ("predict", "run={run}", "input={image}", "output={out}", "formats=[csv]")
EVALUATE = ("evaluate", "run={run}")
RESUME = ("train", "resume={run}")
#: By name: the ending of the file, how it is changed (see `mutations`), and what reads it.
KINDS: dict[str, tuple[str, str, Reader]] = {
    "png": (".png", "png", image),
    "tiff": (".tif", "tiff", image),
    "jpeg": (".jpg", "jpeg", image),
    "xml": (".xml", "xml", outlines),
    "geojson": (".geojson", "json", regions),
    "csv": (".csv", "csv", points),
    "mat": (".mat", "mat", mat),
    "h5": (".h5", "h5", hdf5),
    "checkpoint": (".ckpt", "zip", weights),
    "safetensors": (".safetensors", "safetensors", model),
    "config.yaml": (".yaml", "yaml", of_run("config.yaml", *PREDICT)),
    "labels png": (".png", "png", labels),
    "labels tiff": (".tif", "tiff", labels),
    "ome tiff": (".tif", "tiff", image),
    "planes tiff": (".tif", "tiff", image),
    "geojson gz": (".geojson.gz", "gz", regions),
    "mat packed": (".mat", "mat", mat),
    "npy": (".npy", "npy", stack),
    "record": (".json", "json", record),
    # Those of a run that is scored again or gone on with take a second each, and are looked at by hand.
    "config.yaml evaluated": (".yaml", "yaml", of_run("config.yaml", *EVALUATE)),
    "config.yaml resumed": (".yaml", "yaml", of_run("config.yaml", *RESUME)),
    "data.json": (".json", "json", of_run("data.json", *EVALUATE)),
    "state.json": (".json", "json", of_run("state.json", *RESUME)),
    "run.json": (".json", "json", of_run("run.json", *RESUME)),
    "scores.csv": (".csv", "csv", of_run("scores.csv", *EVALUATE)),
    "metrics.csv": (".csv", "csv", of_run("metrics.csv", *RESUME)),
    "last.ckpt": (".ckpt", "zip", of_run("checkpoints/last.ckpt", *RESUME)),
}
#: Files of the run by kind.
OF_RUN = {
    name: f"checkpoints/{name}" if name == "last.ckpt" else name.split()[0] for name in KINDS if "." in name
}
OF_RUN["checkpoint"] = "checkpoints/best.ckpt"


def originals(place: Place) -> dict[str, Path]:
    """A small file of each kind, as the libraries of their formats write them."""
    rgb, ids = tissue(), nuclei()
    deep = rgb.astype(np.uint16) * 257
    files = {
        name: place.folder / f"{name.replace(' ', '_')}{ending}" for name, (ending, _, _) in KINDS.items()
    }
    Image.fromarray(rgb).save(files["png"], dpi=(100_000, 100_000))
    Image.fromarray(rgb).save(files["tiff"], compression="tiff_lzw")
    Image.fromarray(rgb).save(files["jpeg"])
    write_annotation(files["xml"], [square(1, 2), square(9, 9)], [square(30, 30)])
    write_geojson(place.folder / "regions.geojson", ids)
    drawn = (place.folder / "regions.geojson").read_bytes().replace(b"detection", b"annotation")
    files["geojson"].write_bytes(drawn)
    files["geojson gz"].write_bytes(gzip.compress(drawn))
    rows = "".join(f"{3 * k},{k + 0.5},positive\n" for k in range(15))
    files["csv"].write_text(f"x,y,class\n{rows}")
    write_mat(files["mat"])
    held = {key: value for key, value in loadmat(files["mat"]).items() if not key.startswith("__")}
    savemat(files["mat packed"], held, do_compression=True)
    write_points(files["h5"], [(k, 2 * k) for k in range(12)])
    Image.fromarray(ids.astype(np.uint16)).save(files["labels png"])
    Image.fromarray(ids.astype(np.int32)).save(files["labels tiff"])
    tifffile.imwrite(files["ome tiff"], deep, photometric="rgb", ome=True)
    planes = np.moveaxis(deep, -1, 0).copy()
    tifffile.imwrite(files["planes tiff"], planes, photometric="rgb", planarconfig="separate", bigtiff=True)
    np.save(files["npy"], np.arange(2 * 8 * 8 * 6, dtype=np.uint16).reshape(2, 8, 8, 6))
    command("export", f"run={place.run}", f"output={files['safetensors']}")
    shutil.copy(place.output / ".maskless" / "image.json", files["record"])
    for name, file in OF_RUN.items():
        shutil.copy(place.run / file, files[name])
    return files


# -- what comes of it ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TookTooLong

    # Of a decoder that does not come back to Python, by the clock.
    faulthandler.dump_traceback_later(15 * seconds, exit=True)
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def outcome(read: Reader, path: Path, place: Place) -> str:
    """'read', 'refused', or what a defect leaves behind."""
    try:
        with at_most(LIMIT_S):
            read(path, place)
    except UserError as error:
        return "refused" if str(error).strip() else "an empty sentence"
    except BaseException:
        return traceback.format_exc()
    return "read"


def all_outcomes(place: Place, seeds: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    files = originals(place)
    for name in names:  # as it was, each is read: else the rest would prove nothing
        assert (found := outcome(KINDS[name][2], files[name], place)) == "read", f"{name}: {found}"
    counts: Counter[str] = Counter()
    defects = []
    for seed in seeds:
        name = names[seed % len(names)]
        ending, how, read = KINDS[name]
        changed = place.folder / f"changed{ending}"
        changed.write_bytes(mutated(files[name].read_bytes(), how, np.random.default_rng(seed)))
        print(seed, name, file=sys.stderr, flush=True)  # the last words of a process that is brought down
        found = outcome(read, changed, place)
        sane = found in ("read", "refused")
        counts[f"{name}: {found if sane else 'DEFECT'}"] += 1
        if not sane:
            defects.append({"seed": seed, "kind": name, "what": found})
            print(found, file=sys.stderr, flush=True)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"defects": defects, "counts": counts, "peak_bytes": peak_bytes}


def run(trained: Path, seeds: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """In a folder of its own, which is removed."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        place = Place(Path(folder), trained, Path(folder, "given", "image.png"), Path(folder, "output"))
        place.picture.parent.mkdir()
        Image.fromarray(tissue(0, (64, 64))).save(place.picture)
        command(
            "predict",
            "method=threshold",
            f"input={place.picture}",
            f"output={place.output}",
            "progress=false",
        )
        found = all_outcomes(place, seeds, names)
        os.chdir("/")
    return found


if __name__ == "__main__":
    trained, first, count, *only = sys.argv[1:]
    kinds = only[0].split(",") if only else list(KINDS)
    print(json.dumps(run(Path(trained), range(int(first), int(first) + int(count)), kinds)))
