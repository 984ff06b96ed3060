"""Who is told how far a slide is."""

from pathlib import Path
from typing import Protocol

from maskless.inference.slide.nuclei import Done
from maskless.inference.slide.plan import Plan


class Watcher(Protocol):
    """Is told of the work on a slide, block by block."""

    def begins(self, path: Path, plan: Plan, done: Done) -> None:
        """A slide with that plan, of whose blocks some may be done already."""
        ...

    def block(self, done: Done) -> None:
        """One more block."""
        ...

    def ends(self) -> None:
        """All its blocks are done."""
        ...


class Silent(Watcher):
    """Does nothing with it."""

    def begins(self, path: Path, plan: Plan, done: Done) -> None:
        """See `Watcher`."""

    def block(self, done: Done) -> None:
        """See `Watcher`."""

    def ends(self) -> None:
        """See `Watcher`."""
