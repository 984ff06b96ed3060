"""What a logger is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from maskless.runs import Run


class Session(Protocol):
    """A logger at work on one run, in one process. It may raise whatever it likes."""

    def row(self, stage: str, values: Mapping[str, float]) -> None:
        """An epoch's row of metrics.csv, its `step` among the values."""

    def picture(self, stage: str, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """A picture, RGB uint8 (H, W, 3), that was made after `step` steps of a stage."""

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The final scores: source, split, metric, definition, mean, images."""

    def end(self, done: bool) -> None:
        """Nothing more comes: the run is done, or has failed."""


@runtime_checkable
class Logger(Protocol):
    """Settings alone, so that it can be sent to another process."""

    def begin(self, run: Run, job: str) -> Session:
        """Begin, or go on with what was begun for this run; `job` names the stages that it trains."""


def described(run: Run) -> dict[str, Any]:
    """What a run is, plain values: its configuration, the code, what it reads; without names of images."""
    about = run.about
    known = ("name", "split", "licence", "leaky", "sha256")
    data = {
        role: {
            **{key: described[key] for key in known if key in described},
            "images": {part: len(images) for part, images in (described.get("parts") or {}).items()},
        }
        for role, described in run.data.items()
    }
    code = {key: about.get(key) for key in ("id", "command", "commit", "versions", "machine", "annotation")}
    return {**run.config, "code": code, "data": data}
