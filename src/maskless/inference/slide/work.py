"""The blocks of a slide, one after another: reading, network and grouping each work on one of their own."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskless.classify import Classifier
from maskless.data.slides import Place, Slide
from maskless.inference.evidence import evidence
from maskless.inference.slide.grid import Block
from maskless.inference.slide.nuclei import BlockNuclei, Done, kept
from maskless.inference.slide.plan import Plan
from maskless.measure import measured
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.stain import Vectors
from maskless.translated import Translated, last_of

#: Columns of a block's table with what a classifier has seen of each nucleus.
SEEN = "seen_{}"
#: Blocks that wait for the next stage.
_WAITING = 2
_MOST_GROUPERS = 4

T = TypeVar("T")
R = TypeVar("R")


class _Looked(NamedTuple):
    """A block as it leaves the network, what of it was `lost`, and what each stage took so far, seconds."""

    block: Block
    image: NDArray[np.uint8]
    lost: set[Place]
    seen: Any
    evidence: NDArray[Any] | None
    seconds: dict[str, float]


@dataclass
class BlockWork:
    """What is done with each block of a slide. `vectors` are the stains to measure (see `measured`)."""

    slide: Slide
    plan: Plan
    segmenter: Segmenter
    classifier: Classifier | None = None
    vectors: Vectors = "H-E-DAB"
    _last: float = field(default_factory=perf_counter)

    def blocks(self, blocks: Sequence[Block], folder: Path) -> Iterator[Done]:
        """Find the nuclei of each block, and write its file into `folder`; then what it says of itself."""
        self._last = perf_counter()
        groupers = _groupers(self.segmenter)
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(groupers) as grouper:
            read = ahead(reader, self._read, blocks, _WAITING)
            looked = (self._look(*one) for one in read)
            yield from ahead(grouper, lambda one: self._find(one, folder), looked, groupers + 1)

    def no_nuclei(self) -> BlockNuclei:
        """None, with all columns."""
        labels, pixel = np.zeros((1, 1), np.int32), np.zeros((1, 1, 3), np.uint8)
        looked_at = labels.astype(np.float32) if self.classifier and self.classifier.map else pixel
        return BlockNuclei.of(labels, self._table(pixel, labels, looked_at), (0, 0))

    def _table(
        self, image: NDArray[np.uint8], labels: NDArray[Any], looked_at: NDArray[Any] | None
    ) -> pd.DataFrame:
        """A row a nucleus, without ids: what was measured, and what the classifier has seen."""
        table = measured(image, labels, self.plan.mpp, self.vectors).drop(columns="id")
        if self.classifier is None or looked_at is None:
            return table
        seen = self.classifier.seen(looked_at, labels)
        return table.assign(**{SEEN.format(k): column for k, column in enumerate(seen.T)})

    def _read(self, block: Block) -> tuple[Block, NDArray[np.uint8], set[Place], float]:
        start = perf_counter()
        scale, seen = self.plan.scale, block.seen
        height, width = seen.shape
        around, lost = self.slide.around_damage()
        image = around.read(seen.left * scale, seen.top * scale, width, height, self.plan.mpp)
        return block, image, lost, perf_counter() - start

    def _look(self, block: Block, image: NDArray[np.uint8], lost: set[Place], reading: float) -> _Looked:
        start = perf_counter()
        mpp = self.plan.mpp
        seen = _halves(self.segmenter)[0](image, mpp)
        looked_at = evidence(self.classifier, self.segmenter, image, mpp) if self.classifier else None
        seconds = {"read": reading, "network": perf_counter() - start}
        return _Looked(block, image, lost, seen, looked_at, seconds)

    def _find(self, looked: _Looked, folder: Path) -> Done:
        start = perf_counter()
        block, image, lost, seen, looked_at, seconds = looked
        labels = kept(_halves(self.segmenter)[1](seen), block)
        table = self._table(image, labels, looked_at)
        now = perf_counter()
        seconds |= {"group": now - start, "wall": now - self._last}
        self._last = now
        BlockNuclei.of(labels, table, block.seen[:2]).write(part_path(folder, block), seconds, lost)
        return Done(1, len(table), seconds, frozenset(lost))


def _halves(segmenter: Segmenter) -> tuple[Callable[..., Any], Callable[[Any], NDArray[np.int32]]]:
    """What a segmenter does first, and what it makes of that; one that is no two halves does all first."""
    if isinstance(segmenter, MapSegmenter | Translated):
        return segmenter.look, segmenter.find
    return segmenter.segment, lambda labels: labels


def _groupers(segmenter: Segmenter) -> int:
    """How many blocks are grouped at once: one beside a network that has the cores, more beside a GPU."""
    last = last_of(segmenter)
    on_cpu = not isinstance(last, MapSegmenter) or last.device.type == "cpu"
    return 1 if on_cpu else max(1, min(_MOST_GROUPERS, (os.cpu_count() or 1) - 1))


def part_path(folder: Path, block: Block) -> Path:
    """The file of a block in the folder of a slide's."""
    return folder / f"{block.row}-{block.col}.arrow"


def ahead(pool: ThreadPoolExecutor, do: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[R]:
    """`do` of each item by `pool`, in their order, at most so many ahead of what is asked for."""
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(do, item))
            if len(pending) > most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
