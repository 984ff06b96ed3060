"""Anyone's folder of images, with label images or without."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from maskless.data.barcode import tcga_case
from maskless.data.derive import complete, to_read
from maskless.data.images import SUFFIXES, image_size, pair_problems, read_image, read_labels
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError, first_three
from maskless.signals import Item, Sample, Signal, with_derived

_FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}


class Folder(Source):
    """A folder of your own: images, and label images if there are any.

    Layout::

        images/NAME.png                  PNG, JPEG, TIFF or BMP; or straight in the folder, without images/
        labels/NAME.png                  optional, for all images or none; NAME_label.png is found too.
                                         PNG or TIFF, one id a nucleus, 0 background

    Other files, hidden ones and folders further down are left alone. `power` (40 for 40x) and `mpp` (µm/px)
    are the images' own, if known. A TCGA barcode in a name says which tissue an image shows (its case).

    Splits: one, 'random', which divides the images by patient or slide in the shares of `fractions`. `group`
    is a regular expression whose first group finds the patient in a file's name without its ending ('(.*)_'
    takes all before the last underscore); without it each image is a patient. The division is a function of
    `seed` and the names alone. A part with a share gets a patient before another part gets its second one.

    Licence: that of your images. How to get: they are yours. Citation: none.
    """

    name: ClassVar[str] = "folder"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES})
    licence: ClassVar[str] = "that of your images"
    how_to_get: ClassVar[str] = (
        "Put your images in a folder, and label images, if you have any, in its labels/."
    )

    def __init__(
        self,
        path: str | Path | None = None,
        power: float | None = None,
        mpp: float | None = None,
        group: str | None = None,
        fractions: Mapping[str, float] = _FRACTIONS,
        seed: int = 0,
    ) -> None:
        if path is None:
            raise UserError(
                "folder needs dataset.path=FOLDER, a folder of images (with labels/ beside them or not)"
            )
        super().__init__(path, split="random")
        for what, value in (("power", power), ("mpp", mpp)):
            if value is not None and not value > 0:
                raise UserError(f"folder takes a {what} above 0 (or null if it is not known), not {value}")
        self.power, self.mpp, self.seed = power, mpp, seed
        self.fractions = _checked_fractions(fractions)
        self.group = group if group is None else _checked_expression(group)

    @property
    def offers(self) -> frozenset[Signal]:
        """The images, and what follows from label images if labels/ is there."""
        self._check()
        return with_derived(self._stored)

    def splits(self) -> Mapping[str, Split]:
        """'random': by patient, in the shares of `fractions`."""
        self._check()
        items = [Item(name, self._patient(name) or name, tcga_case(name)) for name in self._images]
        return {"random": _divide(items, self.fractions, self.seed)}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Labels are checked against the size of their image, whether or not the image is asked for."""
        self._check()
        image, *labels = self.files(item)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self._stored)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if Signal.INSTANCES in stored:
            sample.signals[Signal.INSTANCES] = read_labels(labels[0], image_size(image))
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image, and its label image if there is one."""
        return [files[item.id][0] for files in (self._images, self._labels) if item.id in files]

    def problems(self) -> list[str]:
        """What is wrong with the folder, then with each file of it. Decodes all."""
        found = list(self._structure)
        for name, (image, *_) in self._images.items():
            labels = self._labels.get(name)
            found += pair_problems(image, labels[0] if labels else None)
        return found

    def extra(self) -> list[str]:
        """Labels of no image."""
        alone = [file for name, files in self._labels.items() if name not in self._images for file in files]
        return [f"{file} is extra: no image has its name" for file in alone]

    def _check(self) -> None:
        """Raise UserError if the folder cannot be read as a data set at all."""
        if self._structure:
            raise UserError(first_three(self._structure))

    @cached_property
    def _structure(self) -> list[str]:
        """What keeps the folder from being read as a data set, before any file of it is opened."""
        if not self.path.is_dir():
            return [f"there is no folder {self.path}: dataset.path must be a folder of images"]
        if not self._images:
            return [f"{self._image_folder} holds no images (PNG, JPEG, TIFF or BMP)"]
        found = [
            f"{files[0]} and {files[1].name} are named alike: keep one, or rename the other"
            for files in (*self._images.values(), *self._labels.values())
            if len(files) > 1
        ]
        if Signal.INSTANCES in self._stored:
            missing = [image for name, (image, *_) in self._images.items() if name not in self._labels]
            rule = "labels are for all images, or for none: then without the folder"
            found += [
                f"{image.name} has no label image in {self._label_folder} ({rule})" for image in missing
            ]
        return found + [
            f"{image.name} has no patient: group={self.group!r} finds none in its name"
            for name, (image, *_) in self._images.items()
            if self._patient(name) is None
        ]

    @property
    def _stored(self) -> frozenset[Signal]:
        return self.may_offer if self._label_folder.is_dir() else frozenset({Signal.IMAGE})

    @property
    def _label_folder(self) -> Path:
        return self.path / "labels"

    @property
    def _image_folder(self) -> Path:
        images = self.path / "images"
        return images if images.is_dir() else self.path

    @cached_property
    def _images(self) -> dict[str, list[Path]]:
        """Image files by name without ending, sorted. More than one file a name is an error."""
        return _by_name(self._image_folder)

    @cached_property
    def _labels(self) -> dict[str, list[Path]]:
        """Label files by the name of their image (their own, if there is no such image)."""
        by_image: dict[str, list[Path]] = defaultdict(list)
        for stem, files in _by_name(self._label_folder).items():
            by_image[stem if stem in self._images else stem.removesuffix("_label")] += files
        return dict(by_image)

    def _patient(self, name: str) -> str | None:
        """The patient by the name of an image; None if `group` finds none, or an empty one."""
        if self.group is None:
            return name
        found = re.search(self.group, name)
        return (found[1] or None) if found else None


def _by_name(folder: Path) -> dict[str, list[Path]]:
    """The image files straight in a folder, by name without ending, sorted by name."""
    if not folder.is_dir():
        return {}
    files: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file():
            files[file.stem].append(file)
    return dict(sorted(files.items()))


def _divide(items: Collection[Item], fractions: Mapping[str, float], seed: int) -> Split:
    """Give whole groups to parts, the largest first, each to the part that is least full for its share."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    parts: dict[str, list[Item]] = {part: [] for part in PARTS if fractions.get(part, 0) > 0}
    # Hashes, and no random generator, whose numbers may change from one version of a library to the next.
    drawn = sorted(groups, key=lambda group: sha256(f"{seed}:{group}".encode()).digest())
    for group in sorted(drawn, key=lambda group: -len(groups[group])):
        least_full = min(parts, key=lambda part: len(parts[part]) / fractions[part])
        parts[least_full] += groups[group]
    return Split({part: tuple(sorted(parts.get(part, ()), key=lambda item: item.id)) for part in PARTS})


def _checked_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    shares = list(fractions.values())
    are_numbers = all(isinstance(share, int | float) and share >= 0 for share in shares)
    if set(fractions) <= set(PARTS) and are_numbers and abs(sum(shares) - 1) < 1e-6:
        return dict(fractions)
    raise UserError(f"folder takes fractions of train, val and test that add up to 1, not {dict(fractions)}")


def _checked_expression(group: str) -> str:
    try:
        if re.compile(group).groups:
            return group
    except re.error as error:
        raise UserError(f"group={group!r} is no regular expression: {error}") from error
    raise UserError(f"group={group!r} has no group in parentheses for the patient, as in '(.*)_'")
