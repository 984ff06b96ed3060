"""Progress bars, where there is a terminal to draw them in: elsewhere they are nothing but blank lines."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def bars(wanted: bool = True) -> bool:
    """Whether to draw them: if they are wanted, in a terminal."""
    return wanted and Console().is_terminal


def tracked(items: Iterable[T], what: str, total: int | None = None, wanted: bool = True) -> Iterable[T]:
    """The items, with a bar that goes away when they are through."""
    return track(items, what, total=total, transient=True, disable=not bars(wanted))
