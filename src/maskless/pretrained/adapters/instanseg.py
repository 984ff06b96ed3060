"""InstanSeg (Goldsborough et al. 2024; instanseg-torch 0.1): embeddings around seeds, in TorchScript."""

from collections.abc import Callable

import numpy as np


def load(weights: str, device: str) -> Callable[[np.ndarray], np.ndarray]:
    """The TorchScript file instanseg.pt of a released model."""
    import torch
    from instanseg import InstanSeg

    network = torch.jit.load(weights, map_location=device)
    model = InstanSeg(network, device=device, image_reader="skimage.io", verbosity=0)

    def segment(image: np.ndarray) -> np.ndarray:
        # Without a pixel size it does not rescale; by itself it normalises the percentiles of each channel.
        labels = model.eval_small_image(image, pixel_size=None, return_image_tensor=False, target="nuclei")
        return np.asarray(labels.cpu().numpy()).reshape(image.shape[:2]).astype(np.int32)

    return segment
