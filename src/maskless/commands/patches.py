"""Patches to choose from: files of a folder, or tiles of whole slides."""

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.atomic import atomic, write_atomically
from maskless.data.images import read_image
from maskless.data.readers.slides import Slides
from maskless.data.tiles import place_of
from maskless.errors import UserError, first_three
from maskless.signals import Item, Signal

#: What all patches are called together, where no slides are told apart.
_ALL = "all"


@dataclass(frozen=True)
class Patch:
    """A patch of a slide: `read` gives RGB uint8 (H, W, 3), `copy_to` writes it, under `name`."""

    name: str
    slide: str
    read: Callable[[], NDArray[np.uint8]]
    copy_to: Callable[[Path], None]


def patches_of_files(files: Sequence[Path], group: str | None) -> dict[str, list[Patch]]:
    """Files by the slide that the first group of an expression finds in their names; without one, all as one.

    Raises UserError for an expression that does not find all slides."""
    if group is None:
        return {_ALL: [_of_file(file, _ALL) for file in files]}
    try:
        expression = re.compile(group)
    except re.error as error:
        raise UserError(f"group={group!r} is no regular expression: {error}") from error
    if not expression.groups:
        raise UserError(f"group={group!r} has no group in parentheses for the slide, as in '(.*)-roi_'")
    slides: dict[str, list[Patch]] = defaultdict(list)
    without = []
    for file in files:
        found = expression.search(file.stem)
        if found and found[1]:
            slides[found[1]].append(_of_file(file, found[1]))
        else:
            without.append(f"{file} has no slide: group={group!r} finds none in its name")
    if without:
        raise UserError(first_three(without))
    return dict(sorted(slides.items()))


def patches_of_slides(source: Slides) -> dict[str, list[Patch]]:
    """The tiles of the slides to learn from, at the highest power, as SLIDE-roi_K.png."""
    slides: dict[str, list[Patch]] = defaultdict(list)
    for item in source.items("train"):
        slide = place_of(item)[0]
        name = f"{slide}-roi_{len(slides[slide])}.png"
        read = partial(_tile, source, item)
        slides[slide].append(Patch(name, slide, read, partial(_write_png, read)))
    return slides


def _of_file(file: Path, slide: str) -> Patch:
    return Patch(file.name, slide, partial(read_image, file), partial(_copy, file))


def _copy(file: Path, to: Path) -> None:
    with file.open("rb") as source, atomic(to) as copy:
        shutil.copyfileobj(source, copy)


def _tile(source: Slides, item: Item) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = source.read(item, [Signal.IMAGE])[Signal.IMAGE]
    return image


def _write_png(read: Callable[[], NDArray[np.uint8]], to: Path) -> None:
    write_atomically(to, cv2.imencode(".png", read()[..., ::-1])[1].tobytes())
