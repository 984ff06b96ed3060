"""MultiOrgan: the 30 fields of Kumar et al. (2017), with the splits of the papers on weak labels."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import ClassVar

from maskless.data import weaknucleiseg
from maskless.data.barcode import tcga_item
from maskless.data.source import Source, Split
from maskless.signals import Item, Sample, Signal


class MultiOrgan(Source):
    """H&E fields of seven organs at 40x (about 0.25 µm/px), every nucleus outlined.

    What: 30 fields of 1000x1000 px cut from TCGA slides, one a patient, 16,958 nuclei: breast, kidney, liver,
    prostate (6 each), bladder, colon, stomach (2 each). They are the training fields of the MoNuSeg
    challenge, in colours a little different from its TIFFs. An id can lie in two pieces (39 do).

    Layout::

        images/NAME.png                       RGB, 8 bits
        labels_instance/NAME_label.png        16 bits, one id a nucleus, 0 background
        train_val_test.json                   file names in train, val, test, testA, testB
        folds/fold0.json ... fold9.json       file names in train, val

    NAME is the organ and the TCGA barcode, whose first three fields are the patient. What else the set holds
    (labels_point, labels_voronoi, labels_cluster) is derived from these and not read.

    Splits: 'official' is 12 / 4 / 14; its further parts testA (8 fields of the organs trained on) and testB
    (6 of bladder, colon and stomach) are the two halves of its test part. 'fold0' to 'fold9' are the folds of
    Liu et al., 27 / 3, read if folds/ is there. A fold has no test list: its paper reports on the images
    that it chooses on, so here its test part is its val part, and the split is marked `leaky`. 'all_train'
    has every field in its train part: for masks in another role than the main one.

    Licence: CC BY-NC-SA 4.0 (MoNuSeg's owners). How to get: the folder data/MO of
    https://github.com/weizhenFrank/WeakNucleiSeg, named multiorgan.

    Citation: Kumar et al., A Dataset and a Technique for Generalized Nuclear Segmentation for Computational
    Pathology, IEEE Transactions on Medical Imaging 36(7), 2017. Folds: Liu et al., Weakly Supervised Nuclei
    Segmentation via Instance Learning, ISBI 2022.
    """

    name: ClassVar[str] = "multiorgan"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.INSTANCES})
    staining = "H&E"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    how_to_get: ClassVar[str] = (
        "Get the folder data/MO of https://github.com/weizhenFrank/WeakNucleiSeg and name it multiorgan "
        "(MoNuSeg's images, CC BY-NC-SA 4.0: not for commercial use)."
    )
    same_tissue: ClassVar[tuple[str, ...]] = ("monuseg",)
    mpp = 0.25
    power = 40.0

    def splits(self) -> Mapping[str, Split]:
        """'official', 'all_train', and those of 'fold0' to 'fold9' that are there."""
        return weaknucleiseg.splits(self, tcga_item)

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """Labels are checked against the size of their image, whether or not the image is asked for."""
        return weaknucleiseg.read(self, item, signals)

    def files(self, item: Item) -> list[Path]:
        """The image and its label image."""
        return weaknucleiseg.files(self.path, item)

    def problems(self) -> list[str]:
        """Missing, damaged and mismatched files, the files of the splits among them. Decodes all."""
        return weaknucleiseg.problems(self, tcga_item)

    def extra(self) -> list[str]:
        """Images of no split, and labels of no image."""
        return weaknucleiseg.extra(self)
