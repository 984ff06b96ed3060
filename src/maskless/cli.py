"""The command line: runs one command and turns errors into exit codes.

Imports nothing heavy before a command needs it, so that help is instant.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from maskless import __version__
from maskless.commands.help import COMMANDS, of_command, overview
from maskless.errors import PartlyDone, UserError, did_you_mean


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 2 = the user's error, 3 = done but for the named items."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"maskless {__version__}")
        return 0
    command, rest = words[0], words[1:]
    try:
        if command not in COMMANDS:
            raise UserError(f"there is no command {command!r}{did_you_mean(command, COMMANDS)}")
        if any(word in ("-h", "--help") for word in rest):
            print(of_command(command))
            return 0
        from maskless.commands.compose import run_command

        run_command(command, rest)
    except UserError as error:
        return _stop(str(error), 2)
    except PartlyDone as error:
        return _stop(str(error), 3)
    except KeyboardInterrupt as interrupt:
        return _stop(str(interrupt) or "interrupted", 130)
    return 0


def _stop(sentence: str, code: int) -> int:
    """Say why, to the person and, in a sweep, to the launcher."""
    print(f"maskless: {sentence}", file=sys.stderr)
    if report := os.environ.get("MASKLESS_JOB_REPORT"):
        Path(report).with_suffix(".error").write_text(sentence, encoding="utf-8")
    return code
