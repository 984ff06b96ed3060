"""A Segmenter on the images of a source, scored image by image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from maskless.data.derive import complete
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.metrics import scores
from maskless.segmenter import Segmenter
from maskless.signals import Sample, Signal


@dataclass(frozen=True)
class Scored:
    """One image: what was there, what was found (int32 (H, W)), and the rows for scores.csv."""

    sample: Sample
    found: np.ndarray
    rows: list[dict[str, object]]


def score_source(segmenter: Segmenter, source: Source, part: str) -> Iterator[Scored]:
    """Segment and score every image of a part, one at a time.

    Raises UserError if the source has no instances or the part no images.
    """
    if Signal.INSTANCES not in source.offers:
        raise UserError(
            f"{source.name} has no instances, so nothing can be scored on it; predict segments it"
        )
    items = source.items(part)
    if not items:
        raise UserError(f"{source.name} has no images in part {part!r} of split {source.split!r}")
    wanted = (Signal.IMAGE, Signal.INSTANCES)
    for item in items:
        sample = complete(source.read(item, wanted), wanted)
        found = segmenter.segment(sample[Signal.IMAGE], mpp=sample.mpp)
        rows = [
            {
                "source": source.name,
                "image": item.id,
                "split": part,
                "metric": metric,
                "definition": definition,
                "region": "all",
                "value": value,
            }
            for (metric, definition), value in scores(sample[Signal.INSTANCES], found).items()
        ]
        yield Scored(sample, found, rows)
