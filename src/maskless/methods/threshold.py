"""The floor: no learning, the stain is the map."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskless.errors import UserError, did_you_mean
from maskless.methods.stage import Stage
from maskless.signals import Need, Signal
from maskless.stain import luminance, stains

#: How dark a pixel is with nuclear stain: higher is more nucleus.
DARKNESS = {
    "haematoxylin": lambda image: stains(image)[..., 0],
    "luminance": lambda image: 1 - luminance(image),
    "red": lambda image: 1 - image[..., 0].astype(np.float32) / 255,
}


class Threshold(Stage):
    """One map of how much nuclear stain there is; its chain thresholds it and splits what touches.

    `of` is what is thresholded: the deconvolved haematoxylin; the luminance, as in the papers' weaker
    baseline; or what is taken up of red light, which both haematoxylin and DAB absorb.
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
