"""What was done to which image, so that an interrupted prediction goes on where it was.

`output/.maskless/NAME.json` lists the files of the image NAME (one may be a folder). Until all are made they
are in `output/.maskless/NAME.part`, so that a killed process leaves nothing unfinished among the results.
While they are given their names, NAME.json lists them without a size, and the image is not done. A file that
is not listed is somebody's own, and is neither replaced nor removed. What is done already of a whole slide is
in `output/.maskless/NAME.blocks`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from maskless.atomic import write_atomically
from maskless.errors import UserError
from maskless.inference.summary import COLUMNS, Row
from maskless.stored import is_plain_name, read_json

_HIDDEN = ".maskless"
_OF = "of.json"


@dataclass(frozen=True)
class Record:
    """An image that is done: of which path and content (SHA-256), with what settings, and what came of it.

    `regions` is the SHA-256 of the file of its regions, if it has one; `files` the name and the bytes of the
    file of each format (no bytes while it is not certain to be there); `rows` are its rows in the
    summary; `unreadable` is a sentence on what of a slide could not be decoded. All are plain values.
    """

    path: str
    image: str
    regions: str | None
    settings: Mapping[str, Any]
    files: Mapping[str, list[Any]]
    rows: list[Row]
    unreadable: str | None = None

    def is_of(self, image: str, regions: str | None, settings: Mapping[str, Any]) -> bool:
        """Whether it is of the same content and settings."""
        return (self.image, self.regions, self.settings) == (image, regions, _plain(settings))


class Records:
    """The records of an output folder. Raises UserError if the folder cannot be written."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = output / _HIDDEN

    def of(self, stem: str) -> Record | None:
        """The record of an image by its name without ending, if it was done and its files are there still."""
        record = _read(self._path(stem))
        return record if record and self._are_there(record) else None

    def with_settings(self, settings: Mapping[str, Any]) -> Iterator[Record]:
        """Every image that is done with these settings, by name."""
        for path in sorted(self.folder.glob("*.json")):
            record = self.of(path.stem)
            if record and record.settings == _plain(settings):
                yield record

    def refuse_others(self, path: Path, content: str, names: Iterable[str]) -> None:
        """Raise UserError where the files called `names`, of an image, would replace what is not its own.

        That is a file that no record lists, and one of an image of another path and another `content`.
        """
        record = _read(self._path(path.stem))
        listed = {name for name, _ in record.files.values()} if record else set()
        there = {name for name in listed.union(names) if os.path.lexists(self.output / name)}
        if record and there & listed and content != record.image and full_path(path) != record.path:
            raise UserError(
                f"{self.output} has the results of {record.path}, which those of {path} would replace: "
                "choose another output="
            )
        for name in sorted(there - listed):
            raise UserError(
                f"{self.output / name} is there already, and is not of an earlier prediction, so that {path} "
                "would overwrite it: move it away, or choose another output="
            )

    @contextmanager
    def staged(self, stem: str) -> Iterator[Path]:
        """An empty folder for the files of an image until `publish`; it is gone after the block."""
        self.discard(stem)
        folder = self._part(stem)
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise unwritable(self.output, error) from error
        finally:
            self.discard(stem)

    def discard(self, stem: str) -> None:
        """Remove what a process that was killed may have left of an image, unfinished."""
        shutil.rmtree(self._part(stem), ignore_errors=True)

    def blocks(self, stem: str, of: Mapping[str, Any]) -> Path:
        """The folder for what is done of a slide until `publish`.

        It is empty, unless it holds what an earlier process did `of` the same plain values.
        """
        folder = self._blocks(stem)
        said = json.dumps(of, indent=1, sort_keys=True).encode()
        try:
            if not (folder / _OF).is_file() or (folder / _OF).read_bytes() != said:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                write_atomically(folder / _OF, said)
        except OSError as error:
            raise unwritable(self.output, error) from error
        return folder

    def publish(self, stem: str, written: Mapping[str, Path], record: Record) -> None:
        """Give the staged files of an image, by format, their names, and write `record` with these.

        What was done of a slide is then removed.
        Files of other formats stay if they are of the same content and settings, and are removed if not.
        """
        old = _read(self._path(stem))
        listed = old.files if old else {}
        stays = old is not None and old.is_of(record.image, record.regions, record.settings)
        files = {name: file for name, file in listed.items() if stays and self._is_there(file)}
        files |= {name: [file.name, _size(file)] for name, file in written.items()}
        gone = {name for name, _ in listed.values()} - {name for name, _ in files.values()}
        unfinished = files | {name: [file.name, None] for name, file in written.items()}
        self._write(stem, replace(record, files=unfinished | {name: [name, None] for name in gone}))
        for name in gone:
            self._remove(name)
        for file in written.values():
            if file.is_dir():  # no folder takes the place of another
                self._remove(file.name)
            file.replace(self.output / file.name)
        self._write(stem, replace(record, files=files))
        shutil.rmtree(self._blocks(stem), ignore_errors=True)

    def _write(self, stem: str, record: Record) -> None:
        staged = self._part(stem) / f"{stem}.json"
        write_atomically(staged, json.dumps(asdict(record), indent=1, sort_keys=True).encode())
        staged.replace(self._path(stem))

    def _path(self, stem: str) -> Path:
        return self.folder / f"{stem}.json"

    def _part(self, stem: str) -> Path:
        return self.folder / f"{stem}.part"

    def _blocks(self, stem: str) -> Path:
        return self.folder / f"{stem}.blocks"

    def _remove(self, name: str) -> None:
        path = self.output / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def _are_there(self, record: Record) -> bool:
        return all(self._is_there(file) for file in record.files.values())

    def _is_there(self, file: list[Any]) -> bool:
        name, size = file
        return size is not None and _size(self.output / name) == size


def full_path(path: Path) -> str:
    """What tells a file from others of its name."""
    return str(path.resolve())


def content_hash(path: Path) -> str:
    """The SHA-256 of a file. Raises UserError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}") from error


def unwritable(output: Path, error: OSError) -> UserError:
    """The sentence for an output folder that an operation failed in."""
    at = f" ({Path(error.filename2).name})" if error.filename2 else ""  # what a file was to be renamed to
    why = f"{str(error.strerror).lower()}{at}"
    return UserError(f"cannot write to output={output}: {why}; choose another folder")


def _size(path: Path) -> int | None:
    """The bytes of a file, or of all files in a folder; None if it is not there."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else None


def _read(path: Path) -> Record | None:
    """The record in a file; None if there is none, or none that this version reads: it is done again.

    Nor is one read that lists what is no file of the output folder, as somebody else's may.
    """
    try:
        record = Record(**read_json(path))
    except (UserError, TypeError):
        return None
    return record if _is_whole(record) else None


def _is_whole(record: Record) -> bool:
    """Whether its files are names with a size, and its rows are rows."""
    return (
        isinstance(record.path, str)
        and isinstance(record.unreadable, str | None)
        and isinstance(record.files, dict)
        and all(
            isinstance(file, list)
            and len(file) == 2
            and is_plain_name(file[0])
            and isinstance(file[1], int | None)
            for file in record.files.values()
        )
        and isinstance(record.rows, list)
        and len(record.rows) > 0
        and all(map(_is_row, record.rows))
    )


def _is_row(row: Any) -> bool:
    """Whether it is a row of the summary: names, and numbers or nothing."""
    return (
        isinstance(row, dict)
        and set(row) == set(COLUMNS)
        and isinstance(row["nuclei"], int)
        and all(
            isinstance(value, str if name in ("image", "region") else (int, float, type(None)))
            for name, value in row.items()
        )
    )


def _plain(settings: Mapping[str, Any]) -> Any:
    """As JSON gives them back."""
    return json.loads(json.dumps(settings))
