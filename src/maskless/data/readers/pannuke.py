"""PanNuke: 7,901 H&E tiles of 19 tissues in three folds, every nucleus drawn and classified."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.data.checks import problem_of
from maskless.data.derive import complete, to_read
from maskless.data.source import PARTS, Source, Split
from maskless.data.tile_stack import mapped, read_tile, tile_count
from maskless.errors import UserError, first_three
from maskless.signals import Item, Sample, Signal

_CLASSES = ("neoplastic", "inflammatory", "connective", "dead", "epithelial")
#: Tiles of each fold, as published.
_PUBLISHED = {1: 2656, 2: 2523, 3: 2722}
#: The folds of train, val and test.
_SPLITS = {"official": (1, 2, 3), "official2": (2, 1, 3), "official3": (3, 2, 1)}
#: The shape of a tile, by the name of its fold's file.
_SHAPES: Mapping[str, tuple[int, ...]] = {
    "images.npy": (256, 256, 3),
    "masks.npy": (256, 256, 6),
    "types.npy": (),
}
_WHITE = 255
#: The greatest id in a file for which the ids of five channels fit into 32 bits.
_GREATEST_ID = (2**31 - 1) // len(_CLASSES)
#: A folder that holds a fold, or is in one that does; and how many folders deep the files may lie.
_FOLD = re.compile(r"fold[ _-]?([123])", re.IGNORECASE)
_DEEPEST = 4
#: Tiles of a fold that are read to look for problems; to read all of them takes minutes.
_LOOKED_AT = 32


class PanNuke(Source):
    """H&E tiles of 256x256 px of 19 tissues at 40x (0.25 µm/px), every nucleus drawn, of five classes.

    What: three folds of 2,656, 2,523 and 2,722 tiles, 7,901 in all, with nuclei that a model has drawn and
    people have corrected: neoplastic, inflammatory, connective, dead, epithelial. The owners say that
    existing sets were taken in too, but not which tile comes from where, so whether a test image of another
    set is among them is not known.

    Layout, as the three archives unpack::

        Fold 1/images/fold1/images.npy      (n, 256, 256, 3), 0 to 255, any type of number (float64)
        Fold 1/images/fold1/types.npy       (n,), the tissue of each tile
        Fold 1/masks/fold1/masks.npy        (n, 256, 256, 6), ids: a channel a class, the last is background
        Fold 2/..., Fold 3/...

    The three files of a fold may lie in any folder, up to four deep, whose name or a parent's is fold1 (Fold
    1, fold_1, FOLD-1): so fold1/images.npy will do. A fold may be missing; types.npy is not needed.

    Instances: a pixel is of a nucleus if any of the first five channels is above 0 there, and of the first
    of them that is. Id 7 of one channel and id 7 of another are two nuclei: id k of channel c (from 0)
    becomes 5 (k - 1) + c + 1. The background channel is not read.

    Splits: 'official', 'official2' and 'official3' are the owners' three: train, val and test are folds 1, 2,
    3; 2, 1, 3; and 3, 2, 1. 'all_train' has every tile in its training part, as a bank of masks for a prior;
    'all' has every tile in its test part. No patients are stated, so each tile is one of its own, and that
    none stands in two folds is not known; a group's name begins with the tile's tissue.

    Files are mapped into memory a tile at a time and never read whole. `problems` looks at all shapes and
    types and at 32 tiles of each fold; any other is checked when it is read.

    Licence: CC BY-NC-SA 4.0, not for commercial use. How to get: fold_1.zip, fold_2.zip and fold_3.zip of
    https://warwick.ac.uk/fac/cross_fac/tia/data/pannuke, unpacked in one folder named pannuke (37 GB).

    Citation: Gamper et al., PanNuke: An Open Pan-Cancer Histology Dataset for Nuclei Instance Segmentation
    and Classification, European Congress on Digital Pathology 2019; Gamper et al., PanNuke Dataset Extension,
    Insights and Baselines, arXiv:2003.10778, 2020.
    """

    name: ClassVar[str] = "pannuke"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES, Signal.CLASSES})
    staining = "H&E"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0 (not for commercial use)"
    how_to_get: ClassVar[str] = (
        "Unpack fold_1.zip, fold_2.zip and fold_3.zip of "
        "https://warwick.ac.uk/fac/cross_fac/tia/data/pannuke in one folder and name it pannuke."
    )
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """The owners' three, 'all_train' and 'all', of the folds that are there."""
        self._check()
        published = {
            name: Split({part: self._tiles.get(k, ()) for part, k in zip(PARTS, folds, strict=True)})
            for name, folds in _SPLITS.items()
        }
        every = tuple(item for tiles in self._tiles.values() for item in tiles)
        return published | {
            "all_train": Split({"train": every, "val": (), "test": ()}),
            "all": Split({"train": (), "val": (), "test": every}),
        }

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Classes go by the ids of the instances. Masks alone do not touch the images."""
        self._check()
        fold, index = _place(item)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            tile = read_tile(self._files[fold]["images.npy"], index, 3, _WHITE)
            sample.signals[Signal.IMAGE] = tile.astype(np.uint8)
        if stored & {Signal.INSTANCES, Signal.CLASSES}:
            channels = read_tile(self._files[fold]["masks.npy"], index, len(_CLASSES), _GREATEST_ID)
            instances = joined(channels)
            sample.signals[Signal.INSTANCES] = instances
            if Signal.CLASSES in stored:
                ids = np.unique(instances[instances > 0]).tolist()
                sample.signals[Signal.CLASSES] = {k: _CLASSES[(k - 1) % len(_CLASSES)] for k in ids}
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The files of the tile's fold, which hold all of its tiles."""
        return list(self._files[_place(item)[0]].values())

    def files_of(self, item: Item, signals: Collection[Signal]) -> list[Path]:
        """Without the images, 12 GB of 37, where masks alone are read; the tissues are always read."""
        stored = to_read(signals, self.may_offer)
        unread = {
            *(() if Signal.IMAGE in stored else ("images.npy",)),
            *(() if stored & {Signal.INSTANCES, Signal.CLASSES} else ("masks.npy",)),
        }
        return [file for name, file in self._files[_place(item)[0]].items() if name not in unread]

    def problems(self) -> list[str]:
        """Missing and misshapen files, and wrong values in 32 tiles of each fold, spread evenly."""
        if self._structure:
            return self._structure
        found = []
        for tiles in self._tiles.values():
            looked_at = np.linspace(0, len(tiles) - 1, min(len(tiles), _LOOKED_AT)).astype(int)
            for item in (tiles[k] for k in looked_at.tolist()):
                for signal in (Signal.IMAGE, Signal.INSTANCES):
                    found += problem_of(self.read, item, [signal])
        return found

    def extra(self) -> list[str]:
        """Folds that are not there, of another number of tiles than was published, or without tissues."""
        self._check()
        found = []
        for fold, published in _PUBLISHED.items():
            count = len(self._tiles.get(fold, ()))
            if not count:
                found.append(f"fold {fold} is not in {self.path}: splits are without its {published} tiles")
            elif count != published:
                found.append(f"fold {fold} has {count} tiles, where {published} were published")
            if count and "types.npy" not in self._files[fold]:
                found.append(f"fold {fold} has no types.npy, so the tissue of its tiles is not known")
        return found

    def _check(self) -> None:
        if self._structure:
            raise UserError(first_three(self._structure))

    @cached_property
    def _structure(self) -> list[str]:
        """What keeps the folder from being read as this set, by the names and headers of its files."""
        if not self.path.is_dir():
            return [self.no_folder]
        if not self._found:
            return [
                f"{self.path} holds no images.npy or masks.npy in folders named fold1, fold2 or fold3, so it "
                f"is not {self.name}. {self.how_to_get}"
            ]
        found = [
            f"{files[0]} and {files[1]} are both the {name} of fold {fold}: keep one"
            for (fold, name), files in self._found.items()
            if len(files) > 1
        ]
        for fold, files in self._files.items():
            missing = [name for name in ("images.npy", "masks.npy") if name not in files]
            found += [
                f"{self.path} holds no {name} of fold {fold}, which is Fold {fold}/{name[:-4]}/fold{fold}/"
                f"{name} as published. {self.how_to_get}"
                for name in missing
            ]
            of_files = [
                p for name, file in files.items() for p in problem_of(tile_count, file, _SHAPES[name])
            ]
            found += of_files or _unequal(files)
        return found

    @cached_property
    def _found(self) -> dict[tuple[int, str], list[Path]]:
        """The files by their fold and name, in small letters; more than one of them is an error."""
        found: dict[tuple[int, str], list[Path]] = defaultdict(list)
        for depth in range(1, _DEEPEST + 1):
            for file in sorted(self.path.glob("*/" * depth + "*.[nN][pP][yY]")):
                folders = file.relative_to(self.path).parts[-2::-1]
                folds = [int(match[1]) for folder in folders if (match := _FOLD.fullmatch(folder))]
                if folds and file.name.lower() in _SHAPES:
                    found[folds[0], file.name.lower()].append(file)
        return dict(sorted(found.items()))

    @cached_property
    def _files(self) -> dict[int, dict[str, Path]]:
        """The files of each fold by their names, the images before the masks."""
        files: dict[int, dict[str, Path]] = defaultdict(dict)
        for (fold, name), (file, *_) in self._found.items():
            files[fold][name] = file
        return dict(files)

    @cached_property
    def _tiles(self) -> dict[int, tuple[Item, ...]]:
        """The tiles of each fold."""
        return {fold: _items(fold, files) for fold, files in self._files.items()}


def joined(channels: NDArray[np.int64]) -> NDArray[np.int32]:
    """One map of ids, int32 (H, W), from ids of each class, (H, W, 5); 0 is background.

    Where channels overlap, the first has the pixel. Id k of channel c becomes 5 (k - 1) + c + 1.
    """
    first = (channels > 0).argmax(-1)
    ids = np.take_along_axis(channels, first[..., None], -1)[..., 0]
    return np.where(ids > 0, (ids - 1) * channels.shape[-1] + first + 1, 0).astype(np.int32)


def _unequal(files: Mapping[str, Path]) -> list[str]:
    """A sentence if the files of a fold have not as many tiles each."""
    counts = {file: tile_count(file, _SHAPES[name]) for name, file in files.items()}
    if len(set(counts.values())) == 1:
        return []
    said = ", ".join(f"{file} has {count}" for file, count in counts.items())
    return [f"the files of a fold have a tile each for all, but {said}: unpack them again"]


def _items(fold: int, files: Mapping[str, Path]) -> tuple[Item, ...]:
    count = tile_count(files["images.npy"], _SHAPES["images.npy"])
    names = [f"fold{fold}-{index:04d}" for index in range(count)]
    tissues = [f"{word} " for word in mapped(files["types.npy"])] if "types.npy" in files else [""] * count
    # A case for each: told by its file, every tile of a fold would show the same tissue.
    return tuple(
        Item(name, group=f"{tissue}{name}", case=f"pannuke {name}")
        for name, tissue in zip(names, tissues, strict=True)
    )


def _place(item: Item) -> tuple[int, int]:
    """The fold of a tile, and which it is of it."""
    fold, _, index = item.id.removeprefix("fold").partition("-")
    return int(fold), int(index)
