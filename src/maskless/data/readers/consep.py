"""CoNSeP: the colorectal fields with seven classes of nuclei of Graham et al. (2019)."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar

from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, read_image
from maskless.data.mat import mat_classes, mat_classes_by_pixel, mat_instances
from maskless.data.source import Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

CLASSES: Mapping[int, str] = {
    1: "other",
    2: "inflammatory",
    3: "healthy epithelial",
    4: "dysplastic/malignant epithelial",
    5: "fibroblast",
    6: "muscle",
    7: "endothelial",
}

_FOLDERS = {"train": "Train", "test": "Test"}
_FIRST_OF_VALIDATION = 23


class CoNSeP(Source):
    """H&E fields of colorectal adenocarcinoma at 40x (about 0.25 µm/px), every nucleus outlined and classed.

    What: 41 fields of 1000x1000 px of 16 patients, 24,319 nuclei, in the classes other, inflammatory, healthy
    epithelial, dysplastic/malignant epithelial, fibroblast, muscle, endothelial.

    Layout, also with all of it in a folder CoNSeP::

        Train/Images/train_1.png ... train_27.png   RGB, 8 bits
        Train/Labels/train_1.mat ... train_27.mat   MATLAB: inst_map, inst_type, type_map
        Test/Images/test_1.png ... test_14.png, Test/Labels/test_1.mat ... test_14.mat

    A nucleus's class is its code in inst_type, which follows the rising ids of inst_map; `prepare` says where
    type_map has another one. Train/Overlay and Test/Overlay are not read.

    Splits: 'official' is 22 / 5 / 14. The owners name 27 / 14; of their training fields the last five,
    train_23 to train_27, are validated on, because fields of a patient are likelier to follow one another.
    The set does not say which patient a field is of: each stands for a patient of its own here, and that
    none stands in two parts is not known. 'all' has every field that is there in its test part, for what has
    learnt elsewhere.

    Licence: none is stated with the files; the owners ask that their paper be cited. How to get:
    https://warwick.ac.uk/fac/cross_fac/tia/data/hovernet, unpacked as consep.

    Citation: Graham et al., HoVer-Net: Simultaneous Segmentation and Classification of Nuclei in Multi-Tissue
    Histology Images, Medical Image Analysis 58, 2019.
    """

    name: ClassVar[str] = "consep"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES, Signal.CLASSES})
    staining = "H&E"
    licence: ClassVar[str] = "none stated with the files (cite Graham et al., 2019)"
    how_to_get: ClassVar[str] = (
        "Get CoNSeP at https://warwick.ac.uk/fac/cross_fac/tia/data/hovernet and unpack it in a folder "
        "consep."
    )
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official' and 'all', of the fields that are there."""
        training, test = self._items("train"), self._items("test")
        if not training and not test:
            raise UserError(self._not_there())
        official = {
            "train": tuple(item for item in training if _number(item) < _FIRST_OF_VALIDATION),
            "val": tuple(item for item in training if _number(item) >= _FIRST_OF_VALIDATION),
            "test": test,
        }
        return {"official": Split(official), "all": Split({"test": training + test})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Labels are checked against the size of their image, whether or not the image is asked for."""
        image, labels = self.files(item)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if stored & {Signal.INSTANCES, Signal.CLASSES}:
            instances = mat_instances(labels, image_size(image))
            sample.signals[Signal.INSTANCES] = instances
            if Signal.CLASSES in stored:
                sample.signals[Signal.CLASSES] = mat_classes(labels, instances, CLASSES)
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image and its MAT file."""
        folder = self._root / _FOLDERS.get(item.id.partition("_")[0], "")
        return [folder / "Images" / f"{item.id}.png", folder / "Labels" / f"{item.id}.mat"]

    def problems(self) -> list[str]:
        """Missing, damaged and mismatched files, and classes that are none. Reads all."""
        items = self._items("train") + self._items("test")
        if not items:
            return [self._not_there()]
        found = []
        for image, labels in (self.files(item) for item in items):
            size, of_image = decoded_size(image)
            found += of_image + problem_of(_read, labels, size)
        return found

    def extra(self) -> list[str]:
        """Files of no field, and nuclei whose pixels have another class than their entry."""
        items = self._items("train") + self._items("test")
        known = {file for item in items for file in self.files(item)}
        found = [
            f"{file} is extra: it belongs to no field"
            for folder in _FOLDERS.values()
            for sub, ending in (("Images", ".png"), ("Labels", ".mat"))
            for files in by_name(self._root / folder / sub, frozenset({ending})).values()
            for file in files
            if file not in known
        ]
        return found + [remark for item in items for remark in _in_another_class(self.files(item)[1])]

    @property
    def _root(self) -> Path:
        deeper = self.path / "CoNSeP"
        return deeper if deeper.is_dir() else self.path

    def _items(self, part: str) -> tuple[Item, ...]:
        stems = by_name(self._root / _FOLDERS[part] / "Images", frozenset({".png"}))
        items = (Item(stem, group=stem) for stem in stems if re.fullmatch(rf"{part}_[0-9]+", stem))
        return tuple(sorted(items, key=_number))

    def _not_there(self) -> str:
        if not self.path.is_dir():
            return self.no_folder
        return (
            f"{self.path} holds no train_1.png or the like in Train/Images/, no test_1.png or the like in "
            f"Test/Images/, so it is not {self.name}. {self.how_to_get}"
        )


def _number(item: Item) -> int:
    return int(item.id.rpartition("_")[2])


def _read(labels: Path, size: tuple[int, int] | None) -> None:
    """Read all that the reader gives of a MAT file."""
    mat_classes(labels, mat_instances(labels, size), CLASSES)


def _in_another_class(labels: Path) -> list[str]:
    """One sentence if inst_type and type_map disagree on the class of nuclei."""
    try:
        instances = mat_instances(labels)
        classes = mat_classes(labels, instances, CLASSES)
        of_pixels = mat_classes_by_pixel(labels, instances, CLASSES)
    except UserError:  # listed among the problems, if it is one: type_map is not needed
        return []
    other = [identity for identity, name in classes.items() if of_pixels.get(identity, name) != name]
    if not other:
        return []
    return [
        f"{labels}: type_map gives {len(other)} of {len(classes)} nuclei another class than inst_type, which "
        f"is the one read (nucleus {other[0]} for one)"
    ]
