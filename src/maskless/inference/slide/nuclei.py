"""The nuclei that a block has found, exactly, as a small file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from maskless.atomic import atomic
from maskless.data.slides import Place
from maskless.errors import UserError
from maskless.inference.analysis import labels_of
from maskless.inference.slide.grid import Block, Box
from maskless.nucleus_pixels import NucleusPixels

#: A nucleus may be seen a little displaced by two blocks: one that comes so near to the core is kept too.
NEAR_PX = 8
_RUNS = ("run_row", "run_col", "run_length")
_SECONDS, _NUCLEI, _LOST = b"seconds", b"nuclei", b"lost"

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class BlockNuclei:
    """N nuclei as a block has found them, all in px of the slide at the scale of what was read.

    Their pixels are runs along rows, int64 (R,) each, nucleus by nucleus and in raster order within one:
    `begins` (N + 1,) says which are of which. `table` has a row each: `row` and `col` are the centroid, and
    what else was measured.
    """

    row: Ints
    col: Ints
    length: Ints
    begins: Ints
    table: pd.DataFrame

    @classmethod
    def of(cls, labels: NDArray[Any], table: pd.DataFrame, corner: tuple[int, int]) -> "BlockNuclei":
        """The nuclei of `labels` (h, w), whose first pixel is at `corner` of the slide.

        `table` has a row each, by rising id.
        """
        pixels = NucleusPixels(labels)
        order = np.argsort(pixels.nucleus, kind="stable")
        begins = np.searchsorted(pixels.nucleus[order], np.arange(len(pixels.ids) + 1))
        moved = table.assign(row=table["row"] + corner[0], col=table["col"] + corner[1])
        rows, cols = pixels.row[order] + corner[0], pixels.col[order] + corner[1]
        return cls(rows, cols, pixels.length[order], begins, moved)

    def __len__(self) -> int:
        return len(self.begins) - 1

    @property
    def boxes(self) -> Ints:
        """(N, 4): top, left, bottom, right."""
        if not len(self):
            return np.empty((0, 4), np.int64)
        first, last = self.begins[:-1], self.begins[1:] - 1
        left = np.minimum.reduceat(self.col, first)
        right = np.maximum.reduceat(self.col + self.length, first)
        return np.stack([self.row[first], left, self.row[last] + 1, right], axis=1)

    @property
    def areas(self) -> Ints:
        """(N,): the number of pixels of each."""
        return np.diff(np.concatenate([[0], np.cumsum(self.length)])[self.begins])

    def pixels(self, nuclei: NDArray[Any]) -> tuple[Ints, Ints, Ints]:
        """The place in `nuclei`, row and column of every pixel of some nuclei, one nucleus after another."""
        runs_of = self.begins[nuclei + 1] - self.begins[nuclei]
        runs = _ranges(self.begins[nuclei], runs_of)
        length = self.length[runs]
        return (
            np.repeat(np.repeat(np.arange(len(nuclei)), runs_of), length),
            np.repeat(self.row[runs], length),
            _ranges(self.col[runs], length),
        )

    def write(self, path: Path, seconds: Mapping[str, float], lost: Iterable[Place] = ()) -> None:
        """Write them to a file, whole or not at all, with what each stage of the work took.

        `lost` is what the block could not see. Raises UserError if the file cannot be written.
        """
        columns = pa.Table.from_pandas(self.table, preserve_index=False)
        offsets = pa.array(self.begins, pa.int32())
        for name, values in zip(_RUNS, (self.row, self.col, self.length), strict=True):
            runs = pa.ListArray.from_arrays(offsets, pa.array(values, pa.int32()))
            columns = columns.append_column(name, runs)
        said = {
            _SECONDS: json.dumps(dict(seconds)),
            _NUCLEI: str(len(self)),
            _LOST: json.dumps(sorted(lost)),
        }
        schema = columns.schema.with_metadata({**columns.schema.metadata, **said})
        with (
            atomic(path) as file,
            pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as written,
        ):
            written.write_table(columns)

    @classmethod
    def read(cls, path: Path) -> "BlockNuclei":
        """Those of a file. Raises UserError for one that cannot be read."""
        try:
            with path.open("rb") as file:
                columns = pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"{path} cannot be read: delete it, and what it holds is found again") from error
        lists = [columns[name].combine_chunks() for name in _RUNS]
        begins = lists[0].offsets.to_numpy().astype(np.int64)
        row, col, length = (of.values.to_numpy().astype(np.int64) for of in lists)
        return cls(row, col, length, begins, columns.drop_columns(list(_RUNS)).to_pandas())


@dataclass(frozen=True)
class Done:
    """Blocks that are done: their number, that of their nuclei, and the seconds that each stage took.

    `lost` is what they could not see, as it cannot be decoded.
    """

    blocks: int = 0
    nuclei: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    lost: frozenset[Place] = frozenset()

    def __add__(self, other: "Done") -> "Done":
        stages = {**self.seconds, **other.seconds}
        seconds = {name: self.seconds.get(name, 0.0) + other.seconds.get(name, 0.0) for name in stages}
        lost = self.lost | other.lost
        return Done(self.blocks + other.blocks, self.nuclei + other.nuclei, seconds, lost)


def done(path: Path) -> Done | None:
    """What the file of a block says; None if there is none that is whole."""
    try:
        with pa.memory_map(str(path)) as file:  # the table of contents is its end
            said = pa.ipc.open_file(file).schema.metadata
            lost = frozenset(Place(*place) for place in json.loads(said[_LOST]))
            return Done(1, int(said[_NUCLEI]), json.loads(said[_SECONDS]), lost)
    except (OSError, pa.ArrowInvalid, KeyError):
        return None


def kept(labels: NDArray[np.int32], block: Block) -> NDArray[np.int32]:
    """The labels (h, w) of what a block sees without the nuclei that are no affair of its own.

    It keeps those that come to its core, whoever's they turn out to be.
    """
    near = Box(
        max(block.core.top - NEAR_PX, block.seen.top) - block.seen.top,
        max(block.core.left - NEAR_PX, block.seen.left) - block.seen.left,
        min(block.core.bottom + NEAR_PX, block.seen.bottom) - block.seen.top,
        min(block.core.right + NEAR_PX, block.seen.right) - block.seen.left,
    )
    return labels_of(labels, np.unique(labels[near.top : near.bottom, near.left : near.right]))


def _ranges(first: Ints, length: Ints) -> Ints:
    """The whole numbers from each of `first` on, `length` of them, one range after another."""
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(int(length.sum()))
