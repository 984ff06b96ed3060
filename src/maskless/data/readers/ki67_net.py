"""Ki67 PNET: pancreatic neuroendocrine tumours, a proximity map a class whose peaks are the nuclei."""

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.data.checks import decoded_size, problem_of
from maskless.data.derive import complete, to_read
from maskless.data.images import image_size, read_image
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

#: A class by what its folder of maps ends with.
_CLASSES = {"postm": "positive", "negtm": "negative", "other": "other"}
_PEAK = 255


class Ki67Net(Source):
    """Ki67 IHC of pancreatic neuroendocrine tumours, a point a nucleus: positive, negative or other.

    What: the one field of 596x596 px that the owners' repository holds, 66 positive and 769 negative tumour
    nuclei and 38 others. A nucleus is about 10 px across, as at 20x; µm/px is not stated, 0.5 is nominal.

    Layout::

        images/PART/NAME.png                    RGB, 8 bits; PART is train, val or test
        labels_postm/PART/NAME_label.png        grey, 8 bits: positive tumour
        labels_negtm/PART/NAME_label.png        negative tumour
        labels_other/PART/NAME_label.png        not tumour

    A label is a proximity map, 255 at the centre of a nucleus and less around it. Neighbouring maps run
    together, so a centre is a pixel of 255 and not a blob. Other folders (rois/) are not read.

    Splits: 'official' has the images of the folders train, val and test; 'all' has every image in its test
    part. An image of one name in two folders is the same patient, so the repository's split, whose field
    stands in train and test, is leaky.

    Licence: none stated; ask the owners before you publish anything of it. How to get: the folder
    datasets/PNET of https://github.com/exhh/KiNet, named ki67_net.

    Citation: Xing et al., Pixel-to-pixel Learning with Weak Supervision for Single-stage Nucleus Recognition
    in Ki67 Images, IEEE Transactions on Biomedical Engineering 66(11), 2019.
    """

    name: ClassVar[str] = "ki67_net"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.POINTS, Signal.CLASSES})
    staining = "IHC"
    licence: ClassVar[str] = "none stated: ask the owners before you publish anything of it"
    how_to_get: ClassVar[str] = (
        "Get the folder datasets/PNET of https://github.com/exhh/KiNet and name it ki67_net."
    )
    mpp = 0.5
    power = 20.0

    def splits(self) -> Mapping[str, Split]:
        """'official', as the folders have it; and 'all', every image in the test part."""
        self._check()
        items = {name: Item(name, group=file.stem) for name, (_, file) in self._images.items()}
        official = {
            part: tuple(items[name] for name, (of, _) in self._images.items() if of == part) for part in PARTS
        }
        everything = tuple(items.values())
        return {"official": Split(official), "all": Split({"train": (), "val": (), "test": everything})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Points are by class, then from the top left. Classes go by the row of the points."""
        image, *maps = self.files(item)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if stored & {Signal.POINTS, Signal.CLASSES}:
            size = image_size(image)
            centres = [peaks(file, size) for file in maps]
            words = [word for word, found in zip(_CLASSES.values(), centres, strict=True) for _ in found]
            sample.signals[Signal.POINTS] = np.concatenate(centres)
            sample.signals[Signal.CLASSES] = dict(enumerate(words))
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image and its three maps: positive, negative, other."""
        part, image = self._images[item.id]
        label = f"{image.stem}_label.png"
        return [image, *(self.path / f"labels_{key}" / part / label for key in _CLASSES)]

    def problems(self) -> list[str]:
        """Images without a map, and files that are damaged or of another size. Decodes all."""
        if found := problem_of(self._check):
            return found
        for name in self._images:
            image, *maps = self.files(Item(name, name))
            size, of_image = decoded_size(image)
            found += of_image + [problem for file in maps for problem in problem_of(peaks, file, size)]
        return found

    def extra(self) -> list[str]:
        """Maps of no image."""
        known = {file for name in self._images for file in self.files(Item(name, name))}
        maps = sorted(self.path.glob("labels_*/*/*.png"))
        return [f"{file} is extra: no image has its name" for file in maps if file not in known]

    def _check(self) -> None:
        if not self.path.is_dir():
            raise UserError(self.no_folder)
        if not self._images:
            raise UserError(
                f"{self.path} holds no PNG in images/train/, images/val/ or images/test/, so it is not "
                f"{self.name}. {self.how_to_get}"
            )

    @cached_property
    def _images(self) -> dict[str, tuple[str, Path]]:
        """The part and the file of each image, by its name; with its part before it where two are alike."""
        files = [
            (part, file) for part in PARTS for file in sorted((self.path / "images" / part).glob("*.png"))
        ]
        count = Counter(file.stem for _, file in files)
        return {
            file.stem if count[file.stem] == 1 else f"{part}_{file.stem}": (part, file)
            for part, file in files
        }


def peaks(path: Path, size: tuple[int, int] | None) -> NDArray[np.float32]:
    """The centres in a proximity map: its pixels of 255, float32 (N, 2), (row, column) in px, row by row.

    `size` is the (H, W) of its image, None if that is not known. Raises UserError for a map that is missing,
    damaged or of another size, that is coloured, or that has values but never reaches 255.
    """
    pixels = read_image(path)
    if size is not None and pixels.shape[:2] != tuple(size):
        raise UserError(
            f"{path} is {pixels.shape[0]} x {pixels.shape[1]} px (rows x columns), but its image is "
            f"{size[0]} x {size[1]} px"
        )
    if (pixels != pixels[..., :1]).any():
        raise UserError(f"{path} holds colours, where a grey map is expected")
    if 0 < pixels.max() < _PEAK:
        raise UserError(
            f"{path} never reaches {_PEAK}, which marks the centres of nuclei: its highest value is "
            f"{pixels.max()}"
        )
    return np.argwhere(pixels[..., 0] == _PEAK).astype(np.float32)
