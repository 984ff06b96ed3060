"""Warwick HER2: patches of breast cancer slides, and the nuclei that a pathologist drew on 68 of them."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, read_binary, read_image
from maskless.data.source import Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal, with_derived

_ENDINGS = frozenset({".png"})
_TRAIN, _TEST, _MASKS = "train", "test", "test_masks"
#: What parts the slide from the patch in a name.
_MARK = "-roi_"


class WarwickHER2(Source):
    """HER2 IHC of breast cancer, as Le Bescond et al. (2022) cut it: patches to learn from, and a test set.

    What: 700 patches of 512x512 px of 50 slides with no annotation, and 68 of 256x256 px of 34 other slides,
    on which a pathologist drew 1,210 nuclei; one (62-roi_1) has none. The drawings are masks: a nucleus is
    what hangs together in one, corners included.

    Layout, each folder of which may be missing::

        train/SLIDE-roi_K.png         RGB, 8 bits
        test/SLIDE-roi_K.png          RGB, 8 bits
        test_masks/SLIDE-roi_K.png    grey, 0 and 255, under the name of its patch

    The masks are public, the slides are not. What is offered follows from what is there: of masks alone no
    image, so that they serve as masks of another stain, `prior=warwick_her2 prior.split=all_train`; of
    patches alone no nuclei. With both, a training patch still has no nuclei to be read.

    The slides were scanned at 40x on a Hamamatsu NanoZoomer; 0.25 µm/px is nominal.

    Splits: 'official' has the patches of train/ and those of test/, and no validation part. 'all_train' has
    all that was drawn in its training part, with its patches or without, and nothing else.

    Licence: the masks are under the MIT licence of their repository; of the slides nothing may be passed on
    without their owners' permission. How to get: test_masks/ is datasets/Warwick_test_set of
    https://github.com/loic-lb/Unsupervised-Nuclei-Segmentation-using-Spatial-Organization-Priors. Ask for
    the slides at https://warwick.ac.uk/fac/cross_fac/tia/data/her2contest; the repository's scripts extract
    the patches, and `maskless choose` chooses among them.

    Citation: Qaiser et al., HER2 challenge contest: a detailed assessment of automated HER2 scoring
    algorithms in whole slide images of breast cancer tissues, Histopathology 72(2), 2018. For the patches and
    masks: Le Bescond et al., Unsupervised Nuclei Segmentation using Spatial Organization Priors, MICCAI 2022.
    """

    name: ClassVar[str] = "warwick_her2"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES})
    staining = "IHC"
    licence: ClassVar[str] = "masks: MIT; patches: not to be passed on without the slides' owners' permission"
    how_to_get: ClassVar[str] = (
        "Name datasets/Warwick_test_set of "
        "https://github.com/loic-lb/Unsupervised-Nuclei-Segmentation-using-Spatial-Organization-Priors "
        "warwick_her2/test_masks; ask the owners for the slides at "
        "https://warwick.ac.uk/fac/cross_fac/tia/data/her2contest, and put their patches in "
        "warwick_her2/train and warwick_her2/test."
    )
    where_some_lack: ClassVar[str] = "dataset.split=all_train learns from the patches that were drawn on"
    mpp = 0.25
    power = 40.0

    @property
    def offers(self) -> frozenset[Signal]:
        """What is there of images and masks, and what follows from the latter."""
        self._check()
        return with_derived(self._stored)

    def offers_of(self, item: Item) -> frozenset[Signal]:
        """What `read` can give of one item: a training patch has no nuclei, a mask alone no image."""
        there = {Signal.IMAGE: self._patch(item), Signal.INSTANCES: self._masks.get(item.id)}
        return with_derived({signal for signal, file in there.items() if file})

    def splits(self) -> Mapping[str, Split]:
        """'official', of the patches that are there; and 'all_train', of the masks."""
        self._check()
        official = {"train": _items(self._train), "val": (), "test": _items(self._test)}
        drawn = {"train": _items(self._masks), "val": (), "test": ()}
        return {"official": Split(official), "all_train": Split(drawn)}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """A mask is checked against the size of its patch. What an item does not have is a UserError."""
        patch, mask = self._patch(item), self._masks.get(item.id)
        stored = to_read(signals, self.may_offer)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        if Signal.IMAGE in stored:
            if patch is None:
                raise UserError(
                    f"{mask} is the mask of a patch that is not there. {_missing_patches(self.path)}"
                )
            sample.signals[Signal.IMAGE] = read_image(patch)
        if Signal.INSTANCES in stored:
            if mask is None:
                raise UserError(
                    f"{patch} has no mask: nuclei were drawn on test patches alone, which "
                    "split=all_train has in its training part"
                )
            sample.signals[Signal.INSTANCES] = nuclei(mask, image_size(patch) if patch else None)
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The patch and the mask, as far as they are there."""
        return [file for file in (self._patch(item), self._masks.get(item.id)) if file]

    def problems(self) -> list[str]:
        """Odd names, masks and test patches without each other, files that are damaged. Decodes all."""
        if found := problem_of(self._check):
            return found
        drawn_or_test = {**self._masks, **self._test}
        found = [
            f"{file} has no {_MARK!r} in its name, before which the slide stands"
            for file in [*self._train.values(), *drawn_or_test.values()]
            if _MARK not in file.name
        ]
        found += [
            f"{file} is a training patch, but {drawn_or_test[name]} has its name: no slide is in both"
            for name, file in self._train.items()
            if name in drawn_or_test
        ]
        if self._test and self._masks:
            found += [f"{self._test[n]} has no mask in {_MASKS}/" for n in self._test if n not in self._masks]
            found += [
                f"{self._masks[n]} has no patch in {_TEST}/" for n in self._masks if n not in self._test
            ]
        for file in self._train.values():
            found += decoded_size(file)[1]
        for item in _items(drawn_or_test):
            size, of_image = decoded_size(self._test[item.id]) if item.id in self._test else (None, [])
            found += of_image + (
                problem_of(nuclei, self._masks[item.id], size) if item.id in self._masks else []
            )
        return found

    def extra(self) -> list[str]:
        """Which of the three folders are missing, why, and what can be done without them."""
        found = [] if self._train and self._test else [_missing_patches(self.path, self._train, self._test)]
        if not self._masks:
            found.append(
                f"{self.path} has no {_MASKS}/, so nothing can be scored: it is datasets/Warwick_test_set of "
                "the repository named below"
            )
        return found

    def _check(self) -> None:
        if not self.path.is_dir():
            raise UserError(self.no_folder)
        if not self._stored:
            raise UserError(
                f"{self.path} holds no PNG in {_TRAIN}/, {_TEST}/ or {_MASKS}/, so it is not {self.name}. "
                f"{self.how_to_get}"
            )

    @property
    def _stored(self) -> frozenset[Signal]:
        there = {Signal.IMAGE: self._train or self._test, Signal.INSTANCES: self._masks}
        return frozenset(signal for signal, files in there.items() if files)

    @cached_property
    def _train(self) -> dict[str, Path]:
        return _files(self.path / _TRAIN)

    @cached_property
    def _test(self) -> dict[str, Path]:
        return _files(self.path / _TEST)

    @cached_property
    def _masks(self) -> dict[str, Path]:
        return _files(self.path / _MASKS)

    def _patch(self, item: Item) -> Path | None:
        return self._test.get(item.id) or self._train.get(item.id)


def nuclei(mask: Path, size: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """What hangs together in a mask, corners included, numbered from 1 in reading order: int32 (H, W).

    `size` is the (H, W) of its patch in px, if that is there. Raises UserError as `read_binary` does.
    """
    labels, _ = ndimage.label(read_binary(mask, size), np.ones((3, 3)), output=np.int32)
    return labels


def _missing_patches(path: Path, train: Collection[str] = (), test: Collection[str] = ()) -> str:
    folders = " and ".join(f"{name}/" for name, there in ((_TRAIN, train), (_TEST, test)) if not there)
    return (
        f"{path} has no patches in {folders}, because the slides need their owners' permission "
        "(https://warwick.ac.uk/fac/cross_fac/tia/data/her2contest); masks alone can be learnt from as those "
        "of another stain, prior=warwick_her2 prior.split=all_train"
    )


def _files(folder: Path) -> dict[str, Path]:
    """The PNGs of a folder by name without ending, sorted."""
    return {name: files[0] for name, files in by_name(folder, _ENDINGS).items()}


def _items(names: Collection[str]) -> tuple[Item, ...]:
    """The slide, before the mark in a name, is the group."""
    return tuple(Item(name, group=name.partition(_MARK)[0]) for name in sorted(names))
