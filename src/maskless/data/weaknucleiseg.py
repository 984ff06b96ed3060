"""The layout of the repository WeakNucleiSeg (Liu et al., 2022), in which it holds MultiOrgan and TNBC.

    images/NAME.png                       RGB, 8 bits
    labels_instance/NAME_label.png        one id a nucleus, 0 background
    train_val_test.json                   file names in train, val, test, and in portions of the test part
    folds/fold0.json ... fold9.json       file names in train, val

Functions of a source that lies so. `item_of` makes an item of a file's name without its ending.
"""

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskless.data.checks import decoded_size, problem_of
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, read_image, read_labels
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

_OFFICIAL = "train_val_test.json"
_N_FOLDS = 10
_PARTS = (*PARTS, "testA", "testB")

ItemOf = Callable[[str], Item]
ReadInstances = Callable[[Path, tuple[int, int]], NDArray[np.int32]]


def is_there(path: Path) -> bool:
    """Whether any of the layout is in the folder."""
    return any(place.exists() for place in (*_folders(path), path / _OFFICIAL))


def files(path: Path, item: Item) -> list[Path]:
    """The image and its label image."""
    images, labels = _folders(path)
    return [images / f"{item.id}.png", labels / f"{item.id}_label.png"]


def read(
    source: Source, item: Item, signals: Collection[Signal], instances: ReadInstances = read_labels
) -> Sample:
    """Asked-for signals of an image and its labels; `instances` reads these and checks them for its size."""
    image, labels = source.files(item)
    sample = Sample(item, mpp=source.mpp, power=source.power)
    stored = to_read(signals, source.may_offer)
    if Signal.IMAGE in stored:
        sample.signals[Signal.IMAGE] = read_image(image)
    if Signal.INSTANCES in stored:
        sample.signals[Signal.INSTANCES] = instances(labels, image_size(image))
    return complete(sample, signals)


def splits(source: Source, item_of: ItemOf) -> dict[str, Split]:
    """'official', 'all_train', and those of 'fold0' to 'fold9' that are there.

    A fold's test part is its val part; 'all_train' has every image of 'official' in its train part. Raises
    UserError if the layout is not there, or a file of names is missing or malformed.
    """
    _check_folder(source)
    files = _split_files(source.path)
    found = {
        name: _read_split(file, source, item_of)
        for name, file in files.items()
        if name == "official" or file.exists()
    }
    official = found["official"].parts
    everything = tuple(item for part in PARTS for item in official[part])
    return {**found, "all_train": Split({"train": everything, "val": (), "test": ()})}


def problems(source: Source, item_of: ItemOf) -> list[str]:
    """Missing, damaged and mismatched files, the files of the splits among them. Decodes all."""
    try:
        _check_folder(source)
    except UserError as error:
        return [str(error)]
    found: list[str] = []
    listed: dict[Item, str] = {}
    for file in _split_files(source.path).values():
        try:
            parts = _read_split(file, source, item_of).parts.values()
        except UserError as error:
            found.append(str(error))
        else:
            listed = dict.fromkeys((item for items in parts for item in items), file.name) | listed
    missing = [folder for folder in _folders(source.path) if not folder.is_dir()]
    if missing:
        return [*found, *(f"{folder} is missing. {source.how_to_get}" for folder in missing)]
    return found + _missing_and_damaged(source.path, listed)


def extra(source: Source) -> list[str]:
    """Images of no split, and labels of no image."""
    items = {item for split in source.splits().values() for part in split.parts.values() for item in part}
    known = {file for item in items for file in files(source.path, item)}
    images, labels = _folders(source.path)
    return [
        f"{file} is extra: {what}"
        for folder, what in ((images, "an image of no split"), (labels, "the labels of no listed image"))
        for file in sorted(folder.iterdir() if folder.is_dir() else ())
        if file not in known and not file.name.startswith(".")
    ]


def _missing_and_damaged(path: Path, listed: Mapping[Item, str]) -> list[str]:
    found = []
    for item, split_file in sorted(listed.items(), key=lambda entry: entry[0].id):
        image, labels = files(path, item)
        missing = [file for file in (image, labels) if not file.exists()]
        found += [f"{file} is missing, though {split_file} lists its image" for file in missing]
        size, of_image = (None, []) if image in missing else decoded_size(image)
        found += of_image + ([] if labels in missing else problem_of(read_labels, labels, size))
    return found


def _folders(path: Path) -> tuple[Path, Path]:
    return path / "images", path / "labels_instance"


def _split_files(path: Path) -> dict[str, Path]:
    folds = path / "folds"
    numbers = range(_N_FOLDS) if folds.is_dir() else ()
    return {"official": path / _OFFICIAL} | {f"fold{k}": folds / f"fold{k}.json" for k in numbers}


def _check_folder(source: Source) -> None:
    if not source.path.is_dir():
        raise UserError(
            f"there is no folder {source.path}, where {source.name} is looked for. {source.how_to_get}"
        )
    if not is_there(source.path):
        raise UserError(
            f"{source.path} holds none of images/, labels_instance/ and {_OFFICIAL}, so it is not "
            f"{source.name}. {source.how_to_get}"
        )


def _read_split(file: Path, source: Source, item_of: ItemOf) -> Split:
    """The split that a JSON of file names describes. Raises UserError if it is missing or malformed."""
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{file} is missing: it says which images are trained on. {source.how_to_get}"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is no readable JSON: get it again") from error
    needed = PARTS if file.name == _OFFICIAL else ("train", "val")
    if not _is_split(listed, needed):
        raise UserError(f"{file} must map {', '.join(needed)} to lists of file names: get it again")
    parts = {
        part: tuple(item_of(Path(name).stem) for name in names)
        for part, names in listed.items()
        if part in _PARTS
    }
    return Split({"test": parts["val"]} | parts)


def _is_split(listed: object, needed: Collection[str]) -> bool:
    return (
        isinstance(listed, dict)
        and set(needed) <= listed.keys()
        and all(isinstance(names, list) for names in listed.values())
        and all(isinstance(name, str) for names in listed.values() for name in names)
    )
