"""What a comparison is made of: rows, and the values where they meet a column. No numbers are made here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from maskless.report.column import Column
from maskless.report.results import Result
from maskless.signals import Annotation


@dataclass(frozen=True)
class Value:
    """A mean and the sample standard deviation behind it.

    `of` says what the `count` values are whose mean and deviation these are: images, seeds or folds; or
    'printed', for a number of a paper, whose `count` is 0. `images` is the number of images that define it.
    """

    mean: float
    std: float | None
    of: Literal["images", "seeds", "folds", "printed"]
    count: int
    images: int = 0


@dataclass(frozen=True)
class Interval:
    """A difference of two rows, and the bounds that 95 % of resampled sets of images keep it between."""

    difference: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the two rows may well be equal: the images cannot tell them apart."""
        return self.low <= 0 <= self.high


#: By the name of a row and a column, the row's difference to another one.
Intervals = Mapping[tuple[str, Column], Interval]


@dataclass(frozen=True)
class Row:
    """A method: measured in one or several runs of the same recipe, or printed in a paper.

    `by_image` holds each image's score, its mean over seeds, and nan where it is undefined. `citation` says
    where a printed row stands, and is empty for a measured one. `seen` are the images of the table whose
    tissue the method has learnt from. `lacks` says why a row is shown but not compared ('3 of 10 folds').
    """

    name: str
    annotation: Annotation | None
    values: Mapping[Column, Value]
    runs: tuple[Result, ...] = ()
    by_image: Mapping[Column, Mapping[str, float]] = field(default_factory=dict)
    citation: str = ""
    seen: tuple[str, ...] = ()
    lacks: str = ""
    note: str = ""

    @property
    def compared(self) -> bool:
        """Whether it may be the best: it has not learnt from these images, and lacks none of them."""
        return not self.seen and not self.lacks


def by_cost(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows by what annotation they cost, the cheapest first and those of unknown cost last."""
    order = [*Annotation, None]
    return tuple(sorted(rows, key=lambda row: order.index(row.annotation)))


@dataclass(frozen=True)
class Table:
    """Rows that were scored on the same images of the same part of the same source.

    `split` names its split, or the family of its folds ('fold*'). `columns` are those that are shown; the
    rows may hold more. `paper` is the key of the paper whose columns these are, or empty for ours. `notes`
    are sentences on what is mixed or incomplete.
    """

    source: str
    split: str
    part: str
    images: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    paper: str = ""
    title: str = ""
    notes: tuple[str, ...] = ()

    def recorded(self, key: str) -> dict[str, str]:
        """What runs have recorded of this source ('licence', 'sha256'), by the name of the row."""
        found = {}
        for row in self.rows:
            words = {str(word) for run in row.runs if (word := run.about(self.source).get(key))}
            if words:
                found[row.name] = ", ".join(sorted(words))
        return found
