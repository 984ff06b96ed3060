"""Cellpose 4 (Pachitariu et al. 2025): the model cpsam, a transformer that predicts flows to each centre."""

from collections.abc import Callable

import numpy as np


def load(
    weights: str,
    device: str,
    flow_threshold: float = 0.4,
    cellprob_threshold: float = 0.0,
    min_size: int = 15,
) -> Callable[[np.ndarray], np.ndarray]:
    """One file of weights. Images are not rescaled by Cellpose: `diameter` is left out."""
    import torch
    from cellpose.models import CellposeModel

    # Its half precision is for GPUs that have it; on a CPU it is slow.
    model = CellposeModel(pretrained_model=weights, device=torch.device(device), use_bfloat16=device != "cpu")

    def segment(image: np.ndarray) -> np.ndarray:
        labels, _, _ = model.eval(
            image,
            channel_axis=-1,
            flow_threshold=flow_threshold,
            cellprob_threshold=cellprob_threshold,
            min_size=min_size,
        )
        return np.asarray(labels)

    return segment
