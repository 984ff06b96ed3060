"""What may lie beside a folder of images, file by file: labels, masks, points, regions and drawings."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.data import drawings, drawn_companions
from maskless.data.conventions import Conventions, Size
from maskless.data.images import SUFFIXES, read_binary, read_labels
from maskless.data.label_images import UNKNOWN
from maskless.data.placed_points import placed, remarks_on
from maskless.data.points_csv import PointTable, has_classes, read_points
from maskless.data.wrapped_ids import ids_of_several_nuclei
from maskless.signals import IGNORE, Signal

_Signals = dict[Signal, Any]


def _nothing(*_: Any) -> list[str]:
    return []


def _nothing_stated(_: Path) -> None:
    return None


@dataclass(frozen=True)
class Companion:
    """One kind of file beside the images: in a folder of its own, under its image's name.

    `what` is one of them in a sentence, `endings` those of its files; `mark` may stand at the end of the name
    ('_label'). `given_by(path, conventions)` are the signals that a file holds, and never fails;
    `uneven(given)`, of the files of all images, a sentence for each that holds less than others.
    `read(path, size, conventions, wanted)` gives the wanted ones of these, raising UserError, and others;
    `remarks(path, image, conventions)` is a sentence for each thing that is worth a look. `stated_mpp(path)`
    is the pixel spacing in µm/px that a file states, raising UserError for what cannot be one.
    """

    folder: str
    what: str
    endings: frozenset[str]
    mark: str
    given_by: Callable[[Path, Conventions], frozenset[Signal]]
    read: Callable[[Path, Size, Conventions, Collection[Signal]], _Signals]
    uneven: Callable[[Mapping[Path, frozenset[Signal]]], list[str]] = _nothing
    remarks: Callable[[Path, NDArray[np.uint8], Conventions], list[str]] | None = None
    stated_mpp: Callable[[Path], float | None] = _nothing_stated

    def files(self, root: Path, images: Mapping[str, object]) -> dict[str, list[Path]]:
        """The files by the name of their image (their own, if there is no such image), one or more a name."""
        by_image: dict[str, list[Path]] = defaultdict(list)
        for stem, files in by_name(root / self.folder, self.endings).items():
            by_image[stem if stem in images else stem.removesuffix(self.mark)] += files
        return dict(by_image)

    def missing(self, root: Path, images: Mapping[str, Sequence[Path]]) -> list[str]:
        """A sentence for each image that has none."""
        found = self.files(root, images)
        rule = f"{self.folder} are for all images, or for none: then without the folder"
        return [
            f"{image.name} has no {self.what} in {root / self.folder} ({rule})"
            for name, (image, *_) in images.items()
            if name not in found
        ]

    def unread(self, root: Path) -> list[str]:
        """A sentence for each file in the folder that is of another kind, but for hidden ones."""
        return [
            f"{file} is not read: {self.folder} are {', '.join(sorted(self.endings))}"
            for file in sorted((root / self.folder).iterdir())
            if file.is_file() and not file.name.startswith(".") and file.suffix.lower() not in self.endings
        ]


def by_name(folder: Path, endings: frozenset[str]) -> dict[str, list[Path]]:
    """The files straight in a folder with one of the endings, by name without ending, sorted by name.

    What is compressed has two endings, and is named without either.
    """
    if not folder.is_dir():
        return {}
    files: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in endings and not file.name.startswith(".") and file.is_file():
            files[Path(file.stem).stem if file.suffix.lower() == ".gz" else file.stem].append(file)
    return dict(sorted(files.items()))


def _points(path: Path, size: Size, conventions: Conventions) -> PointTable:
    return placed(path, read_points(path, conventions.columns), size)


def _read_points(path: Path, size: Size, conventions: Conventions, _: Collection[Signal]) -> _Signals:
    """Classes go by the row of the points."""
    table = _points(path, size, conventions)
    classes = {k: conventions.named(word) for k, word in enumerate(table.classes or ())}
    return {Signal.POINTS: table.points, Signal.CLASSES: classes}


def _remarks_on_points(path: Path, image: NDArray[np.uint8], conventions: Conventions) -> list[str]:
    return remarks_on(path, read_points(path, conventions.columns), image)


def _given_by_points(path: Path, conventions: Conventions) -> frozenset[Signal]:
    return frozenset({Signal.POINTS, *[Signal.CLASSES] * has_classes(path, conventions.columns)})


def _without_classes(given: Mapping[Path, frozenset[Signal]]) -> list[str]:
    without = [file for file, signals in given.items() if Signal.CLASSES not in signals]
    some = len(without) < len(given)
    return [f"{file} has no column class, though other points have one" for file in without if some]


def _read_labels(path: Path, size: Size, conventions: Conventions, _: Collection[Signal]) -> _Signals:
    labels = read_labels(path, size, conventions.ignore)
    known = labels != UNKNOWN
    return {Signal.INSTANCES: np.where(known, labels, np.int32(0)), Signal.REGION: known.astype(np.uint8)}


def _remarks_on_labels(path: Path, image: NDArray[np.uint8], conventions: Conventions) -> list[str]:
    labels = np.maximum(read_labels(path, image.shape[:2], conventions.ignore), 0)
    if not (several := ids_of_several_nuclei(labels)):
        return []
    most = max(several, key=lambda identity: several[identity])
    return [
        f"{path}: {len(several)} of its {len(np.unique(labels[labels > 0]))} ids lie in several nuclei each, "
        f"far apart (id {most} in {several[most]} places): they may have wrapped in 8 bits (257 became 1), "
        "been given twice, or be classes; an id is one nucleus"
    ]


def _read_mask(path: Path, size: Size, conventions: Conventions, _: Collection[Signal]) -> _Signals:
    mask = read_binary(path, size, conventions.ignore)
    known = mask != IGNORE
    return {Signal.MASK: np.where(known, mask, np.uint8(0)), Signal.REGION: known.astype(np.uint8)}


def _read_region(path: Path, size: Size, _: Conventions, __: Collection[Signal]) -> _Signals:
    return {Signal.REGION: read_binary(path, size)}


def _gives(signal: Signal) -> Callable[[Path, Conventions], frozenset[Signal]]:
    """A file that holds one signal; and, where a value says that nothing is known, a region."""
    return lambda _, conventions: frozenset({signal, *[Signal.REGION] * (conventions.ignore is not None)})


#: All kinds there are.
COMPANIONS = (
    Companion(
        "labels",
        "label image",
        SUFFIXES,
        "_label",
        _gives(Signal.INSTANCES),
        _read_labels,
        remarks=_remarks_on_labels,
    ),
    Companion("masks", "mask", SUFFIXES, "_mask", _gives(Signal.MASK), _read_mask),
    Companion(
        "points",
        "points",
        frozenset({".csv"}),
        "_points",
        _given_by_points,
        _read_points,
        _without_classes,
        _remarks_on_points,
    ),
    Companion("regions", "region", SUFFIXES, "_region", _gives(Signal.REGION), _read_region),
    Companion(
        "annotations",
        "drawing",
        drawings.ENDINGS,
        "_annotations",
        drawn_companions.given_by,
        drawn_companions.read,
        drawn_companions.uneven,
        drawn_companions.remarks,
        drawn_companions.stated_mpp,
    ),
)
