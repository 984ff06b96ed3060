"""Anyone's folder of images, with what has been drawn on them."""

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from maskless.data.barcode import tcga_case
from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import COMPANIONS, Companion, by_name
from maskless.data.derive import complete, to_read
from maskless.data.division import checked_fractions, divide
from maskless.data.images import SUFFIXES, image_size, read_image, stated_mpp
from maskless.data.points_csv import has_classes
from maskless.data.source import Source, Split
from maskless.errors import UserError, first_three
from maskless.signals import Item, Sample, Signal, with_derived
from maskless.spacing import spacing_of

_FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}


class Folder(Source):
    """A folder of your own: images, and what has been drawn on them, if anything.

    Layout::

        images/NAME.png         PNG, JPEG, TIFF or BMP; or straight in the folder, without images/
        labels/NAME.png         PNG or TIFF, one id a nucleus, 0 background
        masks/NAME.png          0 or 255 (or 0 or 1): nucleus or not, one nucleus not told from the next
        points/NAME.csv         a point a nucleus: columns row,col or x,y (x to the right, y down), px; and
                                class, if there are classes
        regions/NAME.png        0 or 255 (or 0 or 1): where the annotation is complete

    Each of the last four is there for all images, or its folder is not. A file may end in the folder's word,
    as in NAME_label.png, NAME_mask.png. Other files, hidden ones and folders further down are left alone.
    Masks and points go before those that follow from labels. Classes of points are read where there are no
    labels, because classes go by ids where there are ids.

    `mpp` (µm/px) and `power` (40 for 40x) are those of all images, if known; from the power alone, µm/px is
    10 / power. Without either, an image has the µm/px that its own file states, if it does. A TCGA barcode in
    a name says which tissue an image shows (its case).

    Splits: one, 'random', which divides the images by patient or slide in the shares of `fractions`. `group`
    is a regular expression whose first group finds the patient in a file's name without its ending ('(.*)_'
    takes all before the last underscore); without it each image is a patient. The division is a function of
    `seed` and the names alone. A part with a share gets a patient before another part gets its second one.

    Licence: that of your images, or what `licence` says, which runs record. How to get: they are yours.
    Citation: none.
    """

    name: ClassVar[str] = "folder"
    may_offer: ClassVar[frozenset[Signal]] = frozenset(
        {Signal.IMAGE, Signal.CLASSES, *(companion.signal for companion in COMPANIONS)}
    )
    licence: ClassVar[str] = "that of your images"
    how_to_get: ClassVar[str] = (
        "Put your images in a folder, and label images, masks, points or regions, if you have any, in its "
        "labels/, masks/, points/ and regions/."
    )

    def __init__(
        self,
        path: str | Path | None = None,
        power: float | None = None,
        mpp: float | None = None,
        group: str | None = None,
        fractions: Mapping[str, float] = _FRACTIONS,
        seed: int = 0,
        licence: str | None = None,
    ) -> None:
        if path is None:
            raise UserError(
                "folder needs dataset.path=FOLDER, a folder of images (with labels/ beside them or not)"
            )
        super().__init__(path, split="random")
        self.power, self.mpp, self.seed = power, spacing_of(mpp, power), seed
        self.fractions = checked_fractions(fractions)
        self.group = group if group is None else _checked_expression(group)
        if licence:  # of this folder, in place of the class's
            vars(self).update(licence=licence)

    @property
    def offers(self) -> frozenset[Signal]:
        """The images, what lies beside them, and what follows from that."""
        self._check()
        return with_derived(self._stored)

    def splits(self) -> Mapping[str, Split]:
        """'random': by patient, in the shares of `fractions`."""
        self._check()
        items = [Item(name, self._patient(name) or name, tcga_case(name)) for name in self._images]
        return {"random": divide(items, self.fractions, self.seed)}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """What is drawn is checked against the size of its image, whether or not the image is asked for."""
        self._check()
        image = self._images[item.id][0]
        mpp = stated_mpp(image) if self.mpp is None else self.mpp
        sample = Sample(item, mpp=mpp, power=self.power)
        stored = to_read(signals, self._stored)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        for companion, files in self._beside.items():
            if companion.signal is Signal.POINTS:
                if stored & {Signal.POINTS, Signal.CLASSES}:
                    table = companion.read(files[item.id][0], image_size(image))
                    sample.signals[Signal.POINTS] = table.points
                    sample.signals[Signal.CLASSES] = dict(enumerate(table.classes or ()))
            elif companion.signal in stored:
                sample.signals[companion.signal] = companion.read(files[item.id][0], image_size(image))
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image, and what lies beside it."""
        return [files[item.id][0] for files in (self._images, *self._beside.values()) if item.id in files]

    def problems(self) -> list[str]:
        """What is wrong with the folder, then with each file of it. Decodes all."""
        found = list(self._structure)
        for name, (image, *_) in self._images.items():
            size, of_image = decoded_size(image)
            found += of_image
            for companion, files in self._beside.items():
                found += problem_of(companion.read, files[name][0], size) if name in files else []
        return found

    def extra(self) -> list[str]:
        """Files beside no image."""
        return [
            f"{file} is extra: no image has its name"
            for by_image in self._beside.values()
            for name, files in by_image.items()
            if name not in self._images
            for file in files
        ]

    def _check(self) -> None:
        """Raise UserError if the folder cannot be read as a data set at all."""
        if self._structure:
            raise UserError(first_three(self._structure))

    @cached_property
    def _structure(self) -> list[str]:
        """What keeps the folder from being read as a data set, before any file of it is decoded."""
        if not self.path.is_dir():
            return [f"there is no folder {self.path}: dataset.path must be a folder of images"]
        if not self._images:
            return [f"{self._image_folder} holds no images (PNG, JPEG, TIFF or BMP)"]
        found = [
            f"{files[0]} and {files[1].name} are named alike: keep one, or rename the other"
            for by_image in (self._images, *self._beside.values())
            for files in by_image.values()
            if len(files) > 1
        ]
        for companion in self._beside:
            found += companion.missing(self.path, self._images)
        without = [file for file, there in self._has_classes.items() if not there]
        if 0 < len(without) < len(self._has_classes):
            found += [f"{file} has no column class, though other points have one" for file in without]
        return found + [
            f"{image.name} has no patient: group={self.group!r} finds none in its name"
            for name, (image, *_) in self._images.items()
            if self._patient(name) is None
        ]

    @property
    def _stored(self) -> frozenset[Signal]:
        signals = {Signal.IMAGE, *(companion.signal for companion in self._beside)}
        if any(self._has_classes.values()) and Signal.INSTANCES not in signals:
            signals.add(Signal.CLASSES)
        return frozenset(signals)

    @property
    def _image_folder(self) -> Path:
        images = self.path / "images"
        return images if images.is_dir() else self.path

    @cached_property
    def _images(self) -> dict[str, list[Path]]:
        """Image files by name without ending, sorted. More than one file a name is an error."""
        return by_name(self._image_folder, SUFFIXES)

    @cached_property
    def _beside(self) -> dict[Companion, dict[str, list[Path]]]:
        """The files of each kind whose folder is there, by the name of their image."""
        there = [companion for companion in COMPANIONS if (self.path / companion.folder).is_dir()]
        return {companion: companion.files(self.path, self._images) for companion in there}

    @cached_property
    def _has_classes(self) -> dict[Path, bool]:
        """Whether there is a column of classes, by the CSV of each image."""
        return {
            file: has_classes(file)
            for companion, by_image in self._beside.items()
            if companion.signal is Signal.POINTS
            for name, (file, *_) in by_image.items()
            if name in self._images
        }

    def _patient(self, name: str) -> str | None:
        """The patient by the name of an image; None if `group` finds none, or an empty one."""
        if self.group is None:
            return name
        found = re.search(self.group, name)
        return (found[1] or None) if found else None


def _checked_expression(group: str) -> str:
    try:
        if re.compile(group).groups:
            return group
    except re.error as error:
        raise UserError(f"group={group!r} is no regular expression: {error}") from error
    raise UserError(f"group={group!r} has no group in parentheses for the patient, as in '(.*)_'")
