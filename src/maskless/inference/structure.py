"""What a translation has kept of an image's nuclei, for structure.csv."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.metrics.points import Points, lies_in
from maskless.metrics.region import centroids
from maskless.metrics.structure import structure_kept
from maskless.signals import Sample, Signal
from maskless.translated import Translated

TRUTH, INPUT, TRANSLATION = "truth", "input", "translation"


def structure_rows(
    sample: Sample, segmenter: Translated, made: NDArray[np.uint8], found: NDArray[np.int32]
) -> list[dict[str, Any]]:
    """A row each for truth and input, truth and translation, input and translation: what is in both.

    `made` is the translation of the sample's image, uint8 (H, W, 3), and `found` what the segmenter has found
    by it. Of input and translation nuclei are those that `then` finds on each alone. Nuclei are their
    centroids, or the points of the truth where it has no instances; with a region those inside it.
    """
    image, then = sample[Signal.IMAGE], segmenter.then
    mpp = sample.mpp or segmenter.mpp
    nuclei = {
        TRUTH: _of_truth(sample),
        INPUT: centroids(then.segment(image, mpp))[1],
        TRANSLATION: centroids(then.segment(made, mpp) if segmenter.direct else found)[1],
    }
    region = sample.signals.get(Signal.REGION)
    if region is not None:
        nuclei = {name: points[lies_in(region, points)] for name, points in nuclei.items()}
    return [
        {"before": a, "after": b, **structure_kept(nuclei[a], nuclei[b], sample.mpp).as_row()}
        for a, b in combinations(nuclei, 2)
    ]


def _of_truth(sample: Sample) -> Points:
    if Signal.INSTANCES in sample.signals:
        return centroids(sample[Signal.INSTANCES])[1]
    return np.asarray(sample[Signal.POINTS], np.float64).reshape(-1, 2)
