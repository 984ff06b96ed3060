"""What is known of stain without any annotation: nuclei are dark, and positive ones brown."""

import torch
from torch import Tensor
from torch.nn import functional as F

from maskless.errors import UserError


def darkness(images: Tensor) -> Tensor:
    """How dark, float (B, 1, H, W), in standard deviations from each image's mean.

    Of red light, which haematoxylin, DAB and their mixtures all absorb; `images` is RGB (B, 3, H, W), of any
    range.
    """
    red = images[:, :1]
    return (red.mean((2, 3), keepdim=True) - red) / red.std((2, 3), keepdim=True).clamp(min=1e-3)


def local_darkness(images: Tensor, window_px: int) -> Tensor:
    """How dark beside what surrounds a pixel: the same in deviations from the mean of a square, -1 to 1.

    The square has the side `window_px`, an odd number, and is cut at the border. Clipped, so that the pale
    nuclei beside dark ones count as much as these; a deviation counts as half that of the image at least, so
    that noise on empty glass is nothing.
    """
    red = images[:, :1]
    mean = _around(red, window_px)
    spread = (_around(red.square(), window_px) - mean.square()).clamp(min=1e-6).sqrt()
    spread = torch.maximum(spread, red.std((2, 3), keepdim=True).clamp(min=1e-3) / 2)
    return ((mean - red) / spread).clamp(-1, 1)


def _around(values: Tensor, window_px: int) -> Tensor:
    """The mean of a square around each pixel, as much of it as there is, by running sums along both axes."""
    for axis in (-1, -2):
        length, half = values.shape[axis], window_px // 2
        middle = torch.arange(length, device=values.device)
        low, high = (middle - half).clamp(min=0), (middle + half + 1).clamp(max=length)
        sums = F.pad(values.movedim(axis, -1).cumsum(-1), (1, 0))
        values = ((sums[..., high] - sums[..., low]) / (high - low)).movedim(-1, axis)
    return values


def hint_weight(step: int, steps: int, rest: float) -> float:
    """From 1 to 0 over the first `steps`, and `rest` at least."""
    return max(1 - step / steps if steps else 0.0, rest)


def refuse_even(hint_px: int) -> None:
    """Raise UserError for the side of a square without a middle."""
    if hint_px and hint_px % 2 == 0:
        raise UserError(f"hint_px={hint_px} must be odd, so that a pixel is in the middle of its square")


def brownness(images: Tensor) -> Tensor:
    """From -1, blue, to 1, brown: 4 (red - blue) clipped, (B, 1, H, W), of RGB (B, 3, H, W) in [-1, 1]."""
    return (4 * (images[:, :1] - images[:, 2:])).clamp(-1, 1)


def stain_of_masks(images: Tensor, masks: int, window_px: int = 0) -> Tensor:
    """Above 0 where a pixel may belong to a mask, below 0 elsewhere: float (B, masks, H, W).

    Of one mask it is the darkness, `local_darkness` where there is a window. Of two, the first takes what is
    dark and brown, the second what is dark and blue: the smaller of darkness and `brownness`, or its
    opposite, of RGB `images` (B, 3, H, W) in [-1, 1].
    """
    dark = local_darkness(images, window_px) if window_px else darkness(images)
    if masks == 1:
        return dark
    brown = brownness(images)
    return torch.cat([torch.minimum(dark, brown), torch.minimum(dark, -brown)], dim=1)


def contrast(masks: Tensor, dark: Tensor) -> Tensor:
    """The mean of `darkness` in the masks less that of the rest, all (B, 1, H, W); 0 where one is empty."""
    inside, outside = masks.sum(), (1 - masks).sum()
    both = (inside > 0) & (outside > 0)
    apart = (masks * dark).sum() / inside - ((1 - masks) * dark).sum() / outside
    return torch.where(both, apart, torch.zeros_like(apart))
