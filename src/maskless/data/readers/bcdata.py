"""BCData: Ki67 immunohistochemistry of breast cancer, a point a tumour nucleus, positive or negative."""

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from maskless.data.checks import decoded_size, problem_of
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, read_image
from maskless.data.points_csv import PointTable
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError, first_three
from maskless.signals import Item, Sample, Signal

#: The folders that may hold a part.
_FOLDERS = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
_CLASSES = ("positive", "negative")
#: Of the points of a field. More are not read.
MOST_BYTES = 2**26
#: What a split ends with in which a field is its middle alone, and the side of that.
_CENTRE, _CENTRE_PX = "_centre", 512


class BCData(Source):
    """Ki67 IHC of breast cancer at 40x, 640x640 px, a point a tumour nucleus, positive or negative.

    What: 1,338 fields, 803 / 133 / 402, with 181,074 points set by hand. Nuclei that are not tumour have no
    point. µm/px is not stated: 0.25 is nominal for 40x.

    Layout, straight in the folder or in a folder BCData of it::

        images/SPLIT/NAME.png                       RGB, 8 bits; SPLIT is train, validation (or val), test
        annotations/SPLIT/positive/NAME.h5          HDF5 with a dataset `coordinates`, (N, 2): x, y in px
        annotations/SPLIT/negative/NAME.h5

    A file of no points may hold an empty array of any shape. Points outside the image are left out, and of
    points at one place one is kept, the positive one first; `prepare` counts both. Points that all lie
    outside are another image's.

    Splits: 'official' has the parts that are there; 'all' has every field in its test part. Names begin anew
    in each part, so a field's id is PART_NAME. In 'official_centre' and 'all_centre' a field is its middle
    512x512 px, as Le Bescond et al. (2022) look at it (their code drops points in the last 12 px, which are
    kept here). Nobody says which fields are of one patient, so each is one of
    its own.

    Licence: not known; ask the owners before you publish anything of it. How to get: BCData.zip of
    https://sites.google.com/view/bcdataset, unpacked as bcdata.

    Citation: Huang et al., BCData: A Large-Scale Dataset and Benchmark for Cell Detection and Counting,
    MICCAI 2020.
    """

    name: ClassVar[str] = "bcdata"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.POINTS, Signal.CLASSES})
    staining = "IHC"
    licence: ClassVar[str] = "not known: ask the owners before you publish anything of it"
    how_to_get: ClassVar[str] = (
        "Get BCData.zip at https://sites.google.com/view/bcdataset, unpack it, and name its folder bcdata."
    )
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official', as the folders have it; 'all', every field in the test part; and the middle of both."""
        self._check()
        official = {
            part: tuple(Item(name, group=name) for name, (of, _) in self._images.items() if of == part)
            for part in PARTS
        }
        everything = tuple(item for part in PARTS for item in official[part])
        splits = {"official": Split(official), "all": Split({"train": (), "val": (), "test": everything})}
        return splits | {f"{name}{_CENTRE}": split for name, split in splits.items()}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Positive points come first. Classes go by the row of the points."""
        image, *annotations = self.files(item)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            pixels = read_image(image)
            rows, columns = self._field(pixels.shape)
            sample.signals[Signal.IMAGE] = np.ascontiguousarray(pixels[rows, columns])
        if stored & {Signal.POINTS, Signal.CLASSES}:
            size = image_size(image)
            table = _within(_inside(annotations, size), *self._field(size))
            sample.signals[Signal.POINTS] = table.points
            sample.signals[Signal.CLASSES] = dict(enumerate(table.classes or ()))
        return complete(sample, signals)

    @property
    def reading(self) -> str:
        """'centre' where a field is its middle alone."""
        return _CENTRE[1:] if self.split.endswith(_CENTRE) else ""

    def _field(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The rows and columns that are read of an image of `shape` (H, W)."""
        side = _CENTRE_PX if self.reading else max(shape)
        row, column = (max((n - side) // 2, 0) for n in shape[:2])
        return slice(row, min(row + side, shape[0])), slice(column, min(column + side, shape[1]))

    def files(self, item: Item) -> list[Path]:
        """The image, its positive points and its negative ones."""
        image = self._images[item.id][1]
        folder = self._root / "annotations" / image.parent.name
        return [image, *(folder / word / f"{image.stem}.h5" for word in _CLASSES)]

    def problems(self) -> list[str]:
        """Images without points, and files that are damaged or of another layout. Decodes all."""
        found = list(self._structure)
        for name in self._images:
            image, *annotations = self.files(Item(name, name))
            size, of_image = decoded_size(image)
            of_points = [problem for file in annotations for problem in problem_of(centres, file)]
            found += of_image + (of_points or problem_of(_inside, annotations, size))
        return found

    def extra(self) -> list[str]:
        """Points that are left out, and files of points without an image."""
        self._check()
        found, known = [], set()
        for name in self._images:
            image, *annotations = self.files(Item(name, name))
            known |= set(annotations)
            table, size = _table(annotations), image_size(image)
            n_outside = int(table.outside(size).sum())
            n_twice = len(table.points) - n_outside - len(_cleaned(table, size).points)
            for count, why in ((n_outside, "outside the image"), (n_twice, "at the place of another")):
                if count:
                    found.append(f"{image}: {count} of {len(table.points)} points left out, {why}")
        files = sorted((self._root / "annotations").glob("*/*/*.h5"))
        return found + [f"{file} is extra: no image has its name" for file in files if file not in known]

    def _check(self) -> None:
        if self._structure:
            raise UserError(first_three(self._structure))

    @property
    def _structure(self) -> list[str]:
        """What keeps the folder from being read as this set, before any file of it is opened."""
        if not self.path.is_dir():
            return [self.no_folder]
        if not self._images:
            folders = ", ".join(f"images/{name}/" for names in _FOLDERS.values() for name in names)
            return [f"{self.path} holds no PNG in {folders}, so it is not {self.name}. {self.how_to_get}"]
        several = [part for part, count in Counter(self._folders.values()).items() if count > 1]
        return [
            f"{self._root}/images holds both {' and '.join(_FOLDERS[part])}: keep one" for part in several
        ]

    @property
    def _root(self) -> Path:
        inner = self.path / "BCData"
        return inner if inner.is_dir() else self.path

    @cached_property
    def _folders(self) -> dict[Path, str]:
        """The folders of images that are there, and which part each is."""
        folders = {self._root / "images" / name: part for part, names in _FOLDERS.items() for name in names}
        return {folder: part for folder, part in folders.items() if folder.is_dir()}

    @cached_property
    def _images(self) -> dict[str, tuple[str, Path]]:
        """The part and the file of each field, by its id."""
        return {
            f"{part}_{file.stem}": (part, file)
            for folder, part in self._folders.items()
            for file in sorted(folder.iterdir())
            if file.suffix.lower() == ".png" and not file.name.startswith(".")
        }


def centres(path: Path) -> NDArray[np.float32]:
    """The points of an HDF5 file with a dataset `coordinates` of (x, y): float32 (N, 2), (row, column), px.

    Raises UserError for a file that is missing, damaged or of another layout, or has a point that is nowhere.
    """
    try:
        with h5py.File(path, "r") as file:
            stored = file.get("coordinates")
            if not isinstance(stored, h5py.Dataset):
                raise UserError(f"{path} holds no dataset named coordinates: {sorted(file)[:5]}")
            if stored.file != file or stored.external or stored.is_virtual:
                raise UserError(f"{path} takes its coordinates from another file, which is not read")
            if stored.nbytes > MOST_BYTES:  # a file of a kilobyte can claim any number
                raise UserError(f"{path} claims more points than an image has pixels: unpack it again")
            points = np.asarray(stored[()])
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except Exception as error:  # the library raises anything at all at a damaged file
        raise UserError(f"{path} is damaged, or no HDF5 file: unpack it again") from error
    if points.size == 0:
        return np.zeros((0, 2), np.float32)
    if points.dtype.kind not in "uif" or points.ndim != 2 or points.shape[1] != 2:
        raise UserError(
            f"{path} has coordinates of the shape {points.shape}, {points.dtype}, where numbers of the shape "
            "(N, 2) are expected: x and y"
        )
    if not np.isfinite(points).all():
        raise UserError(f"{path} has a point that lies nowhere: {points[~np.isfinite(points).all(1)][0]}")
    return points[:, ::-1].astype(np.float32)


def _table(files: Collection[Path]) -> PointTable:
    """All points of a field, of its positive and then of its negative file."""
    found = [centres(file) for file in files]
    words = [word for word, points in zip(_CLASSES, found, strict=True) for _ in points]
    return PointTable(np.concatenate(found), words, list(range(len(words))))


def _inside(files: Collection[Path], size: tuple[int, int] | None) -> PointTable:
    """The points of a field that count; all if the size of its image is not known. None inside: UserError."""
    table = _table(files)
    if size is None:
        return table
    if len(table.points) and table.outside(size).all():
        shown = " and ".join(map(str, files))
        raise UserError(
            f"{shown} have no point in their image of {size[0]} x {size[1]} px: are they another's?"
        )
    return _cleaned(table, size)


def _within(table: PointTable, rows: slice, columns: slice) -> PointTable:
    """The points in these rows and columns, from whose first ones they are then counted."""
    moved = table.points - np.array([rows.start, columns.start], np.float32)
    shifted = PointTable(moved, table.classes, table.lines)
    return shifted.kept(~shifted.outside((rows.stop - rows.start, columns.stop - columns.start)))


def _cleaned(table: PointTable, size: tuple[int, int]) -> PointTable:
    """Without the points outside an image of `size` (H, W), and without the later ones of points alike."""
    first: NDArray[np.bool_] = np.zeros(len(table.points), bool)
    first[np.unique(table.points, axis=0, return_index=True)[1]] = True
    return table.kept(first & ~table.outside(size))
