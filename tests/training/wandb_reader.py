"""What is in an offline run of W&B: records in the log format of LevelDB, each a protocol buffer."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_BLOCK, _HEAD, _FILE_HEAD = 32768, 7, 7
_FULL, _FIRST, _LAST = 1, 2, 4


@dataclass
class Offline:
    """The run, its configuration, rows of history and summary, and how it ended; -1 if it did not."""

    id: str = ""
    group: str = ""
    job: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int = -1
    folder: Path = Path()


def read_offline(folder: Path) -> Offline:
    (file,) = folder.glob("run-*.wandb")
    found = Offline(folder=folder)
    for data in records(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        if record.HasField("run"):
            run = record.run
            found.id, found.group, found.job = run.run_id, run.run_group, run.job_type
            found.config |= {item.key: json.loads(item.value_json) for item in run.config.update}
        elif record.HasField("history"):
            found.history.append(
                {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
            )
        elif record.HasField("summary"):
            found.summary |= {
                "/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.summary.update
            }
        elif record.HasField("exit"):
            found.exit_code = record.exit.exit_code
    return found


def records(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B"
    place, parts = _FILE_HEAD, b""
    while place + _HEAD <= len(data):
        if _BLOCK - place % _BLOCK < _HEAD:  # the rest of a block is too small for another record
            place += _BLOCK - place % _BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + _HEAD])
        piece = data[place + _HEAD : place + _HEAD + length]
        assert len(piece) == length, "the file is cut"
        parts = piece if kind in (_FULL, _FIRST) else parts + piece
        place += _HEAD + length
        if kind in (_FULL, _LAST):
            yield parts
