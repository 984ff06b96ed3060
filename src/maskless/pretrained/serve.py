"""Runs an adapter in its own environment, image by image: python -I serve.py ADAPTER.py SETTINGS.

SETTINGS is the JSON of what the adapter's `load` takes. Then each line of the input is a JSON list of paths
of .npy files: what to segment and, last, where the labels go. Each is answered by a line, and so is the
loading: {} when it is done, {"error": ..., "traceback": ...} when it cannot be. Needs NumPy and what the
adapter needs; nothing of maskless can be imported here.
"""

import json
import os
import runpy
import sys
import traceback
from typing import TextIO

import numpy as np


def main(adapter: str, settings: str, requests: TextIO, answers: TextIO) -> None:
    """Answer until the input ends. A loading that fails is the last answer."""

    def answer(error: Exception | None = None) -> None:
        why = error and {
            "error": " ".join(f"{type(error).__name__}: {error}".split()),
            "traceback": "".join(traceback.format_exception(error)),
        }
        print(json.dumps(why or {}), file=answers, flush=True)

    try:
        segment = runpy.run_path(adapter)["load"](**json.loads(settings))
    except Exception as error:  # whatever a package raises
        return answer(error)
    answer()
    for line in requests:
        try:
            *given, found = json.loads(line)
            labels = segment(*(np.load(path) for path in given))
            np.save(found, np.asarray(labels).astype(np.int32))
            answer()
        except Exception as error:
            answer(error)
    return None


if __name__ == "__main__":
    # What packages print must not be taken for an answer.
    with os.fdopen(os.dup(1), "w") as own:
        os.dup2(2, 1)
        main(sys.argv[1], sys.argv[2], sys.stdin, own)
