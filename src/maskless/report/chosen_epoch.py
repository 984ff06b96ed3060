"""Which epoch of a training is the one that was kept."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any

from maskless.metrics import HIGHER_IS_BETTER

Epoch = Mapping[str, float]


def chosen_epoch(epochs: Sequence[Epoch], stage: Mapping[str, Any]) -> Epoch | None:
    """Of the rows of metrics.csv of one stage that which its `selection` chose; None if it could not.

    `stage` is the description of the stage. The first with the best validation score of that name, or for
    'loss' the first with the least mean `loss` of those from `selection_from` on.
    """
    selection = stage.get("selection")
    if selection == "loss":
        first = stage.get("selection_from") or 0
        offered = [row for row in epochs if row.get("epoch", -1) >= first and isfinite(row.get("loss", nan))]
        return min(offered, key=lambda row: row["loss"], default=None)
    name = f"val_{selection}"
    scored = [row for row in epochs if isfinite(row.get(name, nan))]
    best = max if HIGHER_IS_BETTER.get(str(selection), True) else min
    return best(scored, key=lambda row: row[name], default=None)
