"""Virtual environments below the cache folder: a model whose packages would not go with ours has its own."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskless.errors import UserError
from maskless.paths import cache_folder


def home() -> Path:
    """The folder of all that other people's models need. Raises UserError for a user who has no home."""
    cache = cache_folder()
    if cache is None:
        raise UserError("there is no home folder to keep models in: name a folder in MASKLESS_CACHE")
    return cache / "pretrained"


@dataclass(frozen=True)
class Environment:
    """Packages that are installed together: each of `steps` is what one call of pip is given."""

    name: str
    steps: tuple[Sequence[str], ...]

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return home() / "environments" / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        where = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        return self.folder.joinpath(*where)

    @property
    def installed(self) -> bool:
        """Whether it was made to its end, of these very packages."""
        try:
            return self._ready.read_text(encoding="utf-8") == self._text and self.python.exists()
        except OSError:
            return False

    def install(self) -> None:
        """Make it anew with the Python that runs maskless; pip says on the terminal what it does.

        Raises UserError, and leaves nothing, if pip cannot.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._call(sys.executable, "-m", "venv", str(self.folder))
            for step in self.steps:
                # -I: what PYTHONPATH names is not in the environment.
                self._call(
                    str(self.python), "-I", "-m", "pip", "install", "--disable-pip-version-check", *step
                )
            self._ready.write_text(self._text, encoding="utf-8")
        except BaseException as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise UserError(f"{self.folder} cannot be made: {error.strerror}") from error
            raise

    def _call(self, *words: str) -> None:
        if code := subprocess.run(words).returncode:
            said = " ".join(words[1:])
            raise UserError(
                f"the environment {self.name} cannot be made: `python {said}` has ended with {code} and said "
                "why above"
            )

    @property
    def _ready(self) -> Path:
        return self.folder / "packages.txt"

    @property
    def _text(self) -> str:
        return "".join(f"{' '.join(step)}\n" for step in self.steps)
