"""What a run records, told to a logger. Whatever goes wrong there, the run goes on."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.runs import Run
from maskless.training.loggers.logger import Logger, Session

log = logging.getLogger(__name__)


class Tracking:
    """Tells `logger` of `run`; `job` names the stages that it trains.

    The logger begins when there is something to tell, in the process that tells it: training may have
    processes of its own. Its first failure is one warning in the log, and it is told nothing more.
    """

    def __init__(self, logger: Logger, run: Run, job: str) -> None:
        self.logger, self.run, self.job = logger, run, job
        self.failed = False
        self._home = os.getpid()
        self._session: Session | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_session": None}  # it belongs to its process

    def row(self, stage: str, values: Mapping[str, float]) -> None:
        """As `Session.row`."""
        self._tell("row", stage, values)

    def picture(self, stage: str, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """As `Session.picture`."""
        self._tell("picture", stage, name, step, image)

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """As `Session.table`."""
        self._tell("table", rows)

    def guarded(self, tell: Callable[[], None]) -> None:
        """Do what tells or makes something to tell; if it fails, warn once, and tell nothing more."""
        try:
            tell()
        except Exception as error:  # whatever a tracker meets is no reason to lose a training
            if self.failed:  # it has been said
                return
            self.failed = True
            log.warning(
                "%s has failed, and the run goes on without it: %s: %s",
                type(self.logger).__name__,
                type(error).__name__,
                error,
            )

    def leave_process(self) -> None:
        """End here, if this process is one of a training's own: who began it goes on."""
        if os.getpid() != self._home:
            self.end(done=True)

    def end(self, done: bool) -> None:
        """Close the logger, if it has begun here."""
        session, self._session = self._session, None
        if session is not None:
            self.guarded(lambda: session.end(done))

    def _tell(self, what: str, *facts: Any) -> None:
        if not self.failed:
            self.guarded(lambda: getattr(self._begun(), what)(*facts))

    def _begun(self) -> Session:
        if self._session is None:
            self._session = self.logger.begin(self.run, self.job)
        return self._session


@contextmanager
def closed(tracking: Tracking | None) -> Iterator[None]:
    """End `tracking`, if there is any, however the block ends."""
    done = False
    try:
        yield
        done = True
    finally:
        if tracking is not None:
            tracking.end(done)
