"""Predict a slide again and again, each time killed somewhere, then to the end; a script, run as a process.

killing.py SLIDE FOLDER KILLS: FOLDER/whole is undisturbed, FOLDER/killed-K were killed so often together.
Each prediction is a fork of this process, in which nothing has run yet: to start Python takes longer.
"""

import os
import signal
import sys
import time
from pathlib import Path
from random import Random

from seen_slides import dark_spots

from maskless.inference import kinds
from maskless.inference.analysis import Analysis
from maskless.inference.files import predict_files
from maskless.inference.slide.outputs import SLIDE_FORMATS
from maskless.inference.slide.watcher import Silent

CORE_PX = 192


class Telling(Silent):
    """Writes a byte for each block, and another when all are done."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def block(self, done: object) -> None:
        os.write(self.pipe, b".")

    def ends(self) -> None:
        os.write(self.pipe, b"!")


def predict(slide: Path, output: Path, pipe: int) -> None:
    kinds.Slides.core_px = CORE_PX
    analysis = Analysis(dark_spots())
    for one in predict_files(analysis, [slide], output, list(SLIDE_FORMATS), {}, watcher=Telling(pipe)):
        assert one.problem is None, one.problem


def forked(slide: Path, output: Path, kill_after: int | None, wait_s: float = 0) -> bool:
    """Predict in a fork; kill it so many bytes and seconds on. Whether it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        predict(slide, output, writing)
        os._exit(0)
    os.close(writing)
    if kill_after is not None:
        for _ in range(kill_after):
            if os.read(reading, 1) != b".":  # the files are written now, or the process is through
                break
        time.sleep(wait_s)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(reading)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


def main() -> None:
    slide, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    forked(slide, folder / "whole", None)
    random, killed, finished = Random(kills), 0, 0
    while killed < kills:
        output = folder / f"killed-{finished}"
        if forked(slide, output, random.randint(0, 12), random.uniform(0, 0.5)):
            killed += 1
        else:
            finished += 1  # and another one is begun
    forked(slide, folder / f"killed-{finished}", None)


if __name__ == "__main__":
    main()
