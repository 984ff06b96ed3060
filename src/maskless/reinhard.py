"""Reinhard's colour transfer: an image with the mean and the spread of another's colours, in Lab."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError

_BRIGHT_PERCENTILE = 90
#: L, a and b as OpenCV stores them in 8 bits: where their zero lies, and how much is 1.
_ZERO, _UNIT = np.array([0, 128, 128], np.float32), np.array([2.55, 1, 1], np.float32)


class LabStatistics(NamedTuple):
    """Mean and population standard deviation of L (0 to 100), a and b (-128 to 127), over all pixels."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Reinhard:
    """`reinhard(image)`: RGB uint8 (H, W, 3) to the same with the Lab statistics `mean` and `std`.

    Reinhard et al., "Color transfer between images", IEEE CGA 21, 2001, as the code of Sahasrabudhe et al.
    (MICCAI 2020) has it: the image is first made so bright that the 90th percentile of all channel values is
    255, then Lab by OpenCV in 8 bits, and back to 8 bits by truncation. `lab_statistics` gives those of a
    target image. Raises UserError for numbers that are no statistics.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise UserError(
                f"Reinhard's mean={list(mean)} and std={list(std)} must be three numbers each, of L, a and "
                "b, and std above 0"
            )
        self.mean, self.std = np.array(mean, np.float32), np.array(std, np.float32)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.like(image)(image)

    def like(self, whole: NDArray[np.uint8]) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
        """What does to images, parts of `whole` or not, what this does to `whole`, RGB uint8 (H, W, 3)."""
        bright = _bright(whole)
        mean, std = _statistics(_lab(_brightened(whole, bright)))

        def moved(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            away = _lab(_brightened(image, bright)) - mean.astype(np.float32)
            lab = away * (self.std / np.maximum(std, 1e-3)).astype(np.float32) + self.mean
            pixels = np.clip(lab * _UNIT + _ZERO, 0, 255).astype(np.uint8)
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_LAB2RGB))

        return moved


def lab_statistics(image: NDArray[np.uint8]) -> LabStatistics:
    """What `Reinhard` makes other images alike to: of RGB uint8 (H, W, 3), made bright as there."""
    mean, std = _statistics(_lab(_brightened(image, _bright(image))))
    return LabStatistics(
        (float(mean[0]), float(mean[1]), float(mean[2])), (float(std[0]), float(std[1]), float(std[2]))
    )


def _statistics(lab: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation, (3,) each; in double precision, for there are millions of pixels."""
    flat = lab.reshape(-1, 3)
    return flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)


def _bright(image: NDArray[np.uint8]) -> float:
    return max(float(np.percentile(image, _BRIGHT_PERCENTILE)), 1.0)


def _brightened(image: NDArray[np.uint8], bright: float) -> NDArray[np.uint8]:
    return np.clip(image * (255 / bright), 0, 255).astype(np.uint8)


def _lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """L, a and b, float32 (H, W, 3)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    scaled: NDArray[np.float32] = (lab - _ZERO) / _UNIT
    return scaled
