"""Three classes a pixel, learnt from nuclei that somebody has outlined: background, inside, boundary."""

import torch
from torch import Tensor
from torch.nn import functional as F

from maskless.losses.dice import soft_dice_loss


def three_class_loss(
    logits: Tensor, target: Tensor, boundary_weight: float = 1.0, region: Tensor | None = None
) -> Tensor:
    """Cross-entropy plus soft Dice of the two nucleus classes.

    `logits` are (B, 3, H, W), `target` is as `boundary_target` gives it; `boundary_weight` multiplies the
    boundary pixels' share of the cross-entropy. Pixels that are 0 in `region` (B, H, W) count for nothing.
    """
    inside = logits.new_ones(()) if region is None else (region > 0).to(logits.dtype)
    weight = logits.new_tensor([1.0, 1.0, boundary_weight])
    one_hot = F.one_hot(target, 3).movedim(-1, 1).to(logits.dtype)
    # Divided by the number of pixels, not by the sum of weights: equal on all processes.
    cross_entropy = (F.cross_entropy(logits, target, weight=weight, reduction="none") * inside).mean()
    nuclei = inside if region is None else inside.unsqueeze(1)
    return cross_entropy + soft_dice_loss(logits.softmax(1)[:, 1:] * nuclei, one_hot[:, 1:] * nuclei)


def boundary_target(instances: Tensor, radius_px: int = 1, region: Tensor | None = None) -> Tensor:
    """Three classes from instance ids: 0 background, 1 inside, 2 boundary (int64 (B, H, W)).

    `instances` is an integer tensor (B, H, W). The boundary of a nucleus are its pixels that see another
    id, or background, within the square of side 2 `radius_px` + 1; what lies beyond the image is not seen,
    nor what is 0 in `region` (B, H, W).
    """
    ids = instances.double().unsqueeze(1)  # exact up to 2^53, and max pooling takes no integers
    unseen = torch.zeros_like(ids, dtype=torch.bool) if region is None else (region == 0).unsqueeze(1)
    side = 2 * radius_px + 1
    highest = F.max_pool2d(ids.masked_fill(unseen, -torch.inf), side, stride=1, padding=radius_px)
    lowest = -F.max_pool2d((-ids).masked_fill(unseen, -torch.inf), side, stride=1, padding=radius_px)
    nucleus = instances > 0
    boundary = nucleus & (highest != lowest).squeeze(1)
    return nucleus.long() + boundary.long()
