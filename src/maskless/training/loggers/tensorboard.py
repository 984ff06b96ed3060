"""TensorBoard: event files in the run directory. `tensorboard --logdir runs` shows all runs."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.runs import Run
from maskless.training.loggers.logger import described


class TensorBoard:
    """Writes `tensorboard/` of the run directory. Raises UserError if the package is missing."""

    def __init__(self) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise UserError("logger=tensorboard needs tensorboard: pip install 'maskless[tensorboard]'")

    def begin(self, run: Run, job: str) -> "_Session":
        return _Session(run, job)


class _Session:
    def __init__(self, run: Run, job: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(run.path / "tensorboard")  # a file of its own, also after a resume
        self.writer.add_text("run", f"{job}\n\n" + _code(json.dumps(described(run), indent=2, default=str)))

    def row(self, stage: str, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(f"{stage}/{name}", value, int(values["step"]))

    def picture(self, stage: str, name: str, step: int, image: NDArray[np.uint8]) -> None:
        self.writer.add_image(f"{stage}/{name}", image, step, dataformats="HWC")

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        lines = [" | ".join(map(str, row.values())) for row in rows]
        if rows:
            heads = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
            self.writer.add_text("scores", "\n".join([*heads, *lines]))

    def end(self, done: bool) -> None:
        self.writer.add_text("state", "finished" if done else "failed")
        self.writer.close()


def _code(text: str) -> str:
    """Text that is shown as it is."""
    return "\n".join(f"    {line}" for line in text.splitlines())
