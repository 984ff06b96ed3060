"""An adapter in a process of its own, spoken to by files: `serve.py` is its other end."""

import json
import logging
import os
import subprocess
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError

_SERVE = Path(__file__).with_name("serve.py")


class Worker:
    """The function that an adapter's `load(**settings)` gives, computed by another Python.

    The model stays loaded for as long as this object lives. `what` is what to call it. Raises UserError, with
    the reason in the other process' last words, if it cannot be loaded or fails at an image; the traceback
    is logged.
    """

    def __init__(self, what: str, python: Path, adapter: Path, settings: Mapping[str, Any]) -> None:
        self._what = what
        self._folder = tempfile.TemporaryDirectory(prefix="maskless-")
        self._stderr = Path(self._folder.name, "stderr")
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # nothing is downloaded behind one's back
        if settings.get("device") == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        try:
            with self._stderr.open("wb") as stderr:
                self._process = subprocess.Popen(
                    [str(python), "-I", str(_SERVE), str(adapter), json.dumps(dict(settings))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=environment,
                    text=True,
                    encoding="utf-8",
                )
        except OSError as error:
            raise UserError(f"{what} cannot be started: {python}: {error.strerror}") from error
        weakref.finalize(self, _stop, self._process)
        self._read("cannot be loaded")

    def __call__(self, *arrays: NDArray[Any]) -> NDArray[np.int32]:
        """The labels, int32 (H, W), of the arrays that the adapter's function takes."""
        paths = [os.path.join(self._folder.name, f"{k}.npy") for k in range(len(arrays) + 1)]  # noqa: PTH118
        for path, array in zip(paths, arrays, strict=False):
            np.save(path, array)
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has ended, and why is what will be read
            print(json.dumps(paths), file=self._process.stdin, flush=True)
        self._read("has failed at an image")
        return np.load(paths[-1])

    def _read(self, what_went_wrong: str) -> None:
        assert self._process.stdout
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            logging.getLogger("maskless").error(
                "%s: %s", self._what, answer.get("traceback", answer["error"])
            )
            raise UserError(f"{self._what} {what_went_wrong}: {answer['error']}")

    def _last_words(self) -> str:
        """Why the process has ended: the last line of its errors, with its code."""
        code = self._process.wait()
        lines = self._stderr.read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "without a word")
        return f"its process has ended with {code}, {said}"


def _stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
