"""What may lie beside a folder of images, file by file: labels, masks, regions and points."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskless.data.images import SUFFIXES, read_binary, read_labels
from maskless.data.points_csv import PointTable, read_points
from maskless.errors import UserError
from maskless.signals import Signal

#: What `read` takes beside the path: the (H, W) of the image, None where that is not known.
_Size = tuple[int, int] | None


@dataclass(frozen=True)
class Companion:
    """One kind of file beside the images: in a folder of its own, under its image's name.

    `what` is one of them in a sentence, `endings` those of its files; `mark` may stand at the end of the name
    ('_label'). `read(path, size)` reads one, raising UserError.
    """

    signal: Signal
    folder: str
    what: str
    endings: frozenset[str]
    mark: str
    read: Callable[[Path, _Size], Any]

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


def points_inside(path: Path, size: _Size) -> PointTable:
    """The points of a CSV. Raises UserError, naming the line, for one outside an image of `size` (H, W)."""
    table = read_points(path)
    if size is not None and (outside := table.outside(size)).any():
        first = int(outside.argmax())
        row, column = table.points[first].tolist()
        raise UserError(
            f"{path}, line {table.lines[first]}: the point (row {row:g}, column {column:g}) lies outside its "
            f"image of {size[0]} x {size[1]} px (rows x columns)"
        )
    return table


def by_name(folder: Path, endings: frozenset[str]) -> dict[str, list[Path]]:
    """The files straight in a folder with one of the endings, by name without ending, sorted by name."""
    if not folder.is_dir():
        return {}
    files: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in endings and not file.name.startswith(".") and file.is_file():
            files[file.stem].append(file)
    return dict(sorted(files.items()))


#: All kinds there are.
COMPANIONS = (
    Companion(Signal.INSTANCES, "labels", "label image", SUFFIXES, "_label", read_labels),
    Companion(Signal.MASK, "masks", "mask", SUFFIXES, "_mask", read_binary),
    Companion(Signal.POINTS, "points", "points", frozenset({".csv"}), "_points", points_inside),
    Companion(Signal.REGION, "regions", "region", SUFFIXES, "_region", read_binary),
)
