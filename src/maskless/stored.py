"""Small files that were stored once, and may be anybody's since: JSON, YAML, CSV, and the names in them.

Whatever such a file holds, it is read within the memory that its size suggests, or refused in a sentence that
names it.
"""

import csv
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from maskless.errors import UserError

#: More is no configuration: that of a method of several stages has some 10 kB, and YAML is slow to read.
MOST_YAML_BYTES = 2**20
#: More is no record: a hundred thousand images are described in some 20 MB.
MOST_JSON_BYTES = 2**28
#: How many values a configuration can hold, each counted wherever it stands, and how deep.
_MOST_VALUES, _MOST_DEEP = 100_000, 60


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, plain values. Raises UserError, naming the file, for anything else.

    A value can stand in several places (`&`, `*`). What would unfold to more than 100,000 values, or without
    end, is refused: a few lines can stand for more than any memory holds.
    """
    try:
        value = yaml.safe_load(_text(path, MOST_YAML_BYTES))
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} cannot be read: it holds no mapping")
    if _unfolded(value, {}, 0) > _MOST_VALUES:
        raise UserError(f"{path} cannot be read: it unfolds to more values than any configuration has")
    return value


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file. Raises UserError, naming the file, for anything else."""
    try:
        text = _text(path, MOST_JSON_BYTES)
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a character cannot be written again
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} cannot be read: it holds no mapping")
    return value


def read_rows(path: Path, columns: Collection[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file by its header; none if there is no such file.

    Raises UserError, naming file and line, for what is no CSV in UTF-8, for a row of more or fewer cells than
    the header, and for a header without one of `columns`.
    """
    if not path.exists():
        return []
    rows = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if None in row or None in row.values():
                    raise UserError(
                        f"{path} cannot be read: line {reader.line_num} has another number of cells than "
                        "its header"
                    )
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if missing := sorted(set(columns) - set(rows[0] if rows else columns)):
        raise UserError(f"{path} cannot be read: it has no column {missing[0]}")
    return rows


def inside(folder: Path, *parts: str) -> Path:
    """The path `folder`/`parts`, which is to be written. Raises UserError if it leads out of the folder.

    So does a part that climbs (`..`) or begins anew (`/`), and a link on the way.
    """
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()) or ".." in path.relative_to(folder).parts:
        raise UserError(f"{path} leads out of {folder}, where nothing is written: do you know who made it?")
    return path


def is_plain_name(name: object) -> bool:
    """Whether it is the name of one file or folder, and leads nowhere else."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")


def _text(path: Path, most_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise UserError(f"{path} cannot be read: it has more than {most_bytes // 2**20} MiB")
    return data.decode()


def _unfolded(value: Any, known: dict[int, int], deep: int) -> int:
    """How many values there are, each counted wherever it stands; too many if it is too deep, or a circle."""
    if not isinstance(value, (Mapping, list)):
        return 1
    if deep > _MOST_DEEP:
        return _MOST_VALUES + 1
    if id(value) not in known:
        known[id(value)] = _MOST_VALUES + 1  # until it is counted: within itself, it has no end
        within = value.values() if isinstance(value, Mapping) else value
        known[id(value)] = 1 + sum(_unfolded(one, known, deep + 1) for one in within)
    return known[id(value)]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
