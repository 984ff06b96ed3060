"""Who is writing what into an output folder, so that no two commands write the same.

`output/.maskless/running/` holds a file for each command that writes there: its process, its host, and the
names, without ending, of what it takes. The file is locked as long as the process lives, and no longer: one
that was killed is in nobody's way.
"""

import errno
import json
import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from maskless.errors import UserError
from maskless.inference.records import Records, unwritable

try:
    import fcntl
except ImportError:  # not on Windows, where nobody is refused
    fcntl = None  # type: ignore[assignment]

_RUNNING, _DOOR = "running", "door"
_ATTEMPTS = 100
#: What a file system says that locks no files.
_LOCKS_NONE = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


@contextmanager
def claimed(output: Path, files: Iterable[Path]) -> Iterator[None]:
    """Inside, no other command writes what comes of `files`, by their names, into an output folder.

    Raises UserError if one is doing so already, or if the folder cannot be written. Nobody is refused where
    files cannot be locked, as on some network file systems.
    """
    folder = Records(output).folder / _RUNNING
    names = {path.stem: path.name for path in files}
    made = [above for above in folder.parents[1:] if not above.exists()]
    with ExitStack() as ours:
        try:
            with _door(folder):
                for claim in _living(folder):
                    _refuse_both(output, names, claim)
                ours.enter_context(_claim(folder, list(names)))
        except OSError as error:
            if error.errno not in _LOCKS_NONE:
                raise unwritable(output, error) from error
        try:
            yield
        finally:
            ours.close()
            for empty in (folder, folder.parent, *made):  # where nothing was written
                with suppress(OSError):
                    empty.rmdir()


def _refuse_both(output: Path, names: Mapping[str, str], claim: Mapping[str, Any]) -> None:
    """Raise UserError if some of `names`, by stem, are in the claim of another command."""
    if both := [names[stem] for stem in claim["names"] if stem in names]:
        others = f" and {len(both) - 1} more of these files" if len(both) > 1 else ""
        raise UserError(
            f"another command (process {claim['process']} on {claim['host']}) is writing what comes of "
            f"{both[0]}{others} into output={output}: wait until it is done, or choose another output="
        )


@contextmanager
def _door(folder: Path) -> Iterator[None]:
    """Inside, nobody else reads or writes claims, and the folder is there."""
    path, attempts = folder / _DOOR, 0
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except FileNotFoundError:  # a command that ends removes what is empty
            attempts += 1
            if attempts == _ATTEMPTS:
                raise
            continue
        with file:
            try:
                _lock(file, wait=True)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            if not _is_at(path, file):  # but removed, by who had it
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


@contextmanager
def _claim(folder: Path, names: list[str]) -> Iterator[None]:
    """Inside, the folder holds the claim of this process on what has these names."""
    path = folder / f"{secrets.token_hex(6)}.json"
    said = {"process": os.getpid(), "host": socket.gethostname(), "names": names}
    with path.open("xb") as file:
        try:
            _lock(file)
            file.write(json.dumps(said).encode())
            file.flush()
            yield
        finally:
            path.unlink(missing_ok=True)


def _living(folder: Path) -> Iterator[dict[str, Any]]:
    """The claims of commands that are running; those of others are removed."""
    for path in sorted(folder.glob("*.json")):
        with suppress(FileNotFoundError), path.open("rb") as file:
            if _lock(file, shared=True):
                path.unlink()
            else:
                yield json.loads(file.read())


def _lock(file: BinaryIO, wait: bool = False, shared: bool = False) -> bool:
    """Lock a file until it is closed; whether nobody else has. Raises OSError where files are not locked."""
    if fcntl is None:
        raise OSError(errno.ENOSYS, "no locks")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Whether a file that was waited for is still the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
