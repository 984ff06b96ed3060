"""Haematoxylin and DAB apart, on tensors: another laboratory's colours, and an image of haematoxylin alone.

The matrix and the logarithm are scikit-image's `hdx` (Ruifrok & Johnston, 2001): amounts are
ln max(x, 1e-6) / ln 1e-6 times the matrix' inverse, and below 0 they are 0. The published code of Le Bescond
et al. (MICCAI 2022) works with these, so its numbers are those of this file; `maskless.stain` has the same
stains in decimal densities, for arrays.
"""

import math

import torch
from torch import Tensor

_H, _DAB = (0.650, 0.704, 0.286), (0.268, 0.570, 0.776)
_RESIDUAL = tuple(_H[(k + 1) % 3] * _DAB[(k + 2) % 3] - _H[(k + 2) % 3] * _DAB[(k + 1) % 3] for k in range(3))
_MATRIX = torch.tensor([_H, _DAB, _RESIDUAL], dtype=torch.float64)
_INVERSE = torch.linalg.inv(_MATRIX)
_DARKEST = 1e-6


def amounts(images: Tensor) -> Tensor:
    """Haematoxylin, DAB and the rest, float32 (B, 3, H, W), 0 or more, of RGB (B, 3, H, W) in [0, 1]."""
    density = images.float().clamp(min=_DARKEST).log() / math.log(_DARKEST)
    return _mixed(density, _INVERSE).clamp(min=0)


def recombined(stains: Tensor) -> Tensor:
    """RGB float32 (B, 3, H, W) in [0, 1] of what `amounts` gives."""
    return (_mixed(stains, _MATRIX) * math.log(_DARKEST)).exp().clamp(0, 1)


def colour_augmented(images: Tensor, factors: Tensor) -> Tensor:
    """c(t) of Le Bescond et al.: each stain of each image times its own factor, (B, 3), clipped to [0, 1].

    Factors of 1 change pixels whose colour has a negative amount of a stain.
    """
    return recombined(amounts(images) * factors[:, :, None, None])


def recoloured(images: Tensor, sigma: float) -> Tensor:
    """c(t) with factors drawn from N(1, sigma), for each image and stain its own."""
    return colour_augmented(images, 1 + sigma * torch.randn(len(images), 3, device=images.device))


def haematoxylin_only(images: Tensor) -> Tensor:
    """The images as they were without DAB and the rest: float32 (B, 3, H, W) in [0, 1]."""
    kept = torch.tensor([[1.0, 0.0, 0.0]], device=images.device)
    return colour_augmented(images, kept)


def _mixed(planes: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("bchw,cd->bdhw", planes, matrix.to(planes))
