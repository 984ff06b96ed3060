"""The nuclei of a large slide through our writers, beside json.dumps of one collection: time, peak, size.

A field of rendered tissue stands side by side with itself until there are 725,000 nuclei, each with an exact
outline, a class and eleven measurements. Fields are made one by one, as the windows of a slide are. Seconds
are the processor's, for what is done with a field once it is there: neither its making nor what else runs on
the machine takes part. Each row is a process of its own, for its peak memory.

    make bench-writers          or    python benchmarks/writers.py [NUCLEI]
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

NUCLEI = 725_000
SIDE_PX, POWER, COLUMNS = 2048, 20, 10
NEVER = 2**62

Field = tuple[list[tuple[int, Any]], Any]
Written = tuple[float, Path]


def main(count: int) -> None:
    """Print the table. Nothing large is imported here: a process starts with the peak of its parent."""
    with TemporaryDirectory() as folder:
        rendered = answer("--render", folder)
        title = "fields of {nuclei:,} nuclei, outlines of {vertices:.0f} points".format(**rendered)
        table = Table("written as", "nuclei", "s", "µs each", "peak, MiB", "before, MiB", "MB", title=title)
        for name in WRITERS:
            found = answer("--write", name, folder, str(count))
            numbers = (
                f"{count:,}",
                f"{found['seconds']:.1f}",
                f"{found['seconds'] / count * 1e6:.1f}",
                f"{found['peak_mib']:,.0f}",
                f"{found['before_mib']:,.0f}",
                f"{found['bytes'] / 1e6:,.0f}",
            )
            table.add_row(name, *numbers)
    Console(width=110).print(table)


def answer(*arguments: str) -> dict[str, float]:
    """What this file says, run with other arguments."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *arguments]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(ran.stdout.splitlines()[-1])


def render(folder: Path) -> dict[str, float]:
    """Leave outlines and measurements of a field's nuclei in `folder`."""
    import numpy as np
    import shapely

    from maskless.data.synthetic import render
    from maskless.measure import measured
    from maskless.writers.outlines import outlines

    tissue = render(0, 1, size_px=SIDE_PX, power=POWER)
    nuclei = measured(tissue.image, tissue.instances, mpp=10 / POWER)
    nuclei["class"] = np.where(nuclei["dab_mean"] > nuclei["dab_mean"].median(), "positive", "negative")
    polygons = np.array([outline for _, outline in outlines(tissue.instances)])
    np.save(folder / "outlines.npy", shapely.to_wkb(polygons))
    nuclei.to_pickle(folder / "nuclei.pkl")
    return {"nuclei": len(nuclei), "vertices": float(shapely.get_num_coordinates(polygons).mean())}


def write(name: str, folder: Path, count: int) -> dict[str, float]:
    """One row of the table."""
    found = fields(folder, count)
    first = next(found)
    before_mib = peak_mib()
    seconds, path = WRITERS[name](folder, chain([first], found))
    return {
        "seconds": seconds,
        "before_mib": before_mib,
        "peak_mib": peak_mib(),
        "bytes": path.stat().st_size,
    }


def fields(folder: Path, count: int) -> Iterator[Field]:
    """Outlines and measurements of one field after another, `count` nuclei in all, ids 1, 2, 3, ..."""
    import numpy as np
    import pandas as pd
    import shapely

    polygons = shapely.from_wkb(np.load(folder / "outlines.npy", allow_pickle=True))
    nuclei = pd.read_pickle(folder / "nuclei.pkl")
    points = shapely.get_coordinates(polygons)
    for number, before in enumerate(range(0, count, len(polygons))):
        offset_px = np.array([number % COLUMNS, number // COLUMNS]) * SIDE_PX
        moved = shapely.set_coordinates(polygons.copy(), points + offset_px)[: count - before]
        ids = np.arange(before + 1, before + len(moved) + 1)
        col, row = nuclei["col"] + offset_px[0], nuclei["row"] + offset_px[1]
        table = nuclei.assign(row=row, col=col)[: len(moved)].assign(id=ids)
        yield list(zip(ids.tolist(), moved.tolist(), strict=True)), table


def geojson(path: Path, found: Iterator[Field], **options: int) -> Written:
    from maskless.writers.geojson import GeoJSONFile

    return streamed(GeoJSONFile(path, **options), found, lambda file, field: file.add(*field))


def table_file(path: Path, found: Iterator[Field], **options: int) -> Written:
    from maskless.writers.tables import TableFile

    return streamed(TableFile(path, **options), found, lambda file, field: file.add(field[1]))


def streamed(file: Any, found: Iterator[Field], add: Callable[[Any, Field], None]) -> Written:
    """Processor seconds, and the file that was written."""
    seconds = 0.0
    with file:
        for field in found:
            since = time.process_time()
            add(file, field)
            seconds += time.process_time() - since
        since = time.process_time()
    return seconds + time.process_time() - since, file.path


def one_collection(path: Path, found: Iterator[Field]) -> Written:
    """What scripts do: a dictionary for each nucleus, all of them in a list, and json.dumps."""
    from uuid import uuid4

    from shapely.geometry import mapping

    seconds = 0.0
    features = []
    for outlined, nuclei in found:
        since = time.process_time()
        for (number, outline), measurements in zip(outlined, nuclei.to_dict("records"), strict=True):
            name = measurements.pop("class")
            properties = {
                "objectType": "detection",
                "name": str(number),
                "classification": {"name": name, "color": [250, 62, 62]},
                "measurements": measurements,
            }
            feature = {"type": "Feature", "id": str(uuid4()), "geometry": mapping(outline)}
            features.append(feature | {"properties": properties})
        seconds += time.process_time() - since
    since = time.process_time()
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return seconds + time.process_time() - since, path


WRITERS: dict[str, Callable[[Path, Iterator[Field]], Written]] = {
    "GeoJSON": lambda folder, found: geojson(folder / "a.geojson", found, limit_bytes=NEVER),
    "GeoJSON, gzipped": lambda folder, found: geojson(folder / "b.geojson", found, limit_bytes=0),
    "CSV": lambda folder, found: table_file(folder / "a.csv", found, limit_bytes=NEVER),
    "CSV, gzipped": lambda folder, found: table_file(folder / "b.csv", found, limit_bytes=0),
    "Parquet": lambda folder, found: table_file(folder / "a.parquet", found),
    "json.dumps of one collection": lambda folder, found: one_collection(folder / "c.geojson", found),
}


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--render", folder]:
            print(json.dumps(render(Path(folder))))
        case ["--write", name, folder, count]:
            print(json.dumps(write(name, Path(folder), int(count))))
        case arguments:
            main(int(arguments[0]) if arguments else NUCLEI)
