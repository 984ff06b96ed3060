"""A job, usually a training, as a process of its own, and what became of it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskless.commands.objects import JOB_REPORT
from maskless.commands.words import config_dir


def run_job(words: Sequence[str], report: Path, command: str = "train") -> dict[str, Any]:
    """`maskless COMMAND` with these words and the folder of --config-dir, if this process was given one.

    It inherits the terminal, and leaves its result in `report`. The row says `state` (finished or failed),
    `value` (the validation score that chose the model, None without one), `run` (its directory) and `why` it
    failed; what is not known is empty.
    """
    own = config_dir(sys.argv)
    flags = [f"--config-dir={own}"] if own else []
    done = subprocess.run(
        [sys.executable, "-m", "maskless", command, *flags, *words],
        env={**os.environ, JOB_REPORT: str(report)},
        check=False,
    )
    row = {"state": "failed", "value": "", "run": "", "why": ""}
    if report.exists():
        row.update(json.loads(report.read_text(encoding="utf-8")))
    if done.returncode == 0 and report.exists():
        return {**row, "state": "finished"}
    error = report.with_suffix(".error")
    why = error.read_text(encoding="utf-8") if error.exists() else f"the process ended with {done.returncode}"
    return {**row, "state": "failed", "why": why}
