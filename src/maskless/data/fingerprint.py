"""What a run has read, so that two runs can say whether they read the same."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskless.data.source import PARTS, Source
from maskless.signals import Item, Signal


def describe(source: Source, signals: Collection[Signal] | None = None) -> dict[str, Any]:
    """Name, place, licence, split and content of a source, plain values for `data.json`.

    `groups` has the patient or slide of each image, `cases` the tissue that it shows, alike in every source
    that has it: the item's own case, or else the first 16 hex digits of the SHA-256 of its image file, or
    'SOURCE/ID' if there are no files. `same_tissue` names the sets that hold this one's tissue in whatever
    colours; `stain` is that of all its images, None if they differ or nobody knows. `sha256` is over the
    names and bytes of all files of the split's items, or of those alone that are read for some `signals`,
    over the first image without files of each part, and over what of its files is read, where its split says
    that.
    """
    source.items("train")  # names the splits there are, if this is none
    splits = source.splits()
    parts = {part: splits[source.split].parts.get(part, ()) for part in PARTS}
    items = list(dict.fromkeys(item for part in parts.values() for item in part))
    # Each file is hashed once, whatever is made of its hash and in however many parts and items it stands.
    files = {i: source.files(i) if signals is None else source.files_of(i, signals) for i in items}
    hashed = _digests(dict.fromkeys(file for some in files.values() for file in some))
    digests = {item: {file: hashed[file] for file in some} for item, some in files.items()}
    return {
        "name": source.name,
        "path": source.place,
        "split": source.split,
        "splits": sorted(splits),
        "leaky": splits[source.split].leaky,
        "licence": source.licence,
        "same_tissue": list(source.same_tissue),
        "stain": source.staining,
        "sha256": _content(source, parts.values(), digests),
        "parts": {part: [item.id for item in items] for part, items in parts.items()},
        "groups": {item.id: item.group for item in items},
        "cases": {item.id: item.case or _case(source, item, digests[item]) for item in items},
    }


def _case(source: Source, item: Item, digests: Mapping[Path, bytes]) -> str:
    """What recognises the image of an item that names no tissue: its bytes, under whatever name they are."""
    image = next(iter(digests.values()), None)
    return f"{source.name}/{item.id}" if image is None else image.hex()[:16]


def _content(
    source: Source, parts: Iterable[Sequence[Item]], digests: Mapping[Item, Mapping[Path, bytes]]
) -> str:
    digest = hashlib.sha256(source.reading.encode())
    for items in parts:
        for item in items:
            digest.update(item.id.encode())
            for file, content in digests[item].items():
                digest.update(file.name.encode())
                digest.update(content)
        without_files = next((item for item in items if not digests[item]), None)
        if without_files:
            digest.update(source.read(without_files, [Signal.IMAGE])[Signal.IMAGE].tobytes())
    return digest.hexdigest()


def _digests(files: Iterable[Path]) -> dict[Path, bytes]:
    """The SHA-256 of each file, in order."""
    found = {}
    for file in files:
        with file.open("rb") as stream:
            found[file] = hashlib.file_digest(stream, "sha256").digest()
    return found
