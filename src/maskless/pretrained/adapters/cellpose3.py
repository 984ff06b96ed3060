"""Cellpose 3 (Stringer et al. 2021; Stringer and Pachitariu 2025): the models nuclei and cyto3, U-Nets."""

from collections.abc import Callable

import numpy as np


def load(
    weights: str,
    device: str,
    diameter: float | None = None,
    invert: bool = True,
    flow_threshold: float = 0.4,
    cellprob_threshold: float = 0.0,
    min_size: int = 15,
) -> Callable[[np.ndarray], np.ndarray]:
    """One file of weights. The model sees the mean of the three colours, with `invert` nuclei bright.

    Without `diameter`, in px, images are not rescaled: nuclei are as wide as in the model's own training.
    """
    import torch
    from cellpose.models import CellposeModel

    model = CellposeModel(pretrained_model=weights, device=torch.device(device))

    def segment(image: np.ndarray) -> np.ndarray:
        labels, _, _ = model.eval(
            image.mean(axis=-1),
            channels=[0, 0],
            diameter=diameter or float(model.diam_mean),
            invert=invert,
            flow_threshold=flow_threshold,
            cellprob_threshold=cellprob_threshold,
            min_size=min_size,
        )
        return np.asarray(labels)

    return segment
