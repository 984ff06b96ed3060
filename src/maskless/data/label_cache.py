"""Labels that were made once are not made again: kept in files, named by all that they depend on."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.atomic import atomic
from maskless.data.labeller import Labeller
from maskless.errors import UserError
from maskless.paths import cache_folder
from maskless.signals import Signal

#: Raise it when a labeller of ours gives other labels than it did.
VERSION = 1


def cached(
    labeller: Labeller, signals: Mapping[Signal, Any], folder: str | Path | None = None
) -> dict[Signal, NDArray]:
    """`labeller(signals)`: read from a file in `folder` if it was made before, else made and kept.

    `signals` are arrays; those that the labeller does not need play no part, but for the region. The name of
    the file is a hash of them, of the labeller's `repr` and of `VERSION`. Without `folder` it is
    `paths.cache_folder`. A folder that cannot be written to, and a file that cannot be read, only take time.
    What `labeller` raises is passed on.
    """
    given = {signal: signals[signal] for signal in (*labeller.needs, Signal.REGION) if signal in signals}
    folder = folder or cache_folder()
    if folder is None:
        return labeller(given)
    file = Path(folder) / "labels" / f"{_address(labeller, given)}.npz"
    with suppress(Exception):  # a damaged archive can fail in any way
        return _read(file, labeller)
    made = labeller(given)
    with suppress(OSError, UserError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic(file) as stream:
            arrays: dict[str, Any] = {str(signal): array for signal, array in made.items()}
            np.savez_compressed(stream, **arrays)
    return made


def _read(file: Path, labeller: Labeller) -> dict[Signal, NDArray]:
    with np.load(file, allow_pickle=False) as arrays:
        return {signal: arrays[str(signal)] for signal in labeller.makes}


def _address(labeller: Labeller, given: Mapping[Signal, Any]) -> str:
    kind = type(labeller)
    found = sha256(f"{VERSION} {kind.__module__} {labeller!r}".encode())
    for signal in sorted(given):
        array = np.ascontiguousarray(given[signal])
        found.update(f"\n{signal} {array.dtype} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
