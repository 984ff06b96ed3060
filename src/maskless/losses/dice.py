"""Soft Dice: the overlap of a map of probabilities with its target, as a loss."""

import torch
from torch import Tensor

from maskless.losses.over_processes import sum_over_processes


def soft_dice_loss(probability: Tensor, target: Tensor, eps: float = 1.0) -> Tensor:
    """The mean over images and channels of 1 - (2 sum p t + eps) / (sum p + sum t + eps), summed over pixels.

    `probability` and `target` are (B, C, H, W), 0 to 1. Each image counts alike, so the mean over two
    processes is what one process gives for both batches together.
    """
    overlap = (probability * target).sum((2, 3))
    total = (probability + target).sum((2, 3))
    return (1 - (2 * overlap + eps) / (total + eps)).mean()


def batch_dice_loss(probability: Tensor, target: Tensor, eps: float = 1.0) -> Tensor:
    """1 - (2 sum p t + eps) / (sum p + sum t + eps), summed over all pixels of the batch as of one image.

    `probability` and `target` are of one shape, 0 to 1. Images with many nuclei count for more, and one
    without any is no case of its own. The sums are over the batches of all processes, so every process must
    call it; its gradient averaged over them is that of one process with all batches.
    """
    sums = torch.stack([(probability * target).sum(), (probability + target).sum()])
    overlap, total = sum_over_processes(sums)
    return 1 - (2 * overlap + eps) / (total + eps)
