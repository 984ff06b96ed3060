"""Several sources in one role, as if they were one."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from maskless.data.source import Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

#: Without a dash, which parts the name from the id.
_NAME = re.compile(r"[A-Za-z0-9_.]+")
#: Signals that annotate nothing.
_UNDRAWN = frozenset({Signal.IMAGE, Signal.SCALES})


class Union(Source):
    """What several sources hold, part by part.

    `sources` are the sources by a name each, of letters, digits, dots and underscores; in YAML each is a
    mapping with a `_target_`, and has its own split.

    Items are called NAME-ID, and patients NAME-PATIENT, except for those of one case (a TCGA barcode) that
    stands in several sources: the case is their patient, so that a split in which it is learnt from and
    scored on is known as leaky. Each image keeps its own µm/px and power, which are those of the union where
    they are the same in all.

    It offers what all of its sources offer. A region is offered with annotation if any source has one,
    because the others are annotated everywhere. Classes go by ids in sources with instances, and by the row
    of a point in others, so of both kinds together they are not offered.

    Its name is that of its sources, 'a+b', and so is that of its one split: 'official+all', or 'official' if
    all have that one.

    Licence: those of all sources. How to get, citation: those of the sources.
    """

    name: ClassVar[str] = "union"
    #: What every union can offer; an instance knows its sources.
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE})

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Raises UserError for no sources, for what is none, and for a name that is unfit."""
        if not sources:
            raise UserError("union needs sources: a name and a source each")
        for name, source in sources.items():
            if not isinstance(source, Source):
                raise UserError(f"union's {name} is no source: give it a _target_ that is one")
            if not _NAME.fullmatch(name):
                raise UserError(f"union's {name!r} is no name for a source: take letters, digits and _")
        self.sources = dict(sources)
        every = list(self.sources.values())
        self.split = "+".join(dict.fromkeys(source.split for source in every))
        self.rendered = all(source.rendered for source in every)
        self.mpp = _common(source.mpp for source in every)
        self.power = _common(source.power for source in every)
        self.staining = every[0].staining if len({source.staining for source in every}) == 1 else None
        # What a published set says by its class, a union can say of itself alone.
        vars(self).update(
            name="+".join(self.sources),
            licence=self._each("licence"),
            how_to_get=self._each("how_to_get"),
            same_tissue=tuple(
                dict.fromkeys(name for source in every for name in (source.name, *source.same_tissue))
            ),
        )

    @property
    def place(self) -> str | None:
        """The places of its sources; None if none has files."""
        return ", ".join(source.place for source in self.sources.values() if source.place) or None

    @property
    def offers(self) -> frozenset[Signal]:
        """What all sources offer, with a region if any has one and without classes of two kinds."""
        offered = [source.offers for source in self.sources.values()]
        common = frozenset.intersection(*offered)
        if common - _UNDRAWN and any(Signal.REGION in signals for signals in offered):
            common |= {Signal.REGION}
        if len({Signal.INSTANCES in signals for signals in offered}) > 1:
            common -= {Signal.CLASSES}
        return common

    def offers_of(self, item: Item) -> frozenset[Signal]:
        """What its own source has of an item, of what all offer."""
        name, own = self._own(item)
        of_own = self.sources[name].offers_of(own)
        return self.offers & (of_own | ({Signal.REGION} if of_own - _UNDRAWN else set()))

    def splits(self) -> Mapping[str, Split]:
        """One, of the chosen splits of all sources."""
        parts: dict[str, tuple[Item, ...]] = {}
        for name, source in self.sources.items():
            source.items("train")  # names the splits there are, if the chosen one is none
            for part, items in source.splits()[source.split].parts.items():
                parts[part] = parts.get(part, ()) + tuple(self._item(name, item) for item in items)
        return {self.split: Split(parts)}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Read by its own source. Raises UserError for an item that is of none."""
        name, own = self._own(item)
        return replace(self.sources[name].read(own, signals), item=item)

    def files(self, item: Item) -> list[Path]:
        """The files of its own source."""
        name, own = self._own(item)
        return self.sources[name].files(own)

    def files_of(self, item: Item, signals: Collection[Signal]) -> list[Path]:
        """Those of its own source."""
        name, own = self._own(item)
        return self.sources[name].files_of(own, signals)

    @property
    def reading(self) -> str:
        """Those of its sources that read something else than the usual, each by its name."""
        return ", ".join(
            f"{name}: {source.reading}" for name, source in self.sources.items() if source.reading
        )

    def problems(self) -> list[str]:
        """Those of all sources."""
        return [f"{name}: {said}" for name, source in self.sources.items() for said in source.problems()]

    def extra(self) -> list[str]:
        """Those of all sources."""
        return [f"{name}: {said}" for name, source in self.sources.items() for said in source.extra()]

    def _own(self, item: Item) -> tuple[str, Item]:
        """The name of an item's source, and the item as that source knows it."""
        name, _, own = item.id.partition("-")
        found = self._items.get(name, {}).get(own)
        if found is None:
            raise UserError(f"{self.name} has no image {item.id!r}")
        return name, found

    def _item(self, name: str, item: Item) -> Item:
        group = item.case if item.case and item.case in self._shared_cases else f"{name}-{item.group}"
        return Item(f"{name}-{item.id}", group, item.case, item.category)

    @cached_property
    def _items(self) -> dict[str, dict[str, Item]]:
        """The items of each source in its chosen split, by their own ids."""
        return {
            name: {item.id: item for items in source.splits()[source.split].parts.values() for item in items}
            for name, source in self.sources.items()
        }

    @cached_property
    def _shared_cases(self) -> frozenset[str]:
        """The cases that stand in more than one source."""
        of_sources = [{item.case for item in items.values()} for items in self._items.values()]
        count = Counter(case for cases in of_sources for case in cases if case)
        return frozenset(case for case, times in count.items() if times > 1)

    def _each(self, what: str) -> str:
        """What each source says, once if all say the same."""
        said = {name: getattr(source, what).rstrip(".") for name, source in self.sources.items()}
        if len(set(said.values())) == 1:
            return next(iter(said.values()))
        return "; ".join(f"{name}: {words}" for name, words in said.items())


def _common(values: Iterable[float | None]) -> float | None:
    """The value that all have; None if they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
