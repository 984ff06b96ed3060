"""The nuclei of a large slide through our writers, beside json.dumps of one collection and geopandas.

A field of rendered tissue stands side by side with itself until there are 725,000 nuclei, each with an exact
outline, a class and eleven measurements. Fields are made one by one, as the windows of a slide are. Seconds
are the processor's, for what is done with a field once it is there: neither its making nor what else runs on
the machine takes part. Each row is a process of its own, for its peak memory.

    make bench-writers          or    python benchmarks/writers.py [NUCLEI] [--geopandas PYTHON]

PYTHON is the interpreter of an environment with geopandas, which maskless has no use for.
"""

import json
import os
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

NUCLEI = 725_000
SIDE_PX, POWER, COLUMNS = 2048, 20, 10
NEVER = 2**62

Written = tuple[float, Path]


class Field(NamedTuple):
    """Nuclei of one field: (id, outline) each, a row of the table each, and where on the slide it begins."""

    outlined: list[tuple[int, Any]]
    nuclei: Any
    row: int
    col: int


def main(count: int, geopandas: str | None) -> None:
    """Print the table. Nothing large is imported here: a process starts with the peak of its parent."""
    from rich.console import Console
    from rich.table import Table

    with TemporaryDirectory() as folder:
        rendered = answer("--render", folder)
        title = "fields of {nuclei:,} nuclei, outlines of {vertices:.0f} points".format(**rendered)
        table = Table("written as", "nuclei", "s", "µs each", "peak, MiB", "before, MiB", "MB", title=title)
        for name in WRITERS:
            if name == GEOPANDAS and geopandas is None:
                continue
            python = geopandas if name == GEOPANDAS else None
            found = answer("--write", name, folder, str(count), python=python)
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


def answer(*arguments: str, python: str | None = None) -> dict[str, float]:
    """What this file says, run with other arguments, and by another interpreter if one is given."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [python or sys.executable, __file__, *arguments]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(ran.stdout.splitlines()[-1])


def render(folder: Path) -> dict[str, float]:
    """Leave outlines, measurements and labels of a field's nuclei in `folder`."""
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
    np.save(folder / "labels.npy", tissue.instances)
    nuclei.to_csv(folder / "nuclei.csv", index=False)  # which another version of pandas reads too
    return {"nuclei": len(nuclei), "vertices": float(shapely.get_num_coordinates(polygons).mean())}


def write(name: str, folder: Path, count: int) -> dict[str, float]:
    """One row of the table."""
    found = fields(folder, count)
    first = next(found)
    before_mib = peak_mib()
    seconds, path = WRITERS[name](folder, chain([first], found), count)
    return {
        "seconds": seconds,
        "before_mib": before_mib,
        "peak_mib": peak_mib(),
        "bytes": sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file()),
    }


def fields(folder: Path, count: int) -> Iterator[Field]:
    """Outlines and measurements of one field after another, `count` nuclei in all, ids 1, 2, 3, ..."""
    import numpy as np
    import pandas as pd
    import shapely

    polygons = shapely.from_wkb(np.load(folder / "outlines.npy", allow_pickle=True))
    nuclei = pd.read_csv(folder / "nuclei.csv")
    points = shapely.get_coordinates(polygons)
    for number, before in enumerate(range(0, count, len(polygons))):
        offset_px = np.array([number % COLUMNS, number // COLUMNS]) * SIDE_PX  # to the right, down
        moved = shapely.set_coordinates(polygons.copy(), points + offset_px)[: count - before]
        ids = np.arange(before + 1, before + len(moved) + 1)
        col, row = nuclei["col"] + offset_px[0], nuclei["row"] + offset_px[1]
        table = nuclei.assign(row=row, col=col)[: len(moved)].assign(id=ids)
        outlined = list(zip(ids.tolist(), moved.tolist(), strict=True))
        yield Field(outlined, table, int(offset_px[1]), int(offset_px[0]))


def geojson(path: Path, found: Iterator[Field], **options: int) -> Written:
    from maskless.writers.geojson import GeoJSONFile

    return streamed(
        GeoJSONFile(path, **options), found, lambda file, field: file.add(field.outlined, field.nuclei)
    )


def table_file(path: Path, found: Iterator[Field], **options: int) -> Written:
    from maskless.writers.tables import TableFile

    return streamed(TableFile(path, **options), found, lambda file, field: file.add(field.nuclei))


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
    for outlined, nuclei, _, _ in found:
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


def label_pyramid(path: Path, found: Iterator[Field], count: int) -> Written:
    import numpy as np

    from maskless.writers.label_pyramid import LabelPyramid

    labels = np.load(path.parent / "labels.npy")
    height = SIDE_PX * -(-count // (int(labels.max()) * COLUMNS))

    def paint(pyramid: Any, field: Field) -> None:
        before, within = field.outlined[0][0] - 1, (labels > 0) & (labels <= len(field.outlined))
        pyramid.paint(field.row, field.col, np.where(within, labels + before, 0))

    return streamed(LabelPyramid(path, height, SIDE_PX * COLUMNS, 10 / POWER), found, paint)


def by_geopandas(path: Path, found: Iterator[Field]) -> Written:
    """All of them in one frame, and its to_file."""
    import geopandas
    import pandas as pd

    seconds, frames = 0.0, []
    for outlined, nuclei, _, _ in found:
        since = time.process_time()
        frames.append(geopandas.GeoDataFrame(nuclei, geometry=[outline for _, outline in outlined]))
        seconds += time.process_time() - since
    since = time.process_time()
    pd.concat(frames, ignore_index=True).to_file(path, driver="GeoJSON")
    return seconds + time.process_time() - since, path


GEOPANDAS = "geopandas, one frame"
WRITERS: dict[str, Callable[[Path, Iterator[Field], int], Written]] = {
    "GeoJSON": lambda folder, found, _: geojson(folder / "a.geojson", found, limit_bytes=NEVER),
    "GeoJSON, gzipped": lambda folder, found, _: geojson(folder / "b.geojson", found, limit_bytes=0),
    "CSV": lambda folder, found, _: table_file(folder / "a.csv", found, limit_bytes=NEVER),
    "CSV, gzipped": lambda folder, found, _: table_file(folder / "b.csv", found, limit_bytes=0),
    "Parquet": lambda folder, found, _: table_file(folder / "a.parquet", found),
    "OME-Zarr of the labels": lambda folder, found, count: label_pyramid(folder / "a.ome.zarr", found, count),
    "json.dumps of one collection": lambda folder, found, _: one_collection(folder / "c.geojson", found),
    GEOPANDAS: lambda folder, found, _: by_geopandas(folder / "d.geojson", found),
}


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--render", folder]:
            print(json.dumps(render(Path(folder))))
        case ["--write", name, folder, count]:
            print(json.dumps(write(name, Path(folder), int(count))))
        case _:
            parser = ArgumentParser(description=__doc__)
            parser.add_argument("count", metavar="NUCLEI", nargs="?", type=int, default=NUCLEI)
            parser.add_argument("--geopandas", metavar="PYTHON")
            main(**vars(parser.parse_args()))
