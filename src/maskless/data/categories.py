"""A kind for each image, by which it is scored by itself, from a CSV file."""

import csv
from collections.abc import Collection
from pathlib import Path

from maskless.data.images import SUFFIXES
from maskless.errors import UserError, did_you_mean


def read_categories(path: Path, known: Collection[str]) -> dict[str, str]:
    """The category by image, from a CSV with the columns `image_id` and `category`; others are left alone.

    An image is named with its ending or without. Raises UserError naming the line for an image that was there
    before, for an empty cell, and for a category that is none of the `known` ones.
    """
    found: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not {"image_id", "category"} <= set(reader.fieldnames or ()):
                raise UserError(f"{path} must begin with a header that names image_id and category")
            for line in reader:
                image = without_ending((line["image_id"] or "").strip())
                category = (line["category"] or "").strip().lower()
                where = f"{path}, line {reader.line_num}"
                if not image:
                    raise UserError(f"{where}: there is no image_id")
                if image in found:
                    raise UserError(f"{where}: {image} is there already: keep one line of it")
                if category not in known:
                    raise UserError(f"{where}: {category!r} is no category{did_you_mean(category, known)}")
                found[image] = category
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no readable CSV in UTF-8: {error}") from error
    return found


def without_ending(name: str) -> str:
    """The name of an image without its ending, if it has one that an image may have."""
    return name[: -len(suffix)] if (suffix := Path(name).suffix).lower() in SUFFIXES else name
