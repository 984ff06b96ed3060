"""MultiOrgan: the 30 fields of Kumar et al. (2017), with the splits of the papers on weak labels."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar

from maskless.data.barcode import tcga_case
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, pair_problems, read_image, read_labels
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

_OFFICIAL = "train_val_test.json"
_N_FOLDS = 10
_PARTS = (*PARTS, "testA", "testB")


class MultiOrgan(Source):
    """H&E fields of seven organs at 40x (about 0.25 µm/px), every nucleus outlined.

    What: 30 fields of 1000x1000 px cut from TCGA slides, one a patient, 16,958 nuclei: breast, kidney, liver,
    prostate (6 each), bladder, colon, stomach (2 each). They are the training fields of the MoNuSeg
    challenge, in colours a little different from its TIFFs. An id can lie in two pieces (39 do).

    Layout::

        images/NAME.png                       RGB, 8 bits
        labels_instance/NAME_label.png        16 bits, one id a nucleus, 0 background
        train_val_test.json                   file names in train, val, test, testA, testB
        folds/fold0.json ... fold9.json       file names in train, val

    NAME is the organ and the TCGA barcode, whose first three fields are the patient. What else the set holds
    (labels_point, labels_voronoi, labels_cluster) is derived from these and not read.

    Splits: 'official' is 12 / 4 / 14; its further parts testA (8 fields of the organs trained on) and testB
    (6 of bladder, colon and stomach) are the two halves of its test part. 'fold0' to 'fold9' are the folds of
    Liu et al., 27 / 3, read if folds/ is there. A fold has no test list: its paper reports on the images
    that it chooses on, so here its test part is its val part, and the split is marked `leaky`.

    Licence: CC BY-NC-SA 4.0 (MoNuSeg's owners). How to get: the folder data/MO of
    https://github.com/weizhenFrank/WeakNucleiSeg, named multiorgan.

    Citation: Kumar et al., A Dataset and a Technique for Generalized Nuclear Segmentation for Computational
    Pathology, IEEE Transactions on Medical Imaging 36(7), 2017. Folds: Liu et al., Weakly Supervised Nuclei
    Segmentation via Instance Learning, ISBI 2022.
    """

    name: ClassVar[str] = "multiorgan"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES})
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    how_to_get: ClassVar[str] = (
        "Get the folder data/MO of https://github.com/weizhenFrank/WeakNucleiSeg and name it multiorgan "
        "(MoNuSeg's images, CC BY-NC-SA 4.0: not for commercial use)."
    )
    same_tissue: ClassVar[tuple[str, ...]] = ("monuseg",)
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official', and those of 'fold0' to 'fold9' that are there."""
        self._check_folder()
        files = self._split_files()
        return {
            name: _read_split(file) for name, file in files.items() if name == "official" or file.exists()
        }

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Labels are checked against the size of their image, whether or not the image is asked for."""
        image, labels = self.files(item)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if Signal.INSTANCES in stored:
            sample.signals[Signal.INSTANCES] = read_labels(labels, image_size(image))
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image and its label image."""
        images, labels = self._folders()
        return [images / f"{item.id}.png", labels / f"{item.id}_label.png"]

    def problems(self) -> list[str]:
        """Missing, damaged and mismatched files, the files of the splits among them. Decodes all."""
        try:
            self._check_folder()
        except UserError as error:
            return [str(error)]
        found: list[str] = []
        listed: dict[Item, str] = {}
        for file in self._split_files().values():
            try:
                items = [item for part in _read_split(file).parts.values() for item in part]
            except UserError as error:
                found.append(str(error))
            else:
                listed = dict.fromkeys(items, file.name) | listed
        missing = [folder for folder in self._folders() if not folder.is_dir()]
        if missing:
            return [*found, *(f"{folder} is missing. {self.how_to_get}" for folder in missing)]
        return found + self._missing_and_damaged(listed)

    def extra(self) -> list[str]:
        """Images of no split, and labels of no image."""
        items = {item for split in self.splits().values() for part in split.parts.values() for item in part}
        known = {file for item in items for file in self.files(item)}
        images, labels = self._folders()
        return [
            f"{file} is extra: {what}"
            for folder, what in ((images, "an image of no split"), (labels, "the labels of no listed image"))
            for file in sorted(folder.iterdir() if folder.is_dir() else ())
            if file not in known and not file.name.startswith(".")
        ]

    def _missing_and_damaged(self, listed: Mapping[Item, str]) -> list[str]:
        found = []
        for item, split_file in sorted(listed.items(), key=lambda entry: entry[0].id):
            image, labels = self.files(item)
            missing = [file for file in (image, labels) if not file.exists()]
            found += [f"{file} is missing, though {split_file} lists its image" for file in missing]
            found += pair_problems(*(None if file in missing else file for file in (image, labels)))
        return found

    def _folders(self) -> tuple[Path, Path]:
        return self.path / "images", self.path / "labels_instance"

    def _split_files(self) -> dict[str, Path]:
        folds = self.path / "folds"
        numbers = range(_N_FOLDS) if folds.is_dir() else ()
        return {"official": self.path / _OFFICIAL} | {f"fold{k}": folds / f"fold{k}.json" for k in numbers}

    def _check_folder(self) -> None:
        if not self.path.is_dir():
            raise UserError(
                f"there is no folder {self.path}, where {self.name} is looked for. {self.how_to_get}"
            )
        if not any(path.exists() for path in (*self._folders(), self.path / _OFFICIAL)):
            raise UserError(
                f"{self.path} holds none of images/, labels_instance/ and {_OFFICIAL}, so it is not "
                f"{self.name}. {self.how_to_get}"
            )


def _read_split(file: Path) -> Split:
    """The split that a JSON of file names describes. Raises UserError if it is missing or malformed."""
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{file} is missing: it says which images are trained on. {MultiOrgan.how_to_get}"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is no readable JSON: get it again") from error
    needed = PARTS if file.name == _OFFICIAL else ("train", "val")
    if not _is_split(listed, needed):
        raise UserError(f"{file} must map {', '.join(needed)} to lists of file names: get it again")
    parts = {part: tuple(_item(name) for name in names) for part, names in listed.items() if part in _PARTS}
    return Split({"test": parts["val"]} | parts)


def _is_split(listed: object, needed: Collection[str]) -> bool:
    return (
        isinstance(listed, dict)
        and set(needed) <= listed.keys()
        and all(isinstance(names, list) for names in listed.values())
        and all(isinstance(name, str) for names in listed.values() for name in names)
    )


def _item(file_name: str) -> Item:
    stem = Path(file_name).stem
    case = tcga_case(stem)
    if case is None:
        return Item(stem, group=stem)
    return Item(stem, group="-".join(case.split("-")[:3]), case=case)
