"""LYON19 with masks: crops of its regions in which stained lymphocytes were outlined with NuClick."""

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskless.classify import POSITIVE
from maskless.data.categories import read_categories
from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.derive import complete, to_read
from maskless.data.images import SUFFIXES, image_size, read_image
from maskless.data.readers.lyon19 import CATEGORIES
from maskless.data.source import Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

#: What is as bright, or brighter, is a nucleus.
_WHITE = 128
#: Greys of JPEG are few: of more pixels than this (a share) between the two limits, it is another picture.
_MOST_GREY, _BLACK_UP_TO, _WHITE_FROM = 0.1, 32, 224
#: A crop is 256 px of a 40x scan (0.25 µm/px, nominal), however large it is stored.
_SIDE_UM = 64.0


class LYON19NuClick(Source):
    """Crops of LYON19's regions (CD3 and CD8 IHC) with the stained lymphocytes outlined.

    What: crops of 256x256 px, of which a public sample has 12, enlarged to 512x512 px, with 86 nuclei; one
    crop has none. **Only stained lymphocytes are drawn**: every instance is positive, and all other nuclei
    are background. So no labelling index follows, and AJI and its kin count every unstained nucleus found as
    wrong; `evaluate ... classify=hsi` scores positive cells, which is what the truth is good for.

    Layout::

        images/ROI_K_M.jpg       RGB, crop M of the region ROI_K
        masks/ROI_K_M.jpg        grey, nuclei white; JPEG, so that edges hold greys
        categories.csv           optional: image_id (ROI_K), category (regular, clustered, artifact)

    Other image formats than JPEG will do. A pixel of 128 or more is of a nucleus. A nucleus is what hangs
    together by the sides of its pixels: two that touch along a side are one, and two that share a corner are
    two.

    µm/px is not stated: 0.25 is nominal for the 256 px of a crop, hence 0.125 for 512 px.

    Splits: 'all' has every crop in its test part, 'all_train' in its training part. The region is the group.

    Licence: the sample's repository is under Apache 2.0; the images are LYON19's, and the annotations' own
    licence is not stated there. How to get: the folder mini_test of the IHC project of
    https://github.com/sarah-antillia/Tensorflow-Image-Segmentation-IHC, named lyon19_nuclick.

    Citation: Alemi Koohbanani et al., NuClick: A deep learning framework for interactive segmentation of
    microscopic images, Medical Image Analysis 65, 2020. For the images, that of `lyon19`.
    """

    name: ClassVar[str] = "lyon19_nuclick"
    staining = "IHC"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES, Signal.CLASSES})
    licence: ClassVar[str] = "repository: Apache 2.0; that of the annotations is not stated"
    how_to_get: ClassVar[str] = (
        "Get the folder mini_test of https://github.com/sarah-antillia/Tensorflow-Image-Segmentation-IHC "
        "(projects, IHC) and name it lyon19_nuclick."
    )
    same_tissue: ClassVar[tuple[str, ...]] = ("lyon19",)

    def __init__(
        self, path: str | Path | None = None, data_root: str | Path | None = None, split: str = "all"
    ) -> None:
        super().__init__(path, data_root, split)

    def splits(self) -> Mapping[str, Split]:
        """'all', with every crop to be scored, and 'all_train', with every one to be learnt from."""
        self._check()
        items = tuple(map(self._item, self._images))
        return {
            "all": Split({"train": (), "val": (), "test": items}),
            "all_train": Split({"train": items, "val": (), "test": ()}),
        }

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Every instance is positive."""
        image, mask, *_ = self.files(item)
        size = image_size(image)
        sample = Sample(item, mpp=_SIDE_UM / size[1])
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if stored & {Signal.INSTANCES, Signal.CLASSES}:
            instances = nuclei(mask, size)
            sample.signals[Signal.INSTANCES] = instances
            sample.signals[Signal.CLASSES] = dict.fromkeys(range(1, int(instances.max()) + 1), POSITIVE)
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image and its mask, and the table of the categories if there is one."""
        if item.id not in self._masks:
            raise UserError(f"{self._images[item.id][0]} has no mask in {self.path / 'masks'}")
        files = [self._images[item.id][0], self._masks[item.id][0]]
        return [*files, self._category_file] if self._category_file.exists() else files

    def problems(self) -> list[str]:
        """Images and masks without each other or of one name, odd names, damaged files. Decodes all."""
        if found := problem_of(self._check):
            return found
        found = problem_of(lambda: self._categories)
        categories = {} if found else self._categories
        for file, *same in [*self._images.values(), *self._masks.values()]:
            found += [f"{file} and {other} have one name: keep one" for other in same]
        found += [
            f"{file} has no image in {self.path / 'images'}"
            for name, (file, *_) in self._masks.items()
            if name not in self._images
        ]
        for name, (image, *_) in self._images.items():
            if _region(name) is None:
                found.append(f"{image} is not called ROI_K_M, of which ROI_K is the region")
            elif categories and _region(name) not in categories:
                found.append(f"{self._category_file} has no line for {_region(name)}")
            size, of_image = decoded_size(image)
            found += of_image
            found += (
                problem_of(nuclei, self._masks[name][0], size)
                if name in self._masks
                else [f"{image} has no mask in {self.path / 'masks'}"]
            )
        return found

    def _check(self) -> None:
        if not self.path.is_dir():
            raise UserError(self.no_folder)
        if not self._images:
            raise UserError(
                f"{self.path / 'images'} holds no image, so {self.path} is not {self.name}. {self.how_to_get}"
            )

    @property
    def _category_file(self) -> Path:
        return self.path / "categories.csv"

    @cached_property
    def _images(self) -> dict[str, list[Path]]:
        return by_name(self.path / "images", SUFFIXES)

    @cached_property
    def _masks(self) -> dict[str, list[Path]]:
        return by_name(self.path / "masks", SUFFIXES)

    @cached_property
    def _categories(self) -> dict[str, str]:
        file = self._category_file
        return read_categories(file, CATEGORIES) if file.exists() else {}

    def _item(self, name: str) -> Item:
        region = _region(name) or name
        return Item(name, group=region, category=self._categories.get(region))


def nuclei(mask: Path, size: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """What hangs together by sides of pixels in a mask with greys, numbered in reading order: int32 (H, W).

    `size` is the (H, W) of its image in px, if that is known. Raises UserError for a mask of another size,
    for colours, and for what is no mask of black and white.
    """
    pixels = read_image(mask)
    grey = pixels[..., 0]
    if size is not None and grey.shape != size:
        raise UserError(
            f"{mask} is {grey.shape[0]} x {grey.shape[1]} px (rows x columns), but its image is "
            f"{size[0]} x {size[1]} px"
        )
    if (pixels != grey[..., None]).any():
        raise UserError(f"{mask} holds colours, but a mask is grey: is it the image?")
    if 0 < grey.max() < _WHITE:
        raise UserError(
            f"{mask} has nothing as bright as {_WHITE}, but values up to {grey.max()}: nuclei are white"
        )
    if ((grey > _BLACK_UP_TO) & (grey < _WHITE_FROM)).mean() > _MOST_GREY:
        raise UserError(f"{mask} is grey in more than a tenth of its pixels, but a mask is black and white")
    return ndimage.label(grey >= _WHITE, output=np.int32)[0]


def _region(name: str) -> str | None:
    found = re.fullmatch(r"(ROI_\d+)_\d+", name)
    return found[1] if found else None
