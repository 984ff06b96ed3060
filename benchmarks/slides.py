"""Whole slides in: tiles beside OpenSlide's bare read_region, indexing, and an index of two million tiles.

A slide of rendered tissue is streamed to disk (`large_slide`), indexed in a process of its own for its peak,
and then the tiles of its index are read at random: by OpenSlide alone, by our `Slide`, and through the
index as training does. All read the same tiles, round after round; seconds are the processor's, of one
thread, so that what else the machine does takes no part.

    make bench-slides       or      python benchmarks/slides.py [SIDE_PX] [--rounds N] [--slide FILE.svs]
"""

import json
import os
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

SIDE_PX, TILE_PX, POWERS = 40_000, 224, (10.0, 20.0, 40.0)
ROWS, TABLES = 2_000_000, 40
READ = 32


def main(side_px: int, rounds: int, slide: Path | None) -> None:
    """Print what was measured, and beside it the goal. Nothing large is imported here: see `answer`."""
    with TemporaryDirectory() as folder:
        slides, many = Path(folder) / "slides", Path(folder) / "many"
        slides.mkdir()
        if slide:
            (slides / slide.name).symlink_to(slide.resolve())
            side = slide.name
        else:
            answer("--write", slides, side_px)
            side = f"{side_px:,} x {side_px:,} px"
        table = Table("what", "s", "processor s", "peak, MiB", "goal")
        found = answer("--index", slides)
        what = f"indexing {side} at 10x, 20x and 40x: {found['tiles']:,} tiles"
        table.add_row(what, *seconds(found), f"{found['peak_mib']:,.0f}", "30 s, 1,024 MiB")
        answer("--many", slides, many)
        found = answer("--open", many)
        what = f"opening an index of {found['tiles']:,} tiles of {TABLES} slides"
        table.add_row(what, *seconds(found), f"+{found['grown_mib']:,.0f}", "2 s, +200 MiB")
        Console(width=110).print(table)
        subprocess.run(command("--read", slides, rounds), check=True, env=one_thread())


def seconds(found: dict[str, float]) -> tuple[str, str]:
    return f"{found['seconds']:.2f}", f"{found['processor']:.2f}"


def command(*arguments: Any) -> list[str]:
    return [sys.executable, __file__, *map(str, arguments)]


def one_thread() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}


def answer(*arguments: Any) -> dict[str, Any]:
    """What this file says, run with other arguments: a process of its own has a peak of its own."""
    ran = subprocess.run(command(*arguments), check=True, stdout=subprocess.PIPE, text=True, env=one_thread())
    return json.loads(ran.stdout.splitlines()[-1])


def write(folder: Path, side_px: int) -> dict[str, Any]:
    from large_slide import write_slide

    return {"bytes": write_slide(folder / "large.svs", side_px, side_px).stat().st_size}


def index(folder: Path) -> dict[str, Any]:
    """Index the slide of a folder."""
    from maskless.data.readers.slides import Slides
    from maskless.data.tile_index import index_slide

    source = Slides(folder, powers=POWERS, size_px=TILE_PX, stride_px=TILE_PX)
    (slide,) = source.slides.values()
    source.index.mkdir()
    clock = Clock()
    found = index_slide(slide, source.tiling, source.index)
    return clock.read() | {"peak_mib": peak_mib(), "tiles": sum(found.tiles.values())}


def many(folder: Path, made: Path) -> dict[str, Any]:
    """Tables of two million tiles, as those of so many slides like the one in `folder`."""
    import numpy as np
    import pyarrow.parquet as pq

    from maskless.data.readers.slides import Slides

    (made / "index").mkdir(parents=True)
    (name,) = Slides(folder, powers=POWERS, size_px=TILE_PX, stride_px=TILE_PX).slides
    table = pq.read_table(folder / "index" / f"{name}.parquet")
    table = table.take(np.arange(ROWS // TABLES) % table.num_rows)
    for number in range(TABLES):
        (made / f"slide-{number}.svs").touch()
        pq.write_table(table, made / "index" / f"slide-{number}.parquet", compression="zstd")
    return {}


def opened(folder: Path) -> dict[str, Any]:
    """Open an index as a loading process does, and what that adds to the peak of its memory."""
    from maskless.data.readers.slides import Slides

    before_mib, clock = peak_mib(), Clock()
    source = Slides(folder, powers=POWERS, size_px=TILE_PX, stride_px=TILE_PX)
    tiles = sum(len(source.items_at("train", power)) for power in POWERS)
    return clock.read() | {"tiles": tiles, "grown_mib": peak_mib() - before_mib}


class Reading:
    """A way of reading tiles, as a variant of `paired`: the n-th step reads the same tiles in all of them."""

    def __init__(self, name: str, read: Callable[[Any], object], items: Sequence[Any]) -> None:
        self.name, self._read, self._items, self._steps = name, read, items, 0

    def step(self) -> float:
        import numpy as np

        chosen = np.random.default_rng(self._steps).integers(len(self._items), size=READ)
        self._steps += 1
        items = [self._items[int(n)] for n in chosen]
        before = time.process_time()
        for item in items:
            self._read(item)
        return time.process_time() - before


def read(folder: Path, rounds: int) -> None:
    """The table of readers, at each power that the slide has tiles of."""
    from openslide import OpenSlide
    from paired import Paired

    from maskless.data.readers.slides import Slides
    from maskless.data.slides import Slide
    from maskless.data.tiles import place_of
    from maskless.signals import Signal

    source = Slides(folder, powers=POWERS, size_px=TILE_PX, stride_px=TILE_PX)
    (file,) = source.slides.values()
    table = Paired("tiles", rounds, f"{READ} random tiles of {TILE_PX} px")
    with Slide.open(file.path) as ours, OpenSlide(file.path) as bare:
        for power in POWERS:
            if not len(items := source.items_at("train", power)):
                continue
            mpp = ours.stored_mpp(10 / power)
            level = ours.level_at(mpp)
            side = round(TILE_PX * mpp / ours.mpp / bare.level_downsamples[level])  # in px of the level

            def bare_region(item: Any, level: int = level, side: int = side) -> object:
                return bare.read_region(place_of(item)[2:], level, (side, side))

            def by_slide(item: Any, mpp: float = mpp) -> object:
                return ours.read(*place_of(item)[2:], TILE_PX, TILE_PX, mpp)

            def by_index(item: Any) -> object:
                return source.read(item, {Signal.IMAGE})

            readers = {f"read_region of {side} px": bare_region, "Slide.read": by_slide, "index": by_index}
            variants = [Reading(name, reader, items) for name, reader in readers.items()]
            table.add(f"{power:g}x, level {level}", variants)
    table.show()


class Clock:
    """Seconds since it was made: on the wall, and of the processor."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, Any]:
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        return {"seconds": wall, "processor": processor}


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write", folder, side_px]:
            print(json.dumps(write(Path(folder), int(side_px))))
        case ["--index", folder]:
            print(json.dumps(index(Path(folder))))
        case ["--many", folder, made]:
            print(json.dumps(many(Path(folder), Path(made))))
        case ["--open", folder]:
            print(json.dumps(opened(Path(folder))))
        case ["--read", folder, rounds]:
            read(Path(folder), int(rounds))
        case _:
            parser = ArgumentParser(description=__doc__)
            parser.add_argument("side_px", nargs="?", type=int, default=SIDE_PX)
            parser.add_argument("--rounds", type=int, default=9)
            parser.add_argument("--slide", type=Path)
            main(**vars(parser.parse_args()))
