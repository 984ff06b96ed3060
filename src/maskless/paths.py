"""Where the configuration that ships with maskless is."""

from pathlib import Path

_HERE = Path(__file__).parent

#: The folder conf/: inside an installed package, at the root of a checkout.
CONF = next(folder for folder in (_HERE / "conf", _HERE.parents[1] / "conf") if folder.is_dir())
