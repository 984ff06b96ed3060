"""Anyone's folder of images, with what has been drawn on them."""

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from maskless.data.barcode import tcga_case
from maskless.data.beside import Beside
from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.conventions import Conventions, conventions_of
from maskless.data.derive import complete, to_read
from maskless.data.division import checked_fractions, divide
from maskless.data.images import SUFFIXES, image_size, read_image, stated_mpp
from maskless.data.points_csv import header_of
from maskless.data.source import PARTS, Source, Split
from maskless.data.splits_csv import Stated, read_splits
from maskless.errors import UserError, first_three, listed
from maskless.signals import Item, Sample, Signal, with_derived
from maskless.spacing import same_spacing, spacing_of

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
        annotations/NAME.geojson  drawn in QuPath: a polygon or a point a nucleus, and its class; or
        annotations/NAME.xml    in ImageScope: an outline a nucleus, the name of its layer the class
        splits.csv              columns image, and split (train, val, test) and group (the patient), or one

    Each of the folders is there for all images, or not at all. Images with nothing beside them, where others
    have something, are refused unless `unannotated` says what becomes of them: 'leave_out', as if they were
    not there; or 'train', which keeps them in the training part alone, for methods that need no annotation,
    and leaves out those whose patient, or line in splits.csv, is in another part. A file may end in the
    folder's word, as in NAME_label.png, NAME_mask.png. Other files, hidden ones and folders further down are
    left alone. Masks and points go before those that follow from labels or outlines; these, and points, are
    drawn in one place. Classes of points are read where there are no ids, because classes go by ids where
    there are ids.

    Outlines of the class `areas.region` (QuPath's Region*) are no nuclei: within them the annotation is
    complete. In those of `areas.ignore` (Ignore*) nothing is known, nor where labels or masks have the value
    `ignore`. All of this is one region, which is what all say is known.

    `points_columns` has other names of columns, as in {class: type}; `classes` other names of classes, by the
    word in the files. One in a hundred points of an image may lie outside it, and is left out; so is an
    outline of fewer than three vertices, or outside. `prepare` counts both.

    `mpp` (µm/px) and `power` (40 for 40x) are those of all images, if known; from the power alone, µm/px is
    10 / power. Without either, an image has the µm/px that its own file states, or else that its drawing of
    ImageScope states (MicronsPerPixel). A TCGA barcode in a name says which tissue an image shows (its case).

    Splits: one, 'stated', that of splits.csv; without it 'random', which divides the images by patient or
    slide in the shares of `fractions`. `group` is a regular expression whose first group finds the patient in
    a file's name without its ending ('(.*)_' takes all before the last underscore); without it, and without
    groups in splits.csv, each image is a patient. The division is a function of `seed` and the names alone. A
    part with a share gets a patient before another part gets its second one.

    Licence: that of your images, or what `licence` says, which runs record. How to get: they are yours.
    Citation: none.
    """

    name: ClassVar[str] = "folder"
    may_offer: ClassVar[frozenset[Signal]] = frozenset(
        {Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES, Signal.REGION}
    )
    licence: ClassVar[str] = "that of your images"
    where_some_lack: ClassVar[str] = "dataset.unannotated=leave_out leaves them out"
    how_to_get: ClassVar[str] = (
        "Put your images in a folder, and label images, masks, points, regions or drawings, if you have any, "
        "in its labels/, masks/, points/, regions/ and annotations/."
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
        points_columns: Mapping[str, str] | None = None,
        classes: Mapping[str, str] | None = None,
        ignore: int | None = None,
        areas: Mapping[str, str] | None = None,
        unannotated: Literal["leave_out", "train"] | None = None,
    ) -> None:
        if path is None:
            raise UserError(
                "folder needs dataset.path=FOLDER, a folder of images (with labels/ beside them or not)"
            )
        self.table = Path(path) / "splits.csv"
        super().__init__(path, split="stated" if "split" in header_of(self.table) else "random")
        self.conventions = conventions_of(points_columns, classes, ignore, areas)
        self.power, self.mpp, self.seed = power, spacing_of(mpp, power), seed
        self.fractions = checked_fractions(fractions)
        self.group = group if group is None else _checked_expression(group)
        self.unannotated = unannotated
        if licence:  # of this folder, in place of the class's
            vars(self).update(licence=licence)

    @property
    def offers(self) -> frozenset[Signal]:
        """The images, what lies beside them, and what follows from that."""
        self._check()
        return with_derived(self._stored)

    def offers_of(self, item: Item) -> frozenset[Signal]:
        """Of an image without annotation the image alone."""
        return with_derived({Signal.IMAGE}) if item.id in self._bare else self.offers

    def splits(self) -> Mapping[str, Split]:
        """'stated' by splits.csv, or 'random': by patient, in the shares of `fractions`."""
        self._check()
        items = {name: self._item(name) for name in self._images if name not in self._bare}
        if parts := self._stated.parts:
            split = Split({part: tuple(items[k] for k in items if parts[k] == part) for part in PARTS})
        else:
            split = divide(items.values(), self.fractions, self.seed)
        if self.unannotated != "train":
            return {self.split: split}
        elsewhere = {item.group for part in PARTS[1:] for item in split.parts[part]}
        kept = [
            item
            for item in map(self._item, self._bare)
            if (parts.get(item.id) == "train" if parts else item.group not in elsewhere)
        ]
        train = tuple(sorted([*split.parts["train"], *kept], key=lambda item: item.id))
        return {self.split: Split({**split.parts, "train": train})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """What is drawn is checked against the size of its image, whether or not the image is asked for."""
        self._check()
        image = self._images[item.id][0]
        sample = Sample(item, mpp=self._mpp(item.id), power=self.power)
        stored = to_read(signals, self._stored)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        beside = stored & self._beside.gives
        sample.signals.update(self._beside.read(item.id, image_size(image), beside) if beside else {})
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image, and what lies beside it."""
        images = [self._images[item.id][0]] if item.id in self._images else []
        return images + list(self._beside.of(item.id).values())

    @property
    def reading(self) -> str:
        """How its files are understood, where that is not the usual way."""
        return "" if self.conventions == Conventions() else str(self.conventions)

    def problems(self) -> list[str]:
        """What is wrong with the folder, then with each file of it. Decodes all."""
        found = list(self._structure)
        for name, (image, *_) in self._images.items():
            size, of_image = decoded_size(image)
            of_files = self._beside.problems(name, size) + problem_of(self._mpp, name)
            found += of_image + list(dict.fromkeys(of_files))  # what is no XML is one problem
        return found

    def extra(self) -> list[str]:
        """Files beside no image, lines of splits.csv without one, and what is worth a look in the others."""
        found = self._remarks_on_bare() + self._stated.extra(self.table, self._files) + self._beside.extra()
        return found + [remark for name in self._images for remark in self._of_two_spacings(name)]

    def _check(self) -> None:
        """Raise UserError if the folder cannot be read as a data set at all."""
        if self._structure:
            raise UserError(first_three(self._structure))

    @cached_property
    def _structure(self) -> list[str]:
        """What keeps the folder from being read as a data set, before any file of it is decoded."""
        if not self.path.is_dir():
            return [f"there is no folder {self.path}: dataset.path must be a folder of images"]
        if not self._files:
            return [f"{self._image_folder} holds no images (PNG, JPEG, TIFF or BMP)"]
        found = [
            f"{files[0]} and {files[1].name} are named alike: keep one, or rename the other"
            for by_image in (self._files, *self._beside.files.values())
            for files in by_image.values()
            if len(files) > 1
        ]
        found += self._refused_bare() + self._beside.structure()
        if self.table.is_file():
            found += problem_of(lambda: self._stated) or self._stated.missing(self.table, self._images)
        return found + self._without_patient()

    def _without_patient(self) -> list[str]:
        if self.group and not problem_of(lambda: self._stated) and self._stated.groups:
            return [
                f"group={self.group!r} and the groups of {self.table} both name patients: keep one of them"
            ]
        return [
            f"{image.name} has no patient: group={self.group!r} finds none in its name"
            for name, (image, *_) in self._images.items()
            if self.group and not _found(self.group, name)
        ]

    @cached_property
    def _stated(self) -> Stated:
        """What splits.csv states, nothing without one."""
        return read_splits(self.table, SUFFIXES) if self.table.is_file() else Stated()

    @property
    def _stored(self) -> frozenset[Signal]:
        return self._beside.gives | {Signal.IMAGE}

    @property
    def _image_folder(self) -> Path:
        images = self.path / "images"
        return images if images.is_dir() else self.path

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """Image files by name without ending, sorted. More than one file a name is an error."""
        return by_name(self._image_folder, SUFFIXES)

    @cached_property
    def _bare(self) -> frozenset[str]:
        """The images with nothing beside them, if others have something."""
        beside = Beside(self.path, self._files, self.conventions)
        bare = frozenset(name for name in self._files if not beside.of(name))
        return bare if len(bare) < len(self._files) else frozenset()

    @cached_property
    def _images(self) -> dict[str, list[Path]]:
        """The files of those that are not left out for want of annotation."""
        left_out = self._bare if self.unannotated == "leave_out" else ()
        return {name: files for name, files in self._files.items() if name not in left_out}

    @cached_property
    def _beside(self) -> Beside:
        """What lies beside the others."""
        annotated = {name: files for name, files in self._files.items() if name not in self._bare}
        return Beside(self.path, annotated, self.conventions)

    def _refused_bare(self) -> list[str]:
        """A sentence if there are images without annotation, and nobody said what becomes of them."""
        folders = " and ".join(f"{kind.folder}/" for kind in self._beside.files)
        return [
            f"{self.path} has {len(self._bare)} of {len(self._files)} images without annotation in {folders} "
            f"({self._named(self._bare)}): annotate them, or say dataset.unannotated=leave_out, or =train to "
            "keep them for methods that learn from images alone"
        ] * bool(self._bare and not self.unannotated)

    def _remarks_on_bare(self) -> list[str]:
        """What has become of the images without annotation, a sentence each."""
        if not self._bare or not self.unannotated or self._structure:
            return []
        kept = self._bare & {item.id for item in self.splits()[self.split].parts["train"]}
        why = ", for they or their patient are in another part than train" * (self.unannotated == "train")
        said = {"are in the training part": kept, f"are left out{why}": self._bare - kept}
        return [
            f"{len(names)} of {len(self._files)} images without annotation {what}: {self._named(names, 20)}"
            for what, names in said.items()
            if names
        ]

    def _named(self, names: Collection[str], most: int = 3) -> str:
        """The files of the first few of some images, and how many more there are."""
        return listed([files[0].name for name, files in self._files.items() if name in names], most)

    def _item(self, name: str) -> Item:
        return Item(name, self._patient(name) or name, tcga_case(name))

    def _mpp(self, name: str) -> float | None:
        """The pixel spacing in µm/px of an image: what was said, else what its file states, else its drawing.

        Raises UserError if that drawing states what is no spacing.
        """
        return self.mpp or stated_mpp(self._images[name][0]) or self._beside.stated_mpp(name)

    def _of_two_spacings(self, name: str) -> list[str]:
        """A sentence if an image and its drawing state different spacings, and nobody said which holds."""
        image = self._images[name][0]
        of_image = None if self.mpp else stated_mpp(image)
        try:
            of_drawing = self._beside.stated_mpp(name) if of_image else None
        except UserError:  # which the image makes up for
            return []
        if not of_image or not of_drawing or same_spacing(of_image, of_drawing):
            return []
        return [
            f"{image} states {of_image:g} µm/px, which is taken, and its drawing {of_drawing:g}: if that is "
            "right, say dataset.mpp="
        ]

    def _patient(self, name: str) -> str | None:
        """The patient by the name of an image, as splits.csv has it, or else `group` finds; None if it is not
        known."""
        return self._stated.groups.get(name) or (_found(self.group, name) if self.group else None)


def _found(expression: str, name: str) -> str | None:
    """What the first group of a regular expression finds in a name; None if that is nothing."""
    found = re.search(expression, name)
    return (found[1] or None) if found else None


def _checked_expression(group: str) -> str:
    try:
        if re.compile(group).groups:
            return group
    except re.error as error:
        raise UserError(f"group={group!r} is no regular expression: {error}") from error
    raise UserError(f"group={group!r} has no group in parentheses for the patient, as in '(.*)_'")
