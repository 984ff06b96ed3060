"""A source: a published data set, or anyone's folder, read from its own layout.

A reader (a file in `data/readers/`) derives from `Source` once and says what it offers, its splits, and how
to read one item. Nothing is read before it is asked for, and a reader knows no method.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from maskless.errors import UserError, did_you_mean
from maskless.signals import Item, Sample, Signal, with_derived

PARTS = ("train", "val", "test")


class Undecodable(UserError):
    """One image among very many that cannot be read: training names it and goes on with another."""


@dataclass(frozen=True)
class Split:
    """Which items are learnt from, chosen on and scored. `parts` maps 'train', 'val', 'test' to items.

    Further parts ('testA', say) are portions of the test part, scored by themselves if asked for by name.
    """

    parts: Mapping[str, tuple[Item, ...]]

    @property
    def leaky(self) -> bool:
        """Whether a patient or slide stands in more than one of 'train', 'val' and 'test'."""
        seen: dict[str, str] = {}
        return any(
            seen.setdefault(item.group, part) != part for part in PARTS for item in self.parts.get(part, ())
        )


class Source(ABC):
    """Base of the readers.

    `path` is the folder of this data set; `data_root` a folder that holds a folder a data set, used when
    `path` is not given. `split` names one of `splits()`.
    """

    name: ClassVar[str]
    #: What the published layout holds. An instance narrows it in `offers`, if its files hold less.
    may_offer: ClassVar[frozenset[Signal]]
    licence: ClassVar[str]
    how_to_get: ClassVar[str]
    #: 'H&E' or 'IHC', where all images have the one.
    staining: str | None = None
    #: Names of published sets that hold the tissue of this one, in whatever colours.
    same_tissue: ClassVar[tuple[str, ...]] = ()
    #: Whether a program made its images and annotation, so that nobody had to draw.
    rendered: bool = False
    #: Pixel spacing in µm/px and objective power of all images, where they are known and the same.
    mpp: float | None = None
    power: float | None = None
    #: What to do where a method needs more than some items have, for messages.
    where_some_lack: ClassVar[str] = ""
    #: Whether training keeps decoded images, as many as memory holds: not where there are far more.
    kept_decoded: bool = True

    def __init__(
        self, path: str | Path | None = None, data_root: str | Path | None = None, split: str = "official"
    ) -> None:
        if not path and not data_root:
            raise UserError(
                f"{self.name} needs data_root=FOLDER (one that holds {self.name}/) or dataset.path=FOLDER. "
                f"{self.how_to_get}"
            )
        self.path = Path(path) if path else Path(str(data_root)) / self.name
        self.split = split

    @property
    def place(self) -> str | None:
        """Where the files are, for messages and records; None for a source without files."""
        return str(self.path)

    @property
    def no_folder(self) -> str:
        """What there is to say if there is no folder at `path`."""
        return f"there is no folder {self.path}, where {self.name} is looked for. {self.how_to_get}"

    @property
    def offers(self) -> frozenset[Signal]:
        """The signals that `read` can give, those that follow from others included."""
        return with_derived(self.may_offer)

    def offers_of(self, item: Item) -> frozenset[Signal]:
        """The signals that `read` can give of one item: all, unless the source says less of some."""
        return self.offers

    @abstractmethod
    def splits(self) -> Mapping[str, Split]:
        """The published splits and folds by name. Raises UserError if the layout is not there."""

    @abstractmethod
    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Read the asked-for signals of one item. Raises UserError naming the file that is at fault."""

    @abstractmethod
    def problems(self) -> list[str]:
        """Everything that is wrong with the files, a sentence each; empty if the source is whole."""

    def extra(self) -> list[str]:
        """Files that belong to no item, a sentence each: worth a look, no reason to stop."""
        return []

    @abstractmethod
    def files(self, item: Item) -> list[Path]:
        """The files that hold an item, for the fingerprint of the data that a run has read."""

    def files_of(self, item: Item, signals: Collection[Signal]) -> list[Path]:
        """Those of `files` that are read for these signals, if the source tells them apart.

        The image is among them wherever its bytes are all that the tissue is known by (`Item.case`).
        """
        return self.files(item)

    @property
    def reading(self) -> str:
        """What of its files is read, where the split says that it is not the usual; else empty."""
        return ""

    def items(self, part: str) -> Sequence[Item]:
        """The items of 'train', 'val' or 'test' in the chosen split.

        They are those of `splits`, unless the source cuts its items from larger ones: tiles from slides.
        """
        splits = self.splits()
        if self.split not in splits:
            raise UserError(f"{self.name} has no split {self.split!r}{did_you_mean(self.split, splits)}")
        return splits[self.split].parts.get(part, ())

    def items_at(self, part: str, power: float) -> Sequence[Item]:
        """The items of a part that can be shown at an objective's power: all, unless the source says less."""
        return self.items(part)

    def where_else(self) -> str:
        """Where there is something to learn from if not here, to end a sentence: ': ...', or nothing."""
        return ": split=all_train has all of them there" if "all_train" in self.splits() else ""

    @property
    def to_score(self) -> tuple[Signal, ...]:
        """What is read of an item to score it: the image, a truth, and a region where there can be one.

        The truth is instances, else points.
        """
        truth = Signal.INSTANCES if Signal.INSTANCES in self.offers else Signal.POINTS
        wanted = (Signal.IMAGE, truth, Signal.REGION)
        return tuple(signal for signal in wanted if signal in self.offers)

    def scorable(self, part: str) -> Sequence[Item]:
        """The items of a part that a checkpoint or a chain can be chosen on: all if there are instances."""
        return self.items(part) if Signal.INSTANCES in self.offers else ()
