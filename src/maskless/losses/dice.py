"""Soft Dice: the overlap of a map of probabilities with its target, as a loss."""

from torch import Tensor


def soft_dice_loss(probability: Tensor, target: Tensor, eps: float = 1.0) -> Tensor:
    """The mean over images and channels of 1 - (2 sum p t + eps) / (sum p + sum t + eps), summed over pixels.

    `probability` and `target` are (B, C, H, W), 0 to 1. Each image counts alike, so the mean over two
    processes is what one process gives for both batches together.
    """
    overlap = (probability * target).sum((2, 3))
    total = (probability + target).sum((2, 3))
    return (1 - (2 * overlap + eps) / (total + eps)).mean()
