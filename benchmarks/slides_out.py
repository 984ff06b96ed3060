"""Whole slides out: tiles a second by stage, and memory and seconds at 1, 4 and 16 times the area.

Slides of rendered tissue (`large_slide`) through a segmenter, block by block, as maskless predict does: read,
network and group each work on a block of their own at the same time; when all are done the nuclei are
assembled and written. Stages are timed on the wall, each slide in a process of its own, for its peak. First a
model that ships with maskless, then the threshold, which is quick enough for the larger ones.

    make bench-slides       or      python benchmarks/slides_out.py [SIDE_PX] [--network-px SIDE_PX]
"""

import json
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

SIDE_PX, NETWORK_PX, TILE_PX = 4096, 2048, 224
MODEL, THRESHOLD = "rendered-he", "threshold"
STAGES = ("read", "network", "group", "assemble", "write")
FORMATS = ("labels", "geojson", "parquet", "density")


def main(side_px: int, network_px: int) -> None:
    """Print both tables. Nothing large is imported here: a process starts with the peak of its parent."""
    sizes = [(MODEL, network_px)] + [(THRESHOLD, side_px * times) for times in (1, 2, 4)]
    with TemporaryDirectory() as folder:
        found = [answer(folder, name, side) for name, side in sizes]
    console = Console(width=110)
    for name, one in zip((MODEL, THRESHOLD), (found[0], found[-1]), strict=True):
        console.print(of_stages(name, one))
    columns = ("tissue, mm²", "nuclei", "s", "processor s per mm²", "peak, MiB", "beside 1x", "assembling")
    table = Table("area", *columns)
    for times, one in zip((1, 4, 16), found[1:], strict=True):
        total = one["find"] + one["written"]
        numbers = (
            f"{one['tissue_mm2']:.1f}",
            f"{one['nuclei']:,}",
            f"{total:.1f}",
            f"{one['processor'] / one['tissue_mm2']:.1f}",
            f"{one['peak_mib']:,.0f}",
            f"{one['peak_mib'] / found[1]['peak_mib'] - 1:+.0%}",
            f"{one['assemble'] / total:.1%}",
        )
        table.add_row(f"{times}x", *numbers)
    table.title = f"{THRESHOLD}, from {side_px:,} x {side_px:,} px on (goal: +20 %, and 15 %)"
    console.print(table)


def of_stages(name: str, found: dict[str, Any]) -> Table:
    """A row a stage; what takes longest of those that work at the same time is the bottleneck."""
    total = found["find"] + found["written"]
    size = f"{found['side_px']:,} px, {found['tiles']:,.0f} tiles of {TILE_PX} px, {found['nuclei']:,} nuclei"
    table = Table("stage", "s", "tiles a second", "of all", title=f"{name}: {size}, {total:.1f} s")
    slowest = max(STAGES[:3], key=lambda stage: found[stage])
    for stage in STAGES:
        mark = " (the bottleneck)" if stage == slowest else ""
        rate = f"{found['tiles'] / found[stage]:,.1f}"
        table.add_row(stage + mark, f"{found[stage]:.1f}", rate, f"{found[stage] / total:.0%}")
    return table


def answer(folder: str, name: str, side_px: int) -> dict[str, Any]:
    """A slide of a size, made in one process and segmented in another."""
    for step in ("--write", "--find"):
        command = [sys.executable, __file__, step, folder, name, str(side_px)]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


def find(folder: Path, name: str, side_px: int) -> dict[str, Any]:
    """Find and write the nuclei of a slide: seconds of each stage, and the peak."""
    from maskless.inference.analysis import Analysis
    from maskless.inference.slide.analysis import analysed_slide
    from maskless.inference.slide.assemble import assembled
    from maskless.inference.slide.nuclei import Done, done
    from maskless.inference.slide.watcher import Silent

    blocks, results = folder / f"blocks-{side_px}", folder / f"results-{side_px}"
    blocks.mkdir()
    results.mkdir()
    analysis = Analysis(segmenter(name))
    began, processor = time.perf_counter(), time.process_time()
    found = analysed_slide(analysis, slide_of(folder, side_px), blocks, Silent())
    at_blocks = time.perf_counter()
    found.write(results, "slide", FORMATS)
    written, processor = time.perf_counter() - at_blocks, time.process_time() - processor
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    before = time.perf_counter()
    nuclei = sum(len(owned.table) for owned in assembled(found.work, blocks))
    assemble = time.perf_counter() - before
    plan = found.work.plan
    stages = sum((one for path in blocks.iterdir() if (one := done(path))), Done()).seconds
    return dict(stages) | {
        "find": at_blocks - began,
        "written": written,
        "processor": processor,
        "assemble": assemble,
        "write": max(written - assemble, 1e-9),
        "peak_mib": peak_mib,
        "nuclei": nuclei,
        "side_px": side_px,
        "tissue_mm2": plan.tissue_mm2,
        "tiles": plan.tissue_mm2 * 1e6 / (TILE_PX * plan.mpp) ** 2,
    }


def segmenter(name: str) -> Any:
    import yaml

    from maskless import load
    from maskless.hardware import Hardware
    from maskless.loading import as_segmenter
    from maskless.methods.threshold import Threshold
    from maskless.paths import CONF

    if name == MODEL:
        return load(MODEL)
    chain = yaml.safe_load((CONF / "postprocess" / f"{THRESHOLD}.yaml").read_text(encoding="utf-8"))
    return as_segmenter(Threshold(chain=chain), Hardware(), None)


def slide_of(folder: Path, side_px: int) -> Path:
    return folder / f"{side_px}.svs"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write", folder, _, side_px]:
            from large_slide import write_slide

            write_slide(slide_of(Path(folder), int(side_px)), int(side_px), int(side_px))
        case ["--find", folder, name, side_px]:
            print(json.dumps(find(Path(folder), name, int(side_px))))
        case _:
            parser = ArgumentParser(description=__doc__)
            parser.add_argument("side_px", nargs="?", type=int, default=SIDE_PX)
            parser.add_argument("--network-px", type=int, default=NETWORK_PX)
            main(**vars(parser.parse_args()))
