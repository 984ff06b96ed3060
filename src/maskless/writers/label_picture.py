"""Pictures of labels for training: beside the image, what each of them says of its pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from maskless.signals import IGNORE
from maskless.writers.overlay import GREEN

#: RGB of each value of a label: red for background, green for nucleus, black for what is ignored.
_COLOURS = np.zeros((256, 3), np.float32)
_COLOURS[0], _COLOURS[1], _COLOURS[IGNORE] = (255, 0, 0), GREEN, (0, 0, 0)
#: How much of the image is seen through a colour.
_THROUGH = 0.4
_GAP_PX = 4


def label_picture(image: npt.NDArray[np.uint8], labels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The image and its labels side by side, with white gaps of 4 px: uint8 (H, W + K * (W + 4), 3), RGB.

    `image` is uint8 (H, W, 3), RGB; `labels` uint8 (H, W, K), K opinions. Over the dimmed image, nucleus (1)
    is green, background (0) red, what is ignored (255) black. Raises ValueError if the shapes do not fit.
    """
    if labels.ndim != 3 or image.shape != (*labels.shape[:2], 3):
        raise ValueError(f"labels of shape {labels.shape} do not lie on an image of shape {image.shape}")
    gap = np.full((len(image), _GAP_PX, 3), 255, np.uint8)
    panels = [image]
    for label in np.moveaxis(labels, -1, 0):
        mixed = _THROUGH * image + (1 - _THROUGH) * _COLOURS[label]
        panels += [gap, mixed.astype(np.uint8)]
    return np.concatenate(panels, axis=1)
