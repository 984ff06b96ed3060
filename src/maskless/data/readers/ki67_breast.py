"""Ki67 breast: fields of ductal carcinoma in situ, a point a nucleus, positive or negative."""

import csv
import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.data.checks import decoded_size, problem_of
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, read_binary, read_image
from maskless.data.points_csv import PointTable, read_points
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal
from maskless.spacing import spacing_of

_TYPES = {"1": "positive", "2": "negative"}
#: µm/px of a field of scale 1; nobody has stated it, see the docstring of the reader.
_NOMINAL_MPP = 0.25
#: What a field's number leaves, divided by 7: so each part has fields of either scale.
_REMAINDERS = {"train": (1, 2, 4, 6), "val": (5,), "test": (0, 3)}
_NUMBERS = range(3, 31)


class Ki67Breast(Source):
    """Ki67 IHC of ductal carcinoma in situ, a point a nucleus inside an outlined region.

    What: 28 fields with sides of 616 to 3280 px, 4,286 positive and 27,481 negative points, set by hand and
    off the centre by 1 to 3 px. Tissue outside the region is unannotated; inside it a few nuclei have no
    point.

    Layout::

        field_K/base.png        RGB, 8 bits
        field_K/markers.csv     type (1 positive, 2 negative), x (right), y (down), px
        field_K/mask-gt.png     grey or RGB, 255 inside the annotated region, 0 outside
        fields.csv              field, scale (1, or 0.5 for a field stored at half size); more is not read

    K is 3 to 30. Any folder that holds one of the three files is a field, whatever its name.

    Points outside the image (four of field_6) are left out, and of a point that is there twice (one of
    field_14) one is kept; `prepare` counts both. They are no problems: the owners published them so. Points
    that all lie outside are another image's.

    µm/px is not stated. A nucleus is about 22 px across at scale 1, as it is in MultiOrgan at 0.25 µm/px, so
    0.25 is taken for scale 1 and 0.5 for scale 0.5: nominal, but right between the fields, so that a model
    sees nuclei of one size. Without fields.csv no spacing is known; where there is one, it has a line for
    every field. Areas in µm² are nominal too.

    Splits: 'fixed' is ours, 16 / 4 / 8 by number: test is 3, 7, 10, 14, 17, 21, 24, 28 (K mod 7 is 0 or 3),
    val is 5, 12, 19, 26 (K mod 7 is 5), and the rest is train. Each part has a field of scale 1 at least.
    'all' has every field in its test part, 'all_train' in its training part, to learn from images alone what
    is scored elsewhere. No patients are stated: each field is one of its own.

    Licence: none stated; ask the owners before you publish anything of it. How to get: Data/Ki67 of
    https://github.com/AdamDlubak/Ki67 (Part 1, Part 2, Immunoratio - Dataset), brought to the layout above.

    Citation: the repository's; no paper is named there.
    """

    name: ClassVar[str] = "ki67_breast"
    may_offer: ClassVar[frozenset[Signal]] = frozenset(
        {Signal.IMAGE, Signal.POINTS, Signal.CLASSES, Signal.REGION}
    )
    staining = "IHC"
    licence: ClassVar[str] = "none stated: ask the owners before you publish anything of it"
    how_to_get: ClassVar[str] = (
        "The fields are in Data/Ki67 of https://github.com/AdamDlubak/Ki67; put each in a folder of its own "
        "with base.png, markers.csv and mask-gt.png, in a folder named ki67_breast."
    )

    def __init__(
        self, path: str | Path | None = None, data_root: str | Path | None = None, split: str = "fixed"
    ) -> None:
        super().__init__(path, data_root, split)

    def splits(self) -> Mapping[str, Split]:
        """'fixed', of the fields that are there; 'all' and 'all_train', every one in one part."""
        self._check()
        fixed = {part: tuple(_item(name) for name in self._names if _part(name) == part) for part in PARTS}
        everything = tuple(_item(name) for name in self._names)
        return {
            "fixed": Split(fixed),
            "all": Split({"train": (), "val": (), "test": everything}),
            "all_train": Split({"train": everything, "val": (), "test": ()}),
        }

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Classes go by the row of the points. The sample's µm/px is the field's own."""
        image, points, region, *_ = self.files(item)
        scale = self._scale(item.id)
        sample = Sample(item, mpp=None if scale is None else _NOMINAL_MPP / scale)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if stored & {Signal.POINTS, Signal.CLASSES}:
            table = _inside(points, image_size(image))
            sample.signals[Signal.POINTS] = table.points
            sample.signals[Signal.CLASSES] = dict(enumerate(table.classes or ()))
        if Signal.REGION in stored:
            sample.signals[Signal.REGION] = read_binary(region, image_size(image))
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image, the points, the region, and the table of the scales if there is one."""
        field = self.path / item.id
        files = [field / "base.png", field / "markers.csv", field / "mask-gt.png"]
        return [*files, self._table] if self._table.exists() else files

    def problems(self) -> list[str]:
        """Files that are missing, damaged or malformed. Decodes all."""
        if found := problem_of(self._check):
            return found
        found = [problem for name in self._names for problem in problem_of(self._scale, name)]
        found = list(dict.fromkeys(found))  # a table that cannot be read is one problem
        for name in self._names:
            image, points, region, *_ = self.files(_item(name))
            size, of_image = decoded_size(image)
            found += of_image + problem_of(_inside, points, size) + problem_of(read_binary, region, size)
        return found

    def extra(self) -> list[str]:
        """Points that are left out, fields that are in no part, and those that the split would have."""
        found = []
        for name in self._names:
            image, points, *_ = self.files(_item(name))
            table, size = _markers(points), image_size(image)
            kept, n_outside = _cleaned(table, size), int(table.outside(size).sum())
            n_twice = len(table.points) - n_outside - len(kept.points)
            for count, why in ((n_outside, "outside the image"), (n_twice, "there before")):
                if count:
                    found.append(f"{points}: {count} of {len(table.points)} points left out, {why}")
            if _part(name) is None:
                found.append(f"{name} is in no part of 'fixed', which goes by number; 'all' has it")
        absent = [f"field_{k}" for k in _NUMBERS if f"field_{k}" not in self._names]
        if absent:
            found.append(f"'fixed' is 16 / 4 / 8 fields with {', '.join(absent)}, not in {self.path}")
        return found

    def _check(self) -> None:
        if not self.path.is_dir():
            raise UserError(self.no_folder)
        if not self._names:
            raise UserError(
                f"{self.path} holds no folder with base.png, markers.csv and mask-gt.png, so it is not "
                f"{self.name}. {self.how_to_get}"
            )

    @property
    def _table(self) -> Path:
        return self.path / "fields.csv"

    @cached_property
    def _names(self) -> list[str]:
        """The folders that are fields, by number."""
        files = ("base.png", "markers.csv", "mask-gt.png")
        folders = self.path.iterdir() if self.path.is_dir() else ()
        names = [folder.name for folder in folders if any((folder / file).exists() for file in files)]
        return sorted(names, key=lambda name: (_number(name) or 0, name))

    def _scale(self, name: str) -> float | None:
        """The scale of a field; None if there is no table of them. Raises UserError if it lacks the field."""
        if self._table.exists() and name not in self._scales:
            raise UserError(f"{self._table} has no line for {name}, so its scale is unknown")
        return self._scales.get(name)

    @cached_property
    def _scales(self) -> dict[str, float]:
        """The scale of each field, empty if there is no table of them."""
        return _read_scales(self._table) if self._table.exists() else {}


def _read_scales(file: Path) -> dict[str, float]:
    """Scale by field, from a CSV with these two columns. Raises UserError naming line or field."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not {"field", "scale"} <= set(reader.fieldnames or ()):
                raise UserError(f"{file} must have the columns field and scale")
            found: dict[str, float] = {}
            for line in reader:
                field, scale = line["field"], _positive(line["scale"])
                if scale is None:
                    raise UserError(
                        f"{file}, line {reader.line_num}: scale is {line['scale']!r}, where a number above "
                        "0 is expected (1, or 0.5 for half size)"
                    )
                try:
                    spacing_of(_NOMINAL_MPP / scale)
                except UserError as error:
                    raise UserError(f"{file} has the scale {scale:g} for {field}: {error}") from error
                if field in found:
                    raise UserError(f"{file}, line {reader.line_num}: {field} is there already: keep one")
                found[field] = scale
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} is no readable CSV in UTF-8: {error}") from error
    return found


def _positive(cell: str | None) -> float | None:
    try:
        value = float(cell or "")
    except ValueError:
        return None
    return value if 0 < value < np.inf else None


def _markers(file: Path) -> PointTable:
    """All points of a field as they are in its file, classes by name. Raises UserError naming the line."""
    table = read_points(file, {"class": "type"})
    words = table.classes or []
    for word, line in zip(words, table.lines, strict=True):
        if word not in _TYPES:
            raise UserError(f"{file}, line {line}: type is {word!r}, where 1 (positive) or 2 is expected")
    return PointTable(table.points, [_TYPES[word] for word in words], table.lines)


def _inside(file: Path, size: tuple[int, int] | None) -> PointTable:
    """The points of a field that count; all if the size of its image is not known. None inside: UserError."""
    table = _markers(file)
    if size is None:
        return table
    if len(table.points) and table.outside(size).all():
        raise UserError(f"{file} has no point in its image of {size[0]} x {size[1]} px: is it another's?")
    return _cleaned(table, size)


def _cleaned(table: PointTable, size: tuple[int, int]) -> PointTable:
    """Without the points outside an image of `size` (H, W), and without the later ones of points alike."""
    first: NDArray[np.bool_] = np.zeros(len(table.points), bool)
    first[np.unique(table.points, axis=0, return_index=True)[1]] = True
    return table.kept(first & ~table.outside(size))


def _item(name: str) -> Item:
    return Item(name, group=name)


def _number(name: str) -> int | None:
    found = re.fullmatch(r"field_(\d+)", name)
    return int(found[1]) if found else None


def _part(name: str) -> str | None:
    """The part of 'fixed' that a field is in."""
    number = _number(name)
    if number is None or number not in _NUMBERS:
        return None
    return next(part for part, remainders in _REMAINDERS.items() if number % 7 in remainders)
