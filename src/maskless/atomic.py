"""Files that are whole or not there: written beside their name, then renamed."""

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from maskless.errors import UserError

_READ_ONLY = "the folder {folder} is read-only: choose another one, or ask for write access"
_DISK_FULL = "the disk that holds {folder} has no room left: free some, or choose another folder"
_NO_FOLDER = "the folder {folder} does not exist: make it, or choose another one"
_WHY = {
    errno.ENOENT: _NO_FOLDER,
    errno.ENOTDIR: "{folder} is not a folder: choose another one",
    errno.EISDIR: "there is a folder of that name: move it, or choose another name",
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
}


@contextmanager
def atomic(path: str | Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the name `path` when the block ends without an error.

    Until then, and for good if the block raises or the process is killed, what was at `path` stays as it
    was. The folder must exist. Raises UserError if the file cannot be written or renamed; other errors of
    the block pass through.
    """
    path = Path(path)
    # Not tempfile: its files are readable by their owner alone. A short name fits wherever `path` does.
    temporary = path.parent / f".{secrets.token_hex(6)}.tmp"
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        # A failed write names no file. One that names another file is the block's own affair.
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        why = _WHY.get(error.errno, "{reason}: choose another folder or name")
        why = why.format(folder=path.parent, reason=error.strerror)
        raise UserError(f"{path} cannot be written: {why}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all. Raises UserError as `atomic` does."""
    with atomic(path) as file:
        file.write(data)
