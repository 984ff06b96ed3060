"""Where the configuration that ships with maskless is, and where it keeps what it can make again."""

import os
from contextlib import suppress
from pathlib import Path

_HERE = Path(__file__).parent

#: The folder conf/: inside an installed package, at the root of a checkout.
CONF = next(folder for folder in (_HERE / "conf", _HERE.parents[1] / "conf") if folder.is_dir())


def cache_folder() -> Path | None:
    """$MASKLESS_CACHE, or else $XDG_CACHE_HOME/maskless, or else ~/.cache/maskless.

    None for a user who has no home.
    """
    if own := os.environ.get("MASKLESS_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared, "maskless")
    with suppress(RuntimeError):
        return Path.home() / ".cache" / "maskless"
    return None
