"""Whether the attention that was kept lights the background in place of the nuclei."""

from collections.abc import Iterator, Mapping
from math import nan
from typing import Any

from maskless.report.chosen_epoch import chosen_epoch
from maskless.report.results import Result


def inversion(result: Result) -> str:
    """'is inverted, it lights the background: ...' if `polarity` was below 0 in the epoch that was kept.

    That is the epoch that the selection of the stage with a polarity chose, or its last one where nothing
    could choose. Empty for a run that has no polarity in metrics.csv.
    """
    epochs = [row for row in result.epochs if "polarity" in row]
    if not epochs:
        return ""
    stage = next(_of_powers(result.config.get("method")), {})
    kept = chosen_epoch(epochs, stage) or epochs[-1]
    polarity = kept.get("polarity", nan)
    if not polarity < 0:
        return ""
    return (
        f"is inverted, it lights the background: in epoch {kept.get('epoch', nan):.0f}, which was kept, its "
        f"rank correlation with haematoxylin is {polarity:.2f}"
    )


def _of_powers(method: Any) -> Iterator[Mapping[str, Any]]:
    """The descriptions, of a method and of the stages within it, of what learns at several powers."""
    if isinstance(method, Mapping):
        if "powers" in method:
            yield method
        for inner in method.values():
            yield from _of_powers(inner)
