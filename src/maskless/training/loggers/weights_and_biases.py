"""Weights & Biases: a run of maskless is a run there, also when it goes on after it was stopped."""

import importlib.util
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.atomic import write_atomically
from maskless.errors import UserError
from maskless.runs import Run
from maskless.training.loggers.logger import described

#: Where a run keeps what it is called there, made once.
_ID_FILE = "wandb.json"


class WeightsAndBiases:
    """Group is the study, job type the stage; files are in `wandb/` of the run directory.

    `mode` is online or offline, but offline where WANDB_MODE is; by default WANDB_MODE, or else online if
    WANDB_API_KEY is set and offline if not. Offline nothing leaves the machine, and `wandb sync` sends it
    later. Reports of the package about itself are switched off in either. Raises UserError if the package is
    missing.
    """

    def __init__(self, project: str = "maskless", entity: str | None = None, mode: str | None = None) -> None:
        if mode not in (None, "online", "offline"):
            raise UserError(f"logger.mode={mode!r} must be online, offline or null")
        if importlib.util.find_spec("wandb") is None:
            raise UserError("logger=wandb needs wandb: pip install 'maskless[wandb]'")
        self.project, self.entity, self.mode = project, entity, mode

    def begin(self, run: Run, job: str) -> "_Session":
        os.environ["WANDB_ERROR_REPORTING"] = "false"  # before the import, which reads it
        import wandb

        keyed = "online" if os.environ.get("WANDB_API_KEY") else "offline"
        said = os.environ.get("WANDB_MODE")
        mode: Any = "offline" if said == "offline" else self.mode or said or keyed
        about = run.about
        opened = wandb.init(
            project=self.project,
            entity=self.entity,
            id=_id_of(run),
            resume="allow",
            name=run.path.name,
            group=str(about.get("study") or "default"),
            job_type=job,
            config=described(run),
            dir=run.path,
            mode=mode,
            # Another run of this process, the user's own perhaps, is left alone.
            reinit="create_new",
            settings=wandb.Settings(
                console="off", disable_git=True, save_code=False, silent=True, symlink=False
            ),
        )
        return _Session(opened)


class _Session:
    """Curves are over the steps of their stage: a row that is told again after a resume falls on itself."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def row(self, stage: str, values: Mapping[str, float]) -> None:
        self.run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        self.run.log({f"{stage}/{name}": value for name, value in values.items()})

    def picture(self, stage: str, name: str, step: int, image: NDArray[np.uint8]) -> None:
        import wandb

        self.run.log({f"{stage}/step": step, f"{stage}/{name}": wandb.Image(image)})

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        import wandb

        if rows:
            columns: list[Any] = list(rows[0])
            data: list[Iterable[Any]] = [[row[column] for column in columns] for row in rows]
            self.run.log({"scores": wandb.Table(columns=columns, data=data)})
        for row in rows:
            name = "/".join(str(row[key]) for key in ("source", "split", "metric", "definition"))
            self.run.summary[name] = row["mean"]

    def end(self, done: bool) -> None:
        self.run.finish(exit_code=0 if done else 1)


def _id_of(run: Run) -> str:
    """What the run is called there: made once, then read."""
    file = run.path / _ID_FILE
    if not file.is_file():
        write_atomically(file, json.dumps({"id": secrets.token_hex(4)}).encode())
    return str(json.loads(file.read_text(encoding="utf-8"))["id"])
