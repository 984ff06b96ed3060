"""TNBC: 50 fields of triple-negative breast cancer of Naylor et al. (2019)."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskless.data import weaknucleiseg
from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.images import read_binary, read_labels
from maskless.data.source import Source, Split
from maskless.signals import Item, Sample, Signal

_ENDINGS = frozenset({".png"})
#: The split of WeakNucleiSeg, which goes by patient: the last patient of each part.
_LAST_PATIENT = {"train": 6, "val": 8, "test": 11}


class TNBC(Source):
    """H&E fields of triple-negative breast cancer at 40x (about 0.25 µm/px), every nucleus filled in.

    What: 50 fields of 512x512 px of 11 patients, 4,028 nuclei, of the tumour and of all that lies around it.
    The owners published masks, not instances: a nucleus is what hangs together in a mask, corners included,
    so nuclei that touch are one. Instances and masks of the two layouts are the same.

    Layout, either that of the repository WeakNucleiSeg::

        images/NAME.png                       RGB, 8 bits
        labels_instance/NAME_label.png        16 bits, one id a nucleus, 0 background
        train_val_test.json                   file names in train, val, test
        folds/fold0.json ... fold9.json       file names in train, val

    or the owners' own::

        Slide_01/01_1.png ... Slide_11/11_3.png   RGB, 8 bits
        GT_01/01_1.png ... GT_11/11_3.png         masks, 0 and 255

    The first two digits of NAME are the patient. Later slides, brain in the owners' second edition, are left
    alone.

    Splits: 'official' is WeakNucleiSeg's, by patient: 30 fields of patients 1 to 6, 7 of 7 and 8, 13 of 9 to
    11. 'all' has all fields in its test part, for what has learnt elsewhere. 'fold0' to 'fold9' are the folds
    of Liu et al., 45 / 5 in the order of names, read if folds/ is there; in all but fold2 a patient stands in
    both parts. A fold has no test list: its paper reports on the images that it chooses on, so here its test
    part is its val part, and every fold is marked `leaky`.

    Licence: CC BY 4.0. How to get: the folder data/TNBC of https://github.com/weizhenFrank/WeakNucleiSeg,
    named tnbc, or https://doi.org/10.5281/zenodo.1175282.

    Citation: Naylor et al., Segmentation of Nuclei in Histopathology Images by Deep Regression of the
    Distance Map, IEEE Transactions on Medical Imaging 38(2), 2019. Folds: Liu et al., Weakly Supervised
    Nuclei Segmentation via Instance Learning, ISBI 2022.
    """

    name: ClassVar[str] = "tnbc"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES})
    staining = "H&E"
    licence: ClassVar[str] = "CC BY 4.0"
    how_to_get: ClassVar[str] = (
        "Get the folder data/TNBC of https://github.com/weizhenFrank/WeakNucleiSeg and name it tnbc, or the "
        "owners' own at https://doi.org/10.5281/zenodo.1175282 (CC BY 4.0)."
    )
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official', 'all', 'all_train', and those of 'fold0' to 'fold9' that are there."""
        if self._is_owners:
            found = {"official": _by_patient(self._owners_items())}
        else:
            found = weaknucleiseg.splits(self, _item)
        every = {item for part in found["official"].parts.values() for item in part}
        everything = tuple(sorted(every, key=lambda item: item.id))
        return found | {"all": Split({"test": everything}), "all_train": Split({"train": everything})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Labels are checked against the size of their image, whether or not the image is asked for."""
        return weaknucleiseg.read(self, item, signals, _components if self._is_owners else read_labels)

    def files(self, item: Item) -> list[Path]:
        """The image, and its label image or mask."""
        if not self._is_owners:
            return weaknucleiseg.files(self.path, item)
        return [self.path / f"{kind}_{item.group}" / f"{item.id}.png" for kind in ("Slide", "GT")]

    def problems(self) -> list[str]:
        """Missing, damaged and mismatched files, the files of the splits among them. Decodes all."""
        if not self._is_owners:
            return weaknucleiseg.problems(self, _item)
        found = []
        for image, mask in (self.files(item) for item in self._owners_items()):
            size, of_image = decoded_size(image)
            found += of_image + problem_of(_components, mask, size)
        return found

    def extra(self) -> list[str]:
        """Images of no split, and labels of no image."""
        if not self._is_owners:
            return weaknucleiseg.extra(self)
        known = {file for item in self._owners_items() for file in self.files(item)}
        folders = [folder for kind in ("Slide", "GT") for folder in sorted(self.path.glob(f"{kind}_*"))]
        return [
            f"{file} is extra: it belongs to no field of patients 1 to {_LAST_PATIENT['test']}"
            for folder in folders
            for files in by_name(folder, _ENDINGS).values()
            for file in files
            if file not in known
        ]

    @property
    def _is_owners(self) -> bool:
        """Whether the files lie as the owners published them."""
        return not weaknucleiseg.is_there(self.path) and any(self.path.glob("Slide_[0-9][0-9]"))

    def _owners_items(self) -> list[Item]:
        return [
            _item(stem)
            for patient in (f"{number:02d}" for number in range(1, _LAST_PATIENT["test"] + 1))
            for stem in by_name(self.path / f"Slide_{patient}", _ENDINGS)
            if stem.startswith(f"{patient}_")
        ]


def _item(stem: str) -> Item:
    patient = re.match(r"[0-9]{2}", stem)
    return Item(stem, group=patient[0] if patient else stem)


def _by_patient(items: Collection[Item]) -> Split:
    parts: dict[str, tuple[Item, ...]] = {}
    first = 1
    for part, last in _LAST_PATIENT.items():
        parts[part] = tuple(item for item in items if first <= int(item.group) <= last)
        first = last + 1
    return Split(parts)


def _components(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """What hangs together in a mask, corners included, numbered from 1: int32 (H, W)."""
    labels, _ = ndimage.label(read_binary(path, size), np.ones((3, 3)), output=np.int32)
    return labels
