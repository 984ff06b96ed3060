"""LYON19: regions of CD3 and CD8 immunohistochemistry, in which lymphocytes are to be detected."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.classify import POSITIVE
from maskless.data.categories import read_categories, without_ending
from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.derive import complete, to_read
from maskless.data.images import SUFFIXES, image_size, read_image
from maskless.data.points_csv import PointTable, read_points
from maskless.data.source import Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

CATEGORIES = ("regular", "clustered", "artifact")


class LYON19(Source):
    """CD3 and CD8 IHC of breast, colon and prostate cancer, the regions of the LYON19 challenge.

    What: 441 regions, 277 of regular tissue, 59 of clustered cells and 105 with artifacts. Stained
    lymphocytes are to be detected. The truth is not public: the challenge's server scores a submission, which
    `maskless predict formats=[lyon19] classify=hsi` writes.

    Layout::

        images/NAME.png       RGB, 8 bits (or another image); also straight in the folder
        categories.csv        optional: image_id, category (regular, clustered, artifact)
        truth.csv             optional, for who has one: image_id, x (right), y (down), px

    The archive holds the images. The two tables are ours to bring along: images are named in them with their
    ending or without, a region that truth.csv does not name has no lymphocyte, and each of its points is a
    positive cell. Other nuclei have no point, so no labelling index follows, and point scores without
    classify= count every unstained nucleus found as one too many.

    µm/px is not stated with the files; 0.25 is nominal for 40x.

    Splits: 'official' has every region in its test part, 'all_train' in its training part, to learn from the
    images alone. No patients are stated: each is one of its own.

    Licence: stated at the archive; ask its owners before you publish images. How to get: the archive at
    https://zenodo.org/record/3385420, unpacked as lyon19.

    Citation: Swiderska-Chadaj et al., Learning to detect lymphocytes in immunohistochemistry with deep
    learning, Medical Image Analysis 58, 2019.
    """

    name: ClassVar[str] = "lyon19"
    staining = "IHC"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.POINTS, Signal.CLASSES})
    licence: ClassVar[str] = "stated at https://zenodo.org/record/3385420"
    how_to_get: ClassVar[str] = (
        "Unpack the archive at https://zenodo.org/record/3385420 and name its folder lyon19, with the images "
        "in it or in lyon19/images."
    )
    mpp = 0.25
    power = 40.0

    @property
    def offers(self) -> frozenset[Signal]:
        """Points and classes if there is a truth."""
        return self.may_offer if self._truth_file.exists() else frozenset({Signal.IMAGE})

    def splits(self) -> Mapping[str, Split]:
        """'official', with every region to be scored, and 'all_train', with every one to be learnt from."""
        self._check()
        items = tuple(map(self._item, self._images))
        return {
            "official": Split({"train": (), "val": (), "test": items}),
            "all_train": Split({"train": items, "val": (), "test": ()}),
        }

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Every point is positive. Classes go by the row of the points."""
        image = self._images[item.id][0]
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self.offers)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if stored & {Signal.POINTS, Signal.CLASSES}:
            points = self._points(item.id, image_size(image))
            sample.signals[Signal.POINTS] = points
            sample.signals[Signal.CLASSES] = dict.fromkeys(range(len(points)), POSITIVE)
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image, and the two tables as far as they are there."""
        return [
            self._images[item.id][0],
            *(file for file in (self._category_file, self._truth_file) if file.exists()),
        ]

    def problems(self) -> list[str]:
        """Images that are damaged or of one name, tables that do not fit them. Decodes all."""
        if found := problem_of(self._check):
            return found
        found = problem_of(lambda: self._categories)
        if not found and self._categories:
            found += [
                f"{self._category_file} has no line for {name}"
                for name in self._images
                if name not in self._categories
            ]
        of_truth = problem_of(lambda: self._truth) if self._truth_file.exists() else []
        for name, (image, *same) in self._images.items():
            found += [f"{image} and {other} have one name: keep one" for other in same]
            size, of_image = decoded_size(image)
            found += of_image
            if size and self._truth_file.exists() and not of_truth:
                found += problem_of(self._points, name, size)
        return found + of_truth

    def extra(self) -> list[str]:
        """Lines of categories.csv of regions that are not there."""
        return [
            f"{self._category_file} names {name}, of which there is no image"
            for name in self._categories
            if name not in self._images
        ]

    def _check(self) -> None:
        if not self.path.is_dir():
            raise UserError(self.no_folder)
        if not self._images:
            raise UserError(
                f"{self.path} holds no image, nor does {self.path / 'images'}, so it is not {self.name}. "
                f"{self.how_to_get}"
            )

    @property
    def _category_file(self) -> Path:
        return self.path / "categories.csv"

    @property
    def _truth_file(self) -> Path:
        return self.path / "truth.csv"

    @cached_property
    def _images(self) -> dict[str, list[Path]]:
        folder = self.path / "images"
        return by_name(folder if folder.is_dir() else self.path, SUFFIXES)

    @cached_property
    def _categories(self) -> dict[str, str]:
        file = self._category_file
        return read_categories(file, CATEGORIES) if file.exists() else {}

    @cached_property
    def _truth(self) -> PointTable:
        """All points, the image of each as its class. Raises UserError naming the line."""
        file = self._truth_file
        table = read_points(file, {"class": "image_id"})
        names = [without_ending(word) for word in table.classes or ()]
        for name, line in zip(names, table.lines, strict=True):
            if name not in self._images:
                raise UserError(f"{file}, line {line}: there is no region {name} in {self.path}")
        return PointTable(table.points, names, table.lines)

    def _points(self, name: str, size: tuple[int, int]) -> NDArray[np.float32]:
        """The points of a region of `size` (H, W). Raises UserError for one outside, and for one twice."""
        table = self._truth
        own = table.kept(np.array([word == name for word in table.classes or ()], dtype=bool))
        first: NDArray[np.bool_] = np.zeros(len(own.points), bool)
        first[np.unique(own.points, axis=0, return_index=True)[1]] = True
        for wrong, why in (
            (own.outside(size), f"the point lies outside {name}, {size[0]} x {size[1]} px (rows x columns)"),
            (~first, f"{name} has this point already: keep one"),
        ):
            if wrong.any():
                raise UserError(f"{self._truth_file}, line {own.lines[int(wrong.argmax())]}: {why}")
        return own.points

    def _item(self, name: str) -> Item:
        return Item(name, group=name, category=self._categories.get(name))
