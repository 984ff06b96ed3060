"""splits.csv: which part of a split each image is in, and its patient, as somebody has written them down."""

import csv
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from maskless.data.source import PARTS
from maskless.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Stated:
    """What the file states, by the name of an image as it is written there: its part, its group, its line.

    `parts` or `groups` is empty if there is no such column.
    """

    parts: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def missing(self, path: Path, images: Collection[str]) -> list[str]:
        """A sentence for each image that the file does not name."""
        return [
            f"{path} does not name {image}: it names every image"
            for image in images
            if image not in self.lines
        ]

    def extra(self, path: Path, images: Collection[str]) -> list[str]:
        """A sentence for each line that names no image."""
        return [
            f"{path}, line {line}: there is no image {name!r}{did_you_mean(name, images)}"
            for name, line in self.lines.items()
            if name not in images
        ]


def read_splits(path: Path, endings: Collection[str]) -> Stated:
    """A CSV with a column `image` and one of `split` (train, val or test) and `group`, or both.

    An image is named with one of its `endings` or without. Raises UserError naming the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            has = {name for name in ("split", "group") if name in reader.fieldnames}
            if "image" not in reader.fieldnames or not has:
                raise UserError(
                    f"{path} must begin with a header that names image, and split or group or both, "
                    f"separated by commas; it begins with {','.join(reader.fieldnames)[:60]!r}"
                )
            found = Stated()
            for row in reader:
                _add(found, row, f"{path}, line {reader.line_num}", reader.line_num, has, endings)
            return found
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no readable CSV in UTF-8: {error}") from error


def _add(
    found: Stated,
    row: dict[str, str],
    where: str,
    line: int,
    has: Collection[str],
    endings: Collection[str],
) -> None:
    """Take in one row."""
    image = (row["image"] or "").strip()
    if Path(image).suffix.lower() in endings:
        image = Path(image).stem
    if not image or image in found.lines:
        raise UserError(f"{where}: {f'{image} is there already: keep one' if image else 'no image is named'}")
    found.lines[image] = line
    if "split" in has:
        part = (row["split"] or "").strip().lower()
        if part not in PARTS:
            raise UserError(f"{where}: split is {part!r}, where one of {', '.join(PARTS)} is expected")
        found.parts[image] = part
    if "group" in has:
        group = (row["group"] or "").strip()
        if not group:
            raise UserError(f"{where}: {image} has no group, which is its patient or slide")
        found.groups[image] = group
