"""StarDist (Schmidt et al. 2018; stardist 0.9): star-convex polygons from a network of TensorFlow."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np


def load(
    weights: str, device: str, prob_thresh: float | None = None, nms_thresh: float | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """A folder with config.json, weights_best.h5 and thresholds.json, as StarDist keeps a model.

    Thresholds that are None are the model's own. Pixels are normalised by the percentiles 1 and 99.8 of all
    channels together, as StarDist's own prediction script does.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from csbdeep.utils import normalize
    from stardist.models import StarDist2D

    folder = Path(weights).resolve()
    model = StarDist2D(None, name=folder.name, basedir=str(folder.parent))

    def segment(image: np.ndarray) -> np.ndarray:
        pixels = normalize(image.astype(np.float32), 1, 99.8)
        labels, _ = model.predict_instances(
            pixels, prob_thresh=prob_thresh, nms_thresh=nms_thresh, verbose=False
        )
        return np.asarray(labels)

    return segment
