"""What a run has read, so that two runs can say whether they read the same."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from maskless.data.source import PARTS, Source
from maskless.signals import Item, Signal


def describe(source: Source) -> dict[str, Any]:
    """Name, place, licence, split and content of a source, plain values for `data.json`.

    `groups` has the patient or slide of each image, `cases` the tissue that it shows, alike in every source
    that has it. `sha256` is over the names and bytes of all files of the split's items; of a source without
    files, over the first image of each part.
    """
    parts = {part: source.items(part) for part in PARTS}
    splits = source.splits()
    return {
        "name": source.name,
        "path": source.place,
        "split": source.split,
        "splits": sorted(splits),
        "leaky": splits[source.split].leaky,
        "licence": source.licence,
        "sha256": _content(source, parts.values()),
        "parts": {part: [item.id for item in items] for part, items in parts.items()},
        "groups": {item.id: item.group for items in parts.values() for item in items},
        "cases": {
            item.id: item.case or f"{source.name}/{item.id}" for items in parts.values() for item in items
        },
    }


def _content(source: Source, parts: Iterable[Sequence[Item]]) -> str:
    digest = hashlib.sha256()
    for items in parts:
        for item in items:
            digest.update(item.id.encode())
            for file in source.files(item):
                digest.update(file.name.encode())
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        if items and not source.files(items[0]):
            digest.update(source.read(items[0], [Signal.IMAGE])[Signal.IMAGE].tobytes())
    return digest.hexdigest()
