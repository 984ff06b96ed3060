"""What training minimises: a function a formula, named as in the paper that has it."""

from maskless.losses.adversarial import discriminator_loss, discriminator_sum, least_squares
from maskless.losses.dice import batch_dice_loss, soft_dice_loss
from maskless.losses.discriminative import DiscriminativeTerms, discriminative_loss, discriminative_terms
from maskless.losses.over_processes import mean_over_processes, sum_over_processes
from maskless.losses.partial_labels import partial_cross_entropy
from maskless.losses.structure import local_contrast, same_foreground
from maskless.losses.three_class import boundary_target, three_class_loss
from maskless.losses.translation import cam_loss, cycle_loss, identity_loss

__all__ = [
    "DiscriminativeTerms",
    "batch_dice_loss",
    "boundary_target",
    "cam_loss",
    "cycle_loss",
    "discriminative_loss",
    "discriminative_terms",
    "discriminator_loss",
    "discriminator_sum",
    "identity_loss",
    "least_squares",
    "local_contrast",
    "mean_over_processes",
    "partial_cross_entropy",
    "same_foreground",
    "soft_dice_loss",
    "sum_over_processes",
    "three_class_loss",
]
