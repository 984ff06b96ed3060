"""A Segmenter on the images of a source, scored image by image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from maskless.data.derive import complete
from maskless.data.source import Source
from maskless.errors import UserError, did_you_mean
from maskless.metrics import all_scores, paper_scores
from maskless.segmenter import Segmenter
from maskless.signals import Sample, Signal


@dataclass(frozen=True)
class Scored:
    """One image: what was there, what was found (int32 (H, W)), and the rows for scores.csv."""

    sample: Sample
    found: np.ndarray
    rows: list[dict[str, object]]


def score_source(
    segmenter: Segmenter, source: Source, part: str, label: str | None = None
) -> Iterator[Scored]:
    """Segment and score every image of a part, one at a time; rows call the source `label`, if given.

    Raises UserError as `refuse_unscorable` does.
    """
    refuse_unscorable(source, part)
    for item in source.items(part):
        sample = complete(source.read(item, source.to_score), source.to_score)
        found = segmenter.segment(sample[Signal.IMAGE], mpp=sample.mpp)
        compared = (sample[Signal.INSTANCES], found, sample.signals.get(Signal.REGION))
        values = all_scores(*compared) | paper_scores(*compared)
        rows = [
            {
                "source": label or source.name,
                "image": item.id,
                "split": part,
                "metric": metric,
                "definition": definition,
                "region": "all",  # that is annotated
                "value": value,
            }
            for (metric, definition), value in values.items()
        ]
        yield Scored(sample, found, rows)


def refuse_unscorable(source: Source, part: str) -> None:
    """Raise UserError if the source has no instances, or the part no images."""
    if Signal.INSTANCES not in source.offers:
        where = f" at {source.place}" if source.place else ""
        raise UserError(
            f"{source.name}{where} has no instances, so nothing can be scored on it; maskless predict "
            "segments its images"
        )
    if not source.items(part):
        splits = source.splits()
        known = [name for name, items in splits[source.split].parts.items() if items]
        whole = part == "test" and "all" in splits and splits["all"].parts.get(part)
        raise UserError(
            f"{source.name} has no images in part {part!r} of split {source.split!r}"
            f"{' (dataset.split=all has every image in its test part)' if whole else ''}"
            f"{did_you_mean(part, known)}"
        )
