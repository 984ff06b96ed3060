"""Files that were changed at random are read or refused: no traceback, no hang, no memory beyond a limit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mutations import mutated

HERE = Path(__file__).parent
#: What people send each other, and each once more as it is seldom stored.
KINDS = [
    *(
        "png",
        "tiff",
        "jpeg",
        "xml",
        "geojson",
        "csv",
        "mat",
        "h5",
        "checkpoint",
        "safetensors",
        "config.yaml",
    ),
    *("labels png", "labels tiff", "ome tiff", "planes tiff", "geojson gz", "mat packed", "npy", "record"),
]
FILES = 209
#: PyTorch and its libraries have a third of it.
MOST_BYTES = 2 * 2**30


def test_two_hundred_files_are_read_or_refused(trained):
    words = [str(trained), "0", str(FILES), ",".join(KINDS)]
    done = subprocess.run(
        [sys.executable, str(HERE / "mutated_files.py"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]  # a decoder has brought it down, or did not come back
    found = json.loads(done.stdout)
    assert not found["defects"], found["defects"]
    assert sum(found["counts"].values()) == FILES >= 200
    assert sum(count for what, count in found["counts"].items() if what.endswith("refused")) > FILES / 2
    assert found["peak_bytes"] < MOST_BYTES


@pytest.mark.parametrize("kind", ["png", "json"])
def test_a_seed_gives_the_same_file_at_any_time(kind):
    data = HERE.joinpath("mutations.py").read_bytes()
    one, two, other = (mutated(data, kind, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert one == two
    assert one != other
