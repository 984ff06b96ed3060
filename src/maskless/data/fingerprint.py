"""What a run has read, so that two runs can say whether they read the same."""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from maskless.data.source import PARTS, Source
from maskless.signals import Item


def describe(source: Source) -> dict[str, Any]:
    """Name, place, licence, split and content of a source, plain values for `data.json`.

    `sha256` is over the names and bytes of all files of the split's items; a source that renders its
    tissue has the version of maskless in their place.
    """
    parts = {part: source.items(part) for part in PARTS}
    split = source.splits()[source.split]
    return {
        "name": source.name,
        "path": source.place,
        "split": source.split,
        "leaky": split.leaky,
        "licence": source.licence,
        "sha256": _content(source, (item for items in parts.values() for item in items)),
        "parts": {part: [item.id for item in items] for part, items in parts.items()},
        "cases": {part: sorted({item.case or item.group for item in items}) for part, items in parts.items()},
    }


def _content(source: Source, items: Iterable[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        digest.update(item.id.encode())
        files = source.files(item)
        if not files:
            digest.update(f"{source!r} {version('maskless')}".encode())
        for file in files:
            digest.update(file.name.encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
