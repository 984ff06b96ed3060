"""What is said of many numbers."""

from collections.abc import Sequence
from math import isnan
from statistics import fmean, stdev


def summary(values: Sequence[float]) -> tuple[float, float | None, int] | None:
    """Mean, sample standard deviation and number of the defined values; None if there are none."""
    defined = [value for value in values if not isnan(value)]
    if not defined:
        return None
    return fmean(defined), stdev(defined) if len(defined) > 1 else None, len(defined)
