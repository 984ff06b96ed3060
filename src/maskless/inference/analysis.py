"""One image, analysed: its nuclei, measured, told apart, and limited to regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskless.classify import NEGATIVE, POSITIVE, Classifier
from maskless.data.annotations import Region, read_regions, refuse_outside
from maskless.data.images import read_image
from maskless.data.stated_spacing import stated_mpp
from maskless.errors import UserError
from maskless.inference.evidence import evidence
from maskless.measure import measured
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.stain import Vectors
from maskless.translated import Translated


@dataclass(frozen=True)
class Analysed:
    """What was found in an image, RGB, uint8 (H, W, 3).

    `instances`, int32 (H, W), and `nuclei`, a row each (`measure.measured`, with what the classifier gave and
    the names of the regions), hold the nuclei of the regions, or of the whole image if there are none. `mpp`
    is the pixel spacing in µm/px, if known; `mpp_is_stated` if the file itself said it. `steps` are maps and
    results of the chain, if asked for (`MapSegmenter.steps`). `notes` are sentences on what was passed over.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.int32]
    nuclei: pd.DataFrame
    mpp: float | None = None
    mpp_is_stated: bool = False
    regions: Sequence[Region] = field(default_factory=list)
    steps: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Analysis:
    """What is done with each image.

    `mpp` is the pixel spacing of all of them in µm/px; without it that which a file states is taken.
    `vectors` are the stains to measure (`measured`). `steps` asks for what led to the instances.
    """

    segmenter: Segmenter
    mpp: float | None = None
    classifier: Classifier | None = None
    vectors: Vectors = "H-E-DAB"
    steps: bool = False

    def of(self, path: Path, regions_path: Path | None = None) -> Analysed:
        """Analyse an image file; with `regions_path`, what lies in the regions of that GeoJSON file.

        The whole image is segmented, measured and classified in any case, so that a nucleus is the same
        whatever regions are drawn. A nucleus is where its centroid is. Raises UserError for files that
        cannot be read and for a region outside the image.
        """
        image = read_image(path)
        notes: list[str] = []
        regions = read_regions(regions_path, notes) if regions_path else []
        if regions_path:
            refuse_outside(regions_path, regions, *image.shape[:2])
        stated = stated_mpp(path) if self.mpp is None else None
        mpp = stated if self.mpp is None else self.mpp
        try:
            instances = self.segmenter.segment(image, mpp=mpp)
            steps = steps_of(self.segmenter, image, mpp) if self.steps else {}
        except UserError as error:  # which knows the image, but not its file
            raise UserError(f"{path}: {error}") from error
        nuclei = measured(image, instances, mpp, self.vectors)
        if self.classifier:
            looked_at = evidence(self.classifier, self.segmenter, image, mpp)
            score = self.classifier.score(looked_at, instances)
            nuclei[self.classifier.column] = score
            nuclei["class"] = np.where(score >= self.classifier.threshold, POSITIVE, NEGATIVE)
        if regions:
            nuclei = limited(nuclei, regions)
            instances = labels_of(instances, nuclei["id"].to_numpy())
        return Analysed(image, instances, nuclei, mpp, stated is not None, regions, steps, notes)


def steps_of(segmenter: Segmenter, image: NDArray[np.uint8], mpp: float | None) -> dict[str, NDArray[Any]]:
    """As `MapSegmenter.steps`. Raises UserError for a segmenter that has none."""
    if not isinstance(segmenter, MapSegmenter | Translated):
        raise UserError("formats=steps shows a post-processing chain, and this segmenter has none of ours")
    return segmenter.steps(image, mpp)


def limited(nuclei: pd.DataFrame, regions: Sequence[Region]) -> pd.DataFrame:
    """The nuclei in at least one region, with the names of theirs in the column `region`."""
    names: list[list[str]] = [[] for _ in range(len(nuclei))]
    row, col = nuclei["row"].to_numpy(), nuclei["col"].to_numpy()
    for region in regions:
        for k in np.flatnonzero(region.holds(row, col)).tolist():
            names[k].append(region.name)
    inside = np.array([bool(held) for held in names], dtype=bool)
    limited = nuclei.loc[inside].reset_index(drop=True)
    limited["region"] = pd.Series(["; ".join(held) for held in names if held], dtype=object)
    return limited


def labels_of(instances: NDArray[Any], ids: NDArray[Any]) -> NDArray[Any]:
    """The label map with these nuclei alone, under the ids that they have."""
    return np.where(np.isin(instances, ids), instances, 0)
