"""How far a prediction is: a bar of files, and one of the blocks of a slide, with nuclei and time left."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from rich import get_console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from maskless.commands.progress import bars
from maskless.inference.slide.nuclei import Done
from maskless.inference.slide.plan import Plan
from maskless.inference.slide.watcher import Watcher

_HOUR, _MINUTE = 3600, 60


class PredictProgress(Watcher):
    """A context manager that shows bars if they are wanted and there is a terminal; `say` prints a line.

    What a slide costs is said before it is begun: how much tissue, in how many blocks; and as soon as a block
    was timed how long all will take.
    """

    def __init__(self, files: int, wanted: bool, say: Callable[[str], None]) -> None:
        self._say = say
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} of {task.total} {task.fields[unit]}"),
            TextColumn("{task.fields[nuclei]}"),
            TimeRemainingColumn(),
            console=get_console(),
            transient=True,
            disable=not bars(wanted),
        )
        self._files = self._progress.add_task("predict", total=files, unit="files", nuclei="")
        self._slide: TaskID | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self._progress)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def file(self) -> None:
        """One more file is through."""
        self._progress.advance(self._files)
        if self._slide is not None:
            self._progress.remove_task(self._slide)
            self._slide = None

    def begins(self, path: Path, plan: Plan, done: Done) -> None:
        """See `Watcher`."""
        self._total, self._done, self._start = len(plan.blocks), done, perf_counter()
        before = f", of which {done.blocks} were done before" if done.blocks else ""
        blocks = "1 block" if self._total == 1 else f"{self._total} blocks"
        self._say(
            f"{path.name}: {plan.tissue_mm2:.3g} mm² of tissue in {blocks}{before}, at {plan.mpp:.4g} µm/px"
        )
        if done.blocks:
            self._estimate(done.seconds["wall"] / done.blocks)
        self._slide = self._progress.add_task(
            path.name, total=self._total, completed=done.blocks, unit="blocks", nuclei=f"{done.nuclei} nuclei"
        )

    def block(self, done: Done) -> None:
        """See `Watcher`."""
        first = not self._done.blocks
        self._done += done
        if first:
            self._estimate(perf_counter() - self._start)
        if self._slide is not None:
            self._progress.update(self._slide, advance=1, nuclei=f"{self._done.nuclei} nuclei")

    def ends(self) -> None:
        """See `Watcher`."""
        if self._slide is not None:
            self._progress.update(self._slide, nuclei=f"{self._done.nuclei} nuclei, writing")

    def _estimate(self, seconds_a_block: float) -> None:
        left = self._total - self._done.blocks
        if left:
            to_go, each = _in_words(left * seconds_a_block), _in_words(seconds_a_block)
            self._say(f"  about {to_go} to go, at {each} a block")


def _in_words(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"
