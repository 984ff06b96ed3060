"""A panel of one image: what went in, the maps, what was found, the truth, and where they differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from maskless.signals import Sample, Signal
from maskless.writers.overlay import outline_overlay
from maskless.writers.sheet import sheet_png
from maskless.writers.steps import middle, step_pictures
from maskless.writers.truth import truth_overlay

#: RGB of what is nucleus in the prediction alone, and in the truth alone.
WRONG, MISSED = (255, 0, 255), (0, 255, 255)


def panel_png(sample: Sample, maps: Mapping[str, npt.NDArray[Any]], found: npt.NDArray[Any]) -> bytes:
    """Input, maps, instances, truth and errors side by side, the middle 384 x 384 px, as the bytes of a PNG.

    `maps` are (H, W) or (C, H, W), drawn as `steps_png` does; `found` is the instances, integers (H, W), 0 =
    background. The truth is whatever `sample` has of instances, mask or points. Errors are there where it has
    instances: on the faded image, what is nucleus in the prediction alone is magenta, in the truth alone
    cyan, inside the region in which the annotation is complete.
    """
    image = sample[Signal.IMAGE]
    drawn = [signal for signal in (Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.REGION)
             if signal in sample.signals]  # fmt: skip
    rows, cols = middle(image.shape[:2])
    pictures = step_pictures(image, maps)
    pictures["instances"] = outline_overlay(image, found)[rows, cols]
    pictures["truth"] = truth_overlay(image, **{str(signal): sample[signal] for signal in drawn})[rows, cols]
    if Signal.INSTANCES in sample.signals:
        errors = error_picture(image, found, sample[Signal.INSTANCES], sample.signals.get(Signal.REGION))
        pictures["errors"] = errors[rows, cols]
    return sheet_png({"input" if name == "image" else name: one[None] for name, one in pictures.items()})


def error_picture(
    image: npt.NDArray[np.uint8],
    found: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    region: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """The faded image, RGB uint8 (H, W, 3), with the pixels in which two label maps (H, W) differ."""
    picture = (image // 3 + 170).astype(np.uint8)
    inside = np.ones(found.shape, bool) if region is None else region > 0
    picture[inside & (found > 0) & (truth == 0)] = WRONG
    picture[inside & (found == 0) & (truth > 0)] = MISSED
    return picture
