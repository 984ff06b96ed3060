"""The labelling index: how many nuclei of a hundred are positive, and how surely that is known."""

import math
from dataclasses import dataclass

#: Of the standard normal distribution, what 95 % lie within.
_Z_95 = 1.959963984540054


@dataclass(frozen=True)
class LabellingIndex:
    """A share of positive nuclei, 0 to 1, with the bounds of its interval; nan if there is no nucleus."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As it is printed: '12.3 % (95 % interval 9.8 to 15.3)'."""
        if math.isnan(self.value):
            return "undefined without nuclei"
        low, high = (f"{100 * bound:.1f}" for bound in (self.low, self.high))
        return f"{100 * self.value:.1f} % (95 % interval {low} to {high})"


def labelling_index(positive: int, negative: int) -> LabellingIndex:
    """The share of positive nuclei among all that were told apart, with Wilson's 95 % interval.

    (Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.) The
    interval holds for nuclei drawn at random: it does not know of wrong calls, nor that neighbours are alike.
    Raises ValueError for negative counts.
    """
    if positive < 0 or negative < 0:
        raise ValueError(f"{positive} positive and {negative} negative nuclei are no counts")
    total = positive + negative
    if not total:
        return LabellingIndex(math.nan, math.nan, math.nan)
    share = positive / total
    weight = 1 + _Z_95**2 / total
    middle = (share + _Z_95**2 / (2 * total)) / weight
    half = _Z_95 * math.sqrt(share * (1 - share) / total + (_Z_95 / (2 * total)) ** 2) / weight
    # At 0 and 1 the bounds are the share itself, but for rounding.
    return LabellingIndex(share, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))
