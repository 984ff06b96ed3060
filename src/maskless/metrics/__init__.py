"""How well a prediction agrees with the truth: pure functions on label maps, one definition a name."""

from maskless.metrics.aji import aji, aji_one_to_one, aji_plus
from maskless.metrics.average_dice import average_dice
from maskless.metrics.classes import ClassAgreement, class_agreement, mean_absolute_error
from maskless.metrics.counts import COUNTS, Key, pooled, scores_of_counts
from maskless.metrics.hausdorff import average_hausdorff, object_hausdorff
from maskless.metrics.matching import THRESHOLDS, IoUScores, iou_scores
from maskless.metrics.object_dice import object_dice
from maskless.metrics.overlap import Overlap, overlap
from maskless.metrics.panoptic import PanopticQuality, panoptic_quality
from maskless.metrics.papers import PAPERS, Paper, paper_scores
from maskless.metrics.pixel import PixelScores, pixel_scores
from maskless.metrics.point_scores import DEFINITIONS, DIRECTIONS, POINT_SCORES, point_scores
from maskless.metrics.points import HIT_UM, PointScores, match_points, point_pairs
from maskless.metrics.relabel import relabel, relabel_mask
from maskless.metrics.scores import HIGHER_IS_BETTER, STANDARD, all_scores
from maskless.metrics.structure import StructureKept, structure_kept

__all__ = [
    "COUNTS",
    "DEFINITIONS",
    "DIRECTIONS",
    "HIGHER_IS_BETTER",
    "HIT_UM",
    "PAPERS",
    "POINT_SCORES",
    "STANDARD",
    "THRESHOLDS",
    "ClassAgreement",
    "IoUScores",
    "Key",
    "Overlap",
    "PanopticQuality",
    "Paper",
    "PixelScores",
    "PointScores",
    "StructureKept",
    "aji",
    "aji_one_to_one",
    "aji_plus",
    "all_scores",
    "average_dice",
    "average_hausdorff",
    "class_agreement",
    "iou_scores",
    "match_points",
    "mean_absolute_error",
    "object_dice",
    "object_hausdorff",
    "overlap",
    "panoptic_quality",
    "paper_scores",
    "pixel_scores",
    "point_pairs",
    "point_scores",
    "pooled",
    "relabel",
    "relabel_mask",
    "scores_of_counts",
    "structure_kept",
]
