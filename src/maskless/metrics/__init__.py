"""How well a prediction agrees with the truth: pure functions on label maps, one definition a name."""

from maskless.metrics.aji import aji
from maskless.metrics.object_dice import object_dice
from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.pixel import PixelScores, pixel_scores
from maskless.metrics.scores import HIGHER_IS_BETTER, scores

__all__ = [
    "HIGHER_IS_BETTER",
    "Overlap",
    "PixelScores",
    "aji",
    "object_dice",
    "overlap",
    "pixel_scores",
    "scores",
]
