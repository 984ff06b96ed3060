"""How well the classes of matched nuclei agree, and a labelling index with the true one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import fmean

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class ClassAgreement:
    """Matched nuclei by their true class and the class that they were given; the counts add up over images.

    Ratios are 0 to 1, and nan where there is nothing to divide by.
    """

    positive_as_positive: int = 0
    positive_as_negative: int = 0
    negative_as_positive: int = 0
    negative_as_negative: int = 0

    @property
    def matched(self) -> int:
        """All nuclei that have a class on both sides."""
        return sum(vars(self).values())

    @property
    def accuracy(self) -> float:
        """The share whose class is right."""
        return _share(self.positive_as_positive + self.negative_as_negative, self.matched)

    @property
    def positive_precision(self) -> float:
        """Of those that were called positive, the share that is."""
        return _share(self.positive_as_positive, self.positive_as_positive + self.negative_as_positive)

    @property
    def positive_recall(self) -> float:
        """Of the positive ones, the share that was called so."""
        return _share(self.positive_as_positive, self.positive_as_positive + self.positive_as_negative)


def class_agreement(true_positive: ArrayLike, pred_positive: ArrayLike) -> ClassAgreement:
    """Count K matched nuclei: whether each is positive, and whether it was called so, bool (K,) each.

    Raises ValueError for lengths that differ.
    """
    true, pred = np.asarray(true_positive, bool), np.asarray(pred_positive, bool)
    if true.ndim != 1 or true.shape != pred.shape:
        raise ValueError(f"matched nuclei have two classes each, not {true.shape} and {pred.shape}")
    return ClassAgreement(*(int(n) for n in np.bincount(2 * ~true + ~pred, minlength=4)))


def mean_absolute_error(true: Sequence[float], pred: Sequence[float]) -> tuple[float, int]:
    """The mean distance of numbers in pairs, one an image, and how many pairs have both (none is nan).

    It is nan if there is none. Raises ValueError for lengths that differ.
    """
    errors = [abs(a - b) for a, b in zip(true, pred, strict=True)]
    defined = [error for error in errors if not isnan(error)]
    return (fmean(defined) if defined else nan), len(defined)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else nan
