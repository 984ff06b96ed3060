"""What is to be the same before and after translation: where it is dark, and where nuclei are."""

import math

import torch.nn.functional as F
from torch import Tensor

from maskless.errors import UserError

# Of density, decimal: in a square with less contrast than this there is nothing to keep but noise.
_LEAST_CONTRAST = 0.05


def local_contrast(image: Tensor, translated: Tensor, side_px: int) -> Tensor:
    """mean |n(x) - n(y)|, a scalar: what is locally dark stays so, by as many standard deviations.

    `image` x and `translated` y are (B, 3, H, W) in [0, 1]. Of the optical density d of red, in which
    haematoxylin and DAB are both dark and eosin is not, n = (d - m) / sqrt(s^2 + 0.05^2): m and s are the
    mean and the standard deviation in the part of a square of `side_px` around the pixel that is in the
    image. Raises UserError for a side that is not odd, which has no centre.
    """
    if side_px < 3 or side_px % 2 == 0:
        raise UserError(f"side_px={side_px} is no square around a pixel: take an odd number, 3 or more")
    return (_locally_normed(image, side_px) - _locally_normed(translated, side_px)).abs().mean()


def same_foreground(before: Tensor, after: Tensor) -> Tensor:
    """mean |p - q|, a scalar, of two soft foregrounds (B, 1, H, W), 0 to 1, before and after translation."""
    return (before.float() - after.float()).abs().mean()


def _locally_normed(images: Tensor, side_px: int) -> Tensor:
    # One grey level more than there is, so that black is finite and can still become lighter.
    density = (math.log(256) - (255 * images[:, :1].float() + 1).log()) / math.log(10)
    mean = _local_mean(density, side_px)
    variance = _local_mean(density.square(), side_px) - mean.square()
    return (density - mean) / (variance.clamp(min=0) + _LEAST_CONTRAST**2).sqrt()


def _local_mean(values: Tensor, side_px: int) -> Tensor:
    """Along columns and then along rows, which is the same and takes 2 `side_px` values a pixel."""
    for kernel in ((side_px, 1), (1, side_px)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        values = F.avg_pool2d(values, kernel, stride=1, padding=padding, count_include_pad=False)
    return values
