"""DeepLIIF: Ki67 immunohistochemistry with every nucleus outlined, positive or negative."""

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import watershed

from maskless.data.checks import problem_of
from maskless.data.derive import complete, to_read
from maskless.data.images import read_image
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

#: A part's folder in the sample of the repository, and in the published set.
_FOLDERS = {
    "train": ("train", "DeepLIIF_Training_Set"),
    "val": ("val", "DeepLIIF_Validation_Set"),
    "test": ("test", "DeepLIIF_Testing_Set"),
}
_N_PANELS = 6
_BACKGROUND, _POSITIVE, _NEGATIVE, _BOUNDARY = range(4)
_OF_CHANNEL = np.array([_POSITIVE, _BOUNDARY, _NEGATIVE], np.uint8)  # red, green, blue
_CLASSES = {_POSITIVE: "positive", _NEGATIVE: "negative"}
#: A colour farther from all four than half the way between two of them is none of them.
_COLOUR_TOLERANCE = 128
_ODD_SHARE = 0.01
#: Smaller blobs are slips of the pen and traces of compression.
_SMALLEST_BLOB_PX = 20
#: The drawn boundary is 3 to 5 px wide. Farther green is the outline of a nucleus that was left empty.
_BOUNDARY_PX = 6
#: What a split ends with in whose truth the boundary is background.
_BLOBS = "_blobs"


class DeepLIIF(Source):
    """Ki67 IHC of lung and bladder at 40x, 512x512 px, every nucleus outlined and positive or negative.

    What: strips of six square panels side by side, of the same tissue: IHC, haematoxylin, DAPI, LAP2beta,
    Ki67 marker, segmentation. Read are the first, which is the image, and the last, which is the truth: red
    inside a positive nucleus, blue inside a negative one, green on the boundary, black elsewhere. The truth
    was drawn on immunofluorescence of the same section and does not fit every IHC panel: of the sample's
    training strips it lies 6 px (Bladder1) and 9 px (Lung1) off the nuclei, of its test strips 1 px. It is
    read as published. µm/px is not stated: 0.25 is nominal for 40x.

    Layout, that of the published set or that of the sample in the repository::

        DeepLIIF_Training_Set/NAME.png      or train/NAME.png             3072x512 px, RGB, 8 bits
        DeepLIIF_Validation_Set/NAME.png    or val/NAME.png
        DeepLIIF_Testing_Set/NAME.png       or test/NAME.png
        test_groundtruth/NAME.png           a truth of its own, 512x512 px, if a test strip has none

    Any square panel will do. In the sample, a test strip repeats its IHC panel six times.

    Instances: a nucleus is a blob, red or blue pixels that touch along a side, at least 20 of them, and the
    green around it, up to 6 px from the blob; green between two blobs goes to the nearer one. Smaller blobs
    are nothing by themselves. Its class is its blob's colour. Colours need not be pure: the nearest of the
    four counts, and a file in which more than 1 % of the pixels are near none of them is refused.

    Splits: 'official' has the parts that are there; the published set is 575 / 91 / 598. 'all' has every
    strip in its test part, to score a model that has learnt from other images. 'official_blobs' and
    'all_blobs' are the same images with another truth, that of Le Bescond et al. (2022): a nucleus is its
    blob alone and the boundary is background, which takes a third off its area. Figures of the two do not
    compare. Neither names nor owners say which strips are of one slide, so each is a patient of its own.

    Licence: CC BY 4.0 (the published set's record); of the repository with the sample, Apache 2.0 with
    Commons Clause (not for sale). How to get: the three DeepLIIF_*_Set.zip of
    https://zenodo.org/records/4751737, unpacked in one folder named deepliif; for four fields alone, the
    folder Datasets/Sample_Dataset of https://github.com/nadeemlab/DeepLIIF.

    Citation: Ghahremani et al., Deep learning-inferred multiplex immunofluorescence for immunohistochemical
    image quantification, Nature Machine Intelligence 4, 2022.
    """

    name: ClassVar[str] = "deepliif"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES, Signal.CLASSES})
    staining = "IHC"
    licence: ClassVar[str] = "CC BY 4.0 (the repository's sample: Apache 2.0 with Commons Clause)"
    how_to_get: ClassVar[str] = (
        "Unpack DeepLIIF_Training_Set.zip, DeepLIIF_Validation_Set.zip and DeepLIIF_Testing_Set.zip of "
        "https://zenodo.org/records/4751737 in one folder and name it deepliif."
    )
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official', 'all' with every strip in the test part, and both without the boundary."""
        self._check()
        official: dict[str, tuple[Item, ...]] = {
            part: tuple(_item(name) for name, (of, _) in self._strips.items() if of == part) for part in PARTS
        }
        everything = tuple(item for part in PARTS for item in official[part])
        splits = {"official": Split(official), "all": Split({"train": (), "val": (), "test": everything})}
        return splits | {f"{name}{_BLOBS}": split for name, split in splits.items()}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """A strip is decoded once for all of its signals. Classes go by the ids of the instances."""
        stored = to_read(signals, self.may_offer)
        sample = Sample(item, mpp=self.mpp, power=self.power)
        files = self.files(item)
        panels = read_panels(files[0]) if stored else []
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = np.ascontiguousarray(panels[0])
        if stored & {Signal.INSTANCES, Signal.CLASSES}:
            boundary_px = 0 if self.reading else _BOUNDARY_PX
            instances, classes = nuclei(_truth(panels, *files), boundary_px)
            sample.signals |= {Signal.INSTANCES: instances, Signal.CLASSES: classes}
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The strip, and its truth if that is a file of its own."""
        part, strip = self._strips[item.id]
        truth = self.path / f"{part}_groundtruth" / strip.name
        return [strip, truth] if truth.exists() else [strip]

    @property
    def reading(self) -> str:
        """'blobs' where a nucleus is without its boundary."""
        return "blobs" if self.split.endswith(_BLOBS) else ""

    def problems(self) -> list[str]:
        """Strips and truths that are damaged, of another shape or in other colours. Decodes all."""
        found = self._structure
        for name in self._strips if not found else ():
            files = self.files(_item(name))
            found += problem_of(lambda files: _truth(read_panels(files[0]), *files), files)
        return found

    def extra(self) -> list[str]:
        """Truths of no strip."""
        known = {file for name in self._strips for file in self.files(_item(name))}
        truths = [file for part in PARTS for file in _pngs(self.path / f"{part}_groundtruth")]
        return [f"{file} is extra: no strip has its name" for file in truths if file not in known]

    def _check(self) -> None:
        if self._structure:
            raise UserError(" ".join(self._structure))

    @property
    def _structure(self) -> list[str]:
        """What keeps the folder from being read as this set, before any file of it is opened."""
        if not self.path.is_dir():
            return [self.no_folder]
        twice = [names for names in _FOLDERS.values() if all((self.path / name).is_dir() for name in names)]
        if twice:
            return [f"{self.path} holds both {sample}/ and {full}/: keep one" for sample, full in twice]
        if not self._strips:
            known = ", ".join(f"{name}/" for names in _FOLDERS.values() for name in names)
            return [
                f"{self.path} holds no PNG in any of {known}, so it is not {self.name}. {self.how_to_get}"
            ]
        return []

    @cached_property
    def _strips(self) -> dict[str, tuple[str, Path]]:
        """The part and the file of each strip, by its name; with its part before it where two are alike."""
        files = [
            (part, file)
            for part, names in _FOLDERS.items()
            for name in names
            for file in _pngs(self.path / name)
        ]
        count = Counter(file.stem for _, file in files)
        return {
            file.stem if count[file.stem] == 1 else f"{part}_{file.stem}": (part, file)
            for part, file in files
        }


def read_panels(path: Path) -> list[NDArray[np.uint8]]:
    """The six square panels of a strip, uint8 (H, H, 3), RGB, from left to right. Raises UserError."""
    strip = read_image(path)
    height, width, _ = strip.shape
    if width != _N_PANELS * height:
        raise UserError(
            f"{path} is {height} x {width} px (rows x columns), where six square panels side by side are "
            f"expected: {height} x {_N_PANELS * height} px"
        )
    return [strip[:, k * height : (k + 1) * height] for k in range(_N_PANELS)]


def colour_codes(truth: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """Which of the four colours each pixel is nearest to, uint8 (H, W): 0 black, 1 red, 2 blue, 3 green.

    `truth` is uint8 (H, W, 3), RGB. Raises UserError, naming `path` and the first place, if more than 1 % of
    the pixels are 128 grey levels or more (Euclidean) from all four.
    """
    # |x - c|^2 = |x|^2 + 255^2 - 2 * 255 x_c for a colour with 255 in channel c alone, |x|^2 for black: so
    # the strongest channel is the nearest colour, if it reaches 128, and else black is.
    strongest = truth.argmax(axis=-1)
    value = np.take_along_axis(truth, strongest[..., None], axis=-1)[..., 0].astype(np.int32)
    coloured = value >= 128
    squared = (truth.astype(np.int32) ** 2).sum(-1) + np.where(coloured, 255**2 - 2 * 255 * value, 0)
    odd = squared >= _COLOUR_TOLERANCE**2
    if odd.mean() > _ODD_SHARE:
        row, column = np.argwhere(odd)[0].tolist()
        raise UserError(
            f"the truth in {path} is not drawn in red, blue, green and black: {odd.mean():.0%} of its pixels "
            f"are near none of them, the first at row {row}, column {column} "
            f"{tuple(truth[row, column].tolist())}"
        )
    return np.where(coloured, _OF_CHANNEL[strongest], np.uint8(_BACKGROUND))


def nuclei(codes: NDArray[np.uint8], boundary_px: float) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Ids from 1, int32 (H, W), and the class of each, from `colour_codes`, uint8 (H, W).

    A nucleus is a blob and the paint within `boundary_px` of it; 0 leaves the blob alone. The rule is in the
    docstring of `DeepLIIF`.
    """
    blobs = label(np.where(codes == _BOUNDARY, _BACKGROUND, codes), background=_BACKGROUND, connectivity=1)
    size = np.bincount(blobs.ravel())
    kept = size >= _SMALLEST_BLOB_PX
    kept[0] = False
    ids = np.cumsum(kept) * kept
    blobs = ids[blobs].astype(np.int32)
    if not kept.any():
        return blobs, {}
    distance_px = ndimage.distance_transform_edt(blobs == 0)
    # The flood rises with the distance, so two blobs meet halfway; what it cannot reach stays background.
    paint = (codes != _BACKGROUND) & (distance_px <= boundary_px)
    instances = watershed(distance_px, blobs, mask=paint).astype(np.int32)
    first = np.unique(blobs, return_index=True)[1]
    colours = codes.ravel()[first[-int(kept.sum()) :]]
    return instances, {k: _CLASSES[int(colour)] for k, colour in enumerate(colours, start=1)}


def _truth(panels: list[NDArray[np.uint8]], strip: Path, file: Path | None = None) -> NDArray[np.uint8]:
    """The colour codes of a strip's truth: from its own file, if it has one, else from the last panel."""
    if file is None:
        if np.array_equal(panels[0], panels[-1]):
            raise UserError(
                f"{strip} has no truth: its last panel repeats its first, and there is no "
                f"{strip.parent.name}_groundtruth/{strip.name}"
            )
        return colour_codes(panels[-1], strip)
    truth = read_image(file)
    if truth.shape != panels[0].shape:
        raise UserError(
            f"{file} is {truth.shape[0]} x {truth.shape[1]} px (rows x columns), but a panel of its strip is "
            f"{panels[0].shape[0]} x {panels[0].shape[1]} px"
        )
    return colour_codes(truth, file)


def _item(name: str) -> Item:
    return Item(name, group=name)


def _pngs(folder: Path) -> list[Path]:
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in files if file.suffix.lower() == ".png" and not file.name.startswith("."))
