"""Run the jobs of a sweep as processes, then say in one table what became of each."""

import csv
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from maskless.commands.jobs import run_job
from maskless.errors import PartlyDone


class ProcessLauncher(Launcher):
    """`jobs` at a time. A job is the command `maskless COMMAND` with that job's overrides."""

    def __init__(self, jobs: int = 1, command: str = "train") -> None:
        self.jobs, self.command = jobs, command

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run every job; raise PartlyDone at the end if one failed."""
        folder_of_all = Path(str(self.config.hydra.sweep.dir))
        sweep = folder_of_all / f"sweep-{datetime.now():%Y%m%d-%H%M%S-%f}.csv"
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(self.jobs) as pool:
            reports = [Path(folder) / f"job-{initial_job_idx + k}.json" for k in range(len(job_overrides))]
            made = pool.map(partial(run_job, command=self.command), job_overrides, reports)
            rows = [{"job": name, **row} for name, row in zip(_names(job_overrides), made, strict=True)]
        _write_table(sweep, rows)
        _print_table(rows)
        if failed := [row for row in rows if row["state"] != "finished"]:
            named = "; ".join(f"{row['job']} ({row['why']})" for row in failed)
            raise PartlyDone(f"{len(failed)} of {len(rows)} jobs failed; the table is {sweep}: {named}")
        return [_returned(row, overrides) for row, overrides in zip(rows, job_overrides, strict=True)]


def _names(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """What tells the jobs of a sweep apart: the overrides that not all of them have."""
    common = set.intersection(*map(set, job_overrides))
    return [
        " ".join(word for word in words if word not in common) or "the only job" for words in job_overrides
    ]


def _returned(row: dict[str, Any], overrides: Sequence[str]) -> JobReturn:
    result = JobReturn(overrides=list(overrides))
    result.status = JobStatus.COMPLETED
    result.return_value = row["value"]
    return result


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("job", "state", "value", "run")
    for row in rows:
        value = f"{row['value']:.4f}" if isinstance(row["value"], float) else str(row["value"])
        table.add_row(row["job"], row["state"], value, row["run"] or row["why"])
    Console().print(table)
