"""All that lies beside the images of a folder, kind by kind, as one annotation of each image."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from maskless.data.checks import problem_of
from maskless.data.companions import COMPANIONS, Companion
from maskless.data.conventions import Conventions, Size
from maskless.data.images import read_image
from maskless.errors import UserError, did_you_mean
from maskless.signals import Signal

_Given = frozenset[Signal]
#: What only one kind of file may say.
_ONCE = (Signal.INSTANCES, Signal.POINTS)


class Beside:
    """The files beside `images`, which are by name, in the folders of COMPANIONS that are there in `root`."""

    def __init__(self, root: Path, images: Mapping[str, list[Path]], conventions: Conventions) -> None:
        self.root, self.images, self.conventions = root, images, conventions

    @cached_property
    def files(self) -> dict[Companion, dict[str, list[Path]]]:
        """The files of each kind whose folder is there, by the name of their image; two of one are wrong."""
        there = [companion for companion in COMPANIONS if (self.root / companion.folder).is_dir()]
        return {companion: companion.files(self.root, self.images) for companion in there}

    def of(self, name: str) -> dict[Companion, Path]:
        """The files of an image, by kind."""
        return {companion: files[name][0] for companion, files in self.files.items() if name in files}

    @property
    def gives(self) -> frozenset[Signal]:
        """The signals that all files together hold."""
        return frozenset[Signal]().union(*self._given.values())

    def read(self, name: str, size: Size, wanted: Collection[Signal]) -> dict[Signal, Any]:
        """The wanted signals of an image of `size` (H, W), of those that are given. Its region is what all
        files say is known. Raises UserError for a file that cannot be read."""
        found: dict[Signal, Any] = {}
        for companion, file in self.of(name).items():
            taken = self._given[companion] & set(wanted)
            made = companion.read(file, size, self.conventions, taken) if taken else {}
            for signal in taken:
                known_before = signal is Signal.REGION and signal in found
                found[signal] = found[signal] & made[signal] if known_before else made[signal]
        return found

    def stated_mpp(self, name: str) -> float | None:
        """The pixel spacing in µm/px that a file of an image states. Raises UserError for what is none."""
        return next((mpp for kind, file in self.of(name).items() if (mpp := kind.stated_mpp(file))), None)

    def structure(self) -> list[str]:
        """What keeps the files from being read together, a sentence each."""
        found = [problem for kind in self.files for problem in kind.missing(self.root, self.images)]
        found += [problem for kind, given in self._given_by_file.items() for problem in kind.uneven(given)]
        for signal in _ONCE:
            folders = [companion.folder for companion, given in self._given.items() if signal in given]
            if len(folders) > 1:
                found.append(f"{self.root} has {signal} in {' and in '.join(folders)}: keep one of them")
        return found

    def problems(self, name: str, size: Size) -> list[str]:
        """What is wrong with the files of an image, each read whole."""
        return [
            problem
            for companion, file in self.of(name).items()
            for problem in problem_of(companion.read, file, size, self.conventions, frozenset(Signal))
        ]

    def extra(self) -> list[str]:
        """Files beside no image, files that are not read, and what is worth a look in the others."""
        found = [
            f"{file} is extra: no image has its name{did_you_mean(name, self.images)}"
            for by_image in self.files.values()
            for name, files in by_image.items()
            if name not in self.images
            for file in files
        ]
        found += [sentence for companion in self.files for sentence in companion.unread(self.root)]
        for name, (image, *_) in self.images.items():
            for companion, file in self.of(name).items():
                if companion.remarks is not None:
                    found += _remarks(companion, file, image, self.conventions)
        return found

    @cached_property
    def _given(self) -> dict[Companion, _Given]:
        """The signals that are taken from each kind of file. Classes go by ids, where there are ids."""
        given = {kind: _Given().union(*files.values()) for kind, files in self._given_by_file.items()}
        if any(Signal.INSTANCES in signals for signals in given.values()):
            return {k: s if Signal.INSTANCES in s else s - {Signal.CLASSES} for k, s in given.items()}
        return given

    @cached_property
    def _given_by_file(self) -> dict[Companion, dict[Path, _Given]]:
        """The signals that the file of each image holds, by kind."""
        return {
            companion: {
                files[0]: companion.given_by(files[0], self.conventions)
                for name, files in by_image.items()
                if name in self.images
            }
            for companion, by_image in self.files.items()
        }


def _remarks(companion: Companion, file: Path, image: Path, conventions: Conventions) -> list[str]:
    assert companion.remarks is not None
    try:
        return companion.remarks(file, read_image(image), conventions)
    except UserError:  # listed among the problems
        return []
