"""MoNuSeg: the multi-organ challenge of 2018, in its own layout of TIFF images and ImageScope polygons."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from maskless.data.barcode import tcga_item
from maskless.data.checks import decoded_size, problem_of
from maskless.data.companions import by_name
from maskless.data.derive import complete, to_read
from maskless.data.drawings import Areas, instances, read_drawing, refuse_elsewhere, remarks_on_outlines
from maskless.data.images import image_size, read_image
from maskless.data.imagescope import microns_per_pixel
from maskless.data.source import Source, Split
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

_TRAINING = "MoNuSeg 2018 Training Data"
_TEST = "MoNuSegTestData"
_IMAGES, _ANNOTATIONS = "Tissue Images", "Annotations"
#: Whom Sahasrabudhe et al. (2020) validate on; they train on the other 19 of the challenge's first 30.
_VALIDATION = frozenset(
    {
        "TCGA-18-5592", "TCGA-50-5931", "TCGA-A7-A13E", "TCGA-AY-A8YK", "TCGA-B0-5710", "TCGA-B0-5711",
        "TCGA-DK-A2I6", "TCGA-E2-A1B5", "TCGA-G9-6356", "TCGA-G9-6363", "TCGA-RD-A8N9",
    }
)  # fmt: skip


class MoNuSeg(Source):
    """H&E fields of many organs, mostly at 40x (about 0.25 µm/px), every nucleus outlined.

    What: 37 training fields (30 at the time of the challenge) and 14 test fields of 1000x1000 px cut from
    TCGA slides, with about 24,000 and 6,697 outlines. The first 30 are the fields of multiorgan, in other
    colours.

    Layout, as the two archives unpack, also one folder deeper; either may be missing, and the first folder
    may also be the path itself::

        MoNuSeg 2018 Training Data/Tissue Images/NAME.tif     RGB, 8 bits
        MoNuSeg 2018 Training Data/Annotations/NAME.xml       ImageScope, a region a nucleus
        MoNuSegTestData/NAME.tif, MoNuSegTestData/NAME.xml

    NAME is the TCGA barcode, whose first three fields are the patient. Ids number the regions in the order of
    the file. Outlines reach beyond the image, cross themselves, overlap, and are not closed; `rasterise` says
    what becomes of each. Where two overlap, the earlier has the pixel, as in the owners' own code. A region
    that gives no nucleus (some have two vertices, by a slip of the hand) is left out, and `prepare` names it.
    A negative region is a hole: its pixels are background, whatever it lies on.

    Whole numbers are taken for the corners of pixels, which is what the images say: with centres on whole
    numbers, the outlines fit the dark of the nuclei best when moved by 0.59 px up and left (the mean of 27
    fields, +- 0.04). The owners' MATLAB code, and so the labels of multiorgan, takes whole numbers for the
    centres and counts from 1: its nuclei lie up to half a pixel further up and left than these.

    The pixel spacing is the XML's MicronsPerPixel, and 0.25 where that is absent. Three training fields
    (TCGA-HE-7128, -7129 and -7130) state 0.5: they are of 20x slides.

    Splits: 'official' is 26 / 11 / 14. Validated on are the 11 patients of Sahasrabudhe et al.; all other
    training fields are trained on, so with the first 30 it is their 19 / 11. 'all' has every field that is
    there in its test part, for what has learnt elsewhere.

    Licence: CC BY-NC-SA 4.0. How to get: https://monuseg.grand-challenge.org/Data/, both archives unpacked in
    a folder monuseg.

    Citation: Kumar et al., A Multi-Organ Nucleus Segmentation Challenge, IEEE Transactions on Medical Imaging
    39(5), 2020, and Kumar et al., A Dataset and a Technique for Generalized Nuclear Segmentation for
    Computational Pathology, the same 36(7), 2017. Validation: Sahasrabudhe et al., Self-supervised Nuclei
    Segmentation in Histopathological Images Using Attention, MICCAI 2020.
    """

    name: ClassVar[str] = "monuseg"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES})
    staining = "H&E"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    how_to_get: ClassVar[str] = (
        "Get the training and the test archive at https://monuseg.grand-challenge.org/Data/ and unpack both "
        "in a folder monuseg (CC BY-NC-SA 4.0: not for commercial use)."
    )
    same_tissue: ClassVar[tuple[str, ...]] = ("multiorgan",)
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official' and 'all', of the fields that are there."""
        training, test = self._fields()
        if not training and not test:
            raise UserError(self._not_there())
        items = {part: tuple(map(tcga_item, found)) for part, found in (("train", training), ("test", test))}
        validation = [item for item in items["train"] if item.group in _VALIDATION]
        official = {
            "train": tuple(item for item in items["train"] if item not in validation),
            "val": tuple(validation),
            "test": items["test"],
        }
        return {"official": Split(official), "all": Split({"test": items["train"] + items["test"]})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """The scale is the item's own, and without an objective power if that cannot be 40x."""
        image, annotation = self.files(item)
        stated = microns_per_pixel(annotation) if annotation.exists() else None
        mpp = stated or self.mpp
        sample = Sample(item, mpp=mpp, power=self.power if 0.75 < mpp / self.mpp < 4 / 3 else None)
        stored = to_read(signals, self.may_offer)
        if Signal.IMAGE in stored:
            sample.signals[Signal.IMAGE] = read_image(image)
        if Signal.INSTANCES in stored:
            sample.signals[Signal.INSTANCES] = _instances(annotation, image_size(image))
        return complete(sample, signals)

    def files(self, item: Item) -> list[Path]:
        """The image and its annotation."""
        for fields in self._fields():
            if item.id in fields:
                return list(fields[item.id])
        raise UserError(f"{self.path} has no image {item.id}. {self.how_to_get}")

    def problems(self) -> list[str]:
        """Missing, damaged and mismatched files, and images in both folders. Reads all."""
        training, test = self._fields()
        if not training and not test:
            return [self._not_there()]
        found = [f"{test[name][0]} is also a training image" for name in test if name in training]
        for image, annotation in (*training.values(), *test.values()):
            size, of_image = decoded_size(image)
            of_regions = problem_of(_instances, annotation, size)
            of_spacing = problem_of(microns_per_pixel, annotation)
            found += of_image + list(dict.fromkeys(of_regions + of_spacing))  # what is no XML is one problem
        return found

    def extra(self) -> list[str]:
        """Annotations of no image, regions that give no nucleus, and what looks wrong with the others."""
        pairs = [pair for fields in self._fields() for pair in fields.values()]
        known = {annotation for _, annotation in pairs}
        found = [
            f"{file} is extra: no image has its name"
            for _, folder in self._folders()
            for files in by_name(folder, frozenset({".xml"})).values()
            for file in files
            if file not in known
        ]
        return found + [remark for image, annotation in pairs for remark in _remarks(image, annotation)]

    def _fields(self) -> tuple[dict[str, tuple[Path, Path]], dict[str, tuple[Path, Path]]]:
        """Image and annotation by name: of the training fields, and of the test fields."""
        training, test = (
            {
                stem: (image, annotations / f"{stem}.xml")
                for stem, (image, *_) in by_name(images, frozenset({".tif"})).items()
            }
            for images, annotations in self._folders()
        )
        return training, test

    def _folders(self) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
        """The folders of images and of annotations: the training fields', and the test fields'."""
        places = (self.path, self.path / _TRAINING, self.path / _TRAINING / _TRAINING)
        training = next((place for place in places if (place / _IMAGES).is_dir()), self.path)
        deeper = self.path / _TEST / _TEST
        test = deeper if deeper.is_dir() else self.path / _TEST
        return (training / _IMAGES, training / _ANNOTATIONS), (test, test)

    def _not_there(self) -> str:
        if not self.path.is_dir():
            return self.no_folder
        return (
            f"{self.path} holds no TIFF images in {_TRAINING}/{_IMAGES}/, {_IMAGES}/ or {_TEST}/, so it is "
            f"not {self.name}. {self.how_to_get}"
        )


def _instances(annotation: Path, size: tuple[int, int] | None) -> NDArray[np.int32]:
    """The labels of an annotation, int32 (H, W); read alone, without labels, if the size is not known."""
    drawing = read_drawing(annotation)
    if not drawing.outlines:  # every field of the set has nuclei
        raise UserError(f"{annotation} holds no regions: get it again")
    labels = instances(drawing, Areas(), size or (0, 0))
    if size is not None:
        refuse_elsewhere(annotation, drawing, Areas(), labels, "region")
    return labels


def _remarks(image: Path, annotation: Path) -> list[str]:
    """What is left out of the regions of an annotation, and what looks wrong with them, a sentence each."""
    try:
        return remarks_on_outlines(annotation, read_drawing(annotation), Areas(), read_image(image))
    except UserError:  # listed among the problems
        return []
