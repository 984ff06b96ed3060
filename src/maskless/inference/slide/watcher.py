"""Who is told how far a slide is."""

from pathlib import Path
from typing import Protocol

from maskless.inference.slide.plan import Plan


class Watcher(Protocol):
    """Told of the work on a slide, block by block. This one says nothing."""

    def begins(self, path: Path, plan: Plan, done: int, nuclei: int) -> None:
        """A slide with that plan, of whose blocks so many were done before, with so many nuclei."""

    def block(self, nuclei: int) -> None:
        """One more block, with so many nuclei."""

    def ends(self) -> None:
        """All its blocks are done."""


class Silent(Watcher):
    """Says nothing."""
