"""The average Dice coefficient of one image."""

from numpy.typing import ArrayLike

from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.pixel import pixel_scores_of


def average_dice(true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None) -> float:
    """Average Dice coefficient (ADC) as Sahasrabudhe et al. (MICCAI 2020) compute it, 0 to 1.

    It is the pixel Dice of the two label maps, nucleus or not, of one image; what is averaged are the images.
    `true`, `pred` and `region` as in `overlap`. 0 if one map is empty, nan if both are (0 / 0, to be left out
    of a mean).
    """
    return average_dice_of(overlap(true, pred, region))


def average_dice_of(table: Overlap) -> float:
    """`average_dice` of an overlap table that is there already."""
    return pixel_scores_of(table).dice
