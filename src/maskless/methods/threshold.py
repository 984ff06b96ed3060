"""The floor: no learning, the stain is the map."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskless.errors import UserError, did_you_mean
from maskless.methods.stage import Stage
from maskless.networks.h_dab import haematoxylin_only
from maskless.signals import Need, Signal
from maskless.stain import luminance, stains


def _of_haematoxylin_alone(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """1 - luminance of what the image were without DAB: Otsu then sees light, not an amount of stain."""
    alone = haematoxylin_only(torch.from_numpy(image).movedim(-1, 0)[None] / 255)
    return 1 - luminance(255 * alone[0].movedim(0, -1).numpy())


#: How dark a pixel is with nuclear stain: higher is more nucleus.
DARKNESS = {
    "haematoxylin": lambda image: stains(image)[..., 0],
    "haematoxylin_image": _of_haematoxylin_alone,
    "luminance": lambda image: 1 - luminance(image),
    "luminance_bgr": lambda image: 1 - luminance(image[..., ::-1]),
    "red": lambda image: 1 - image[..., 0].astype(np.float32) / 255,
}


class Threshold(Stage):
    """One map of how much nuclear stain there is; its chain thresholds it and splits what touches.

    `of` is what is thresholded: 'haematoxylin', the amount of it that deconvolution finds beside eosin and
    DAB; 'haematoxylin_image', the luminance of the image without DAB, which in IHC is the better one;
    'luminance', the papers' weaker baseline, and 'luminance_bgr', the same with red and blue exchanged as in
    the published code of Le Bescond et al. (2022); or 'red', what is taken up of red light, which both
    haematoxylin and DAB absorb.
    """

    needs = frozenset({Need(Signal.IMAGE)})
    gives = frozenset({"darkness"})

    def __init__(self, of: str = "haematoxylin", **stage: Any) -> None:
        super().__init__(**stage)
        if of not in DARKNESS:
            raise UserError(f"threshold has no method.of={of!r}{did_you_mean(of, DARKNESS)}")
        self.of = of

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`darkness`, float32 (B, H, W), of images in [0, 1]."""
        pixels = (images.movedim(1, -1) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        darkness = np.stack([DARKNESS[self.of](image) for image in pixels])
        return {"darkness": torch.from_numpy(darkness.astype(np.float32))}
