"""What a classifier looks at: the image, or a map of the very method that has found the nuclei."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.classify import Classifier
from maskless.errors import UserError
from maskless.segmenter import Segmenter


def evidence(
    classifier: Classifier, segmenter: Segmenter, image: NDArray[np.uint8], mpp: float | None
) -> NDArray[Any]:
    """The image itself, uint8 (H, W, 3), or the map that the classifier asks for, float32 (H, W).

    Raises UserError if the segmenter gives no such map.
    """
    if classifier.map is None:
        return image
    maps = segmenter.maps(image, mpp=mpp)
    if classifier.map not in maps:
        raise UserError(
            f"this method gives no mask of {classifier.map} nuclei, by which classify=masks goes: "
            "spatial_prior does with method.masks=2; classify=dab goes by the image"
        )
    return maps[classifier.map]


def refuse_blind(classifier: Classifier | None, segmenter: Segmenter) -> None:
    """Raise UserError, as `evidence` does, if the segmenter gives no map that the classifier goes by."""
    if classifier and classifier.map is not None:
        # Which maps there are does not depend on the image.
        evidence(classifier, segmenter, np.zeros((32, 32, 3), np.uint8), None)
