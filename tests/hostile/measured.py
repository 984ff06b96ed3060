"""Run commands one after the other in this process: of each its code, its words and the memory so far.

`python measured.py '[["predict", "method=threshold"], ...]'`. The memory is the peak since the process began,
in bytes.
"""

import contextlib
import io
import json
import resource
import sys

from maskless.cli import main


def measured(words: list[str]) -> dict[str, object]:
    """What one command leaves."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "peak_bytes": peak_bytes}


if __name__ == "__main__":
    print(json.dumps([measured(words) for words in json.loads(sys.argv[1])]))
