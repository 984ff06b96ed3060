"""A Segmenter on the images of a source, scored image by image."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.classify import Classifier, classes_of
from maskless.data.derive import complete
from maskless.data.source import Source
from maskless.errors import UserError, did_you_mean
from maskless.inference.evidence import evidence
from maskless.inference.labelling import has_true_index, index_row
from maskless.inference.positive_cells import positive_scores
from maskless.inference.structure import structure_rows
from maskless.methods.click_segmenter import ClickSegmenter
from maskless.metrics import HIT_UM, all_scores, paper_scores, point_scores
from maskless.metrics.counts import Key
from maskless.segmenter import Segmenter
from maskless.signals import Sample, Signal
from maskless.translated import Translated


@dataclass(frozen=True)
class Scored:
    """One image: what was there, what was found (int32 (H, W)), and the rows for scores.csv.

    `index` is its row for labelling_index.csv, empty if the nuclei were not told apart, or there is no true
    index. If it was translated, `made` is its translation, uint8 (H, W, 3), and `structure` its rows for
    structure.csv.
    """

    sample: Sample
    found: np.ndarray
    rows: list[dict[str, object]]
    index: dict[str, Any]
    made: NDArray[np.uint8] | None = None
    structure: list[dict[str, Any]] = field(default_factory=list)


def score_source(
    segmenter: Segmenter,
    source: Source,
    part: str,
    label: str | None = None,
    classifier: Classifier | None = None,
    hit_um: float = HIT_UM,
) -> Iterator[Scored]:
    """Segment and score every image of a part, one at a time; rows call the source `label`, if given.

    A segmenter that needs clicks is given the points of the truth. Where the truth is points, their scores
    are those of `point_scores`. With a `classifier` the nuclei are told apart, and compared with the classes
    of the truth: the labelling index, where `has_true_index`, and `positive_scores` within `hit_um`, which an
    image of a category has once more as of that region. Raises UserError as `refuse_unscorable` does.
    """
    refuse_unscorable(source, part)
    clicks = [Signal.POINTS] if isinstance(segmenter, ClickSegmenter) else []
    wanted = (*source.to_score, *([Signal.CLASSES] if classifier else []), *clicks)
    indexed = classifier is not None and has_true_index(source, part)
    for item in source.items(part):
        sample = complete(source.read(item, wanted), wanted)
        made, structure = None, []
        if isinstance(segmenter, Translated):
            found, made = segmenter.segment_both(sample[Signal.IMAGE], sample.mpp)
            structure = structure_rows(sample, segmenter, made, found)
        elif isinstance(segmenter, ClickSegmenter):
            found = segmenter.segment_clicked(sample[Signal.IMAGE], sample[Signal.POINTS], mpp=sample.mpp)
        else:
            found = segmenter.segment(sample[Signal.IMAGE], mpp=sample.mpp)
        image = {"source": label or source.name, "image": item.id, "split": part}
        rows = _rows(image, scores_of(sample, found))
        index = {}
        if classifier:
            rule = f"{classifier.column}>={classifier.threshold:g}"
            looked_at = evidence(classifier, segmenter, sample[Signal.IMAGE], sample.mpp)
            classes = classes_of(classifier, looked_at, found)
            positive = positive_scores(sample, found, classes, hit_um)
            rows += _rows(image, positive) + (_rows(image, positive, item.category) if item.category else [])
            index = {**image, "rule": rule, **index_row(sample, found, classes)} if indexed else {}
        yield Scored(sample, found, rows, index, made, [{**image, **row} for row in structure])


def _rows(
    image: Mapping[str, object], scores: Mapping[Key, float], region: str = "all"
) -> list[dict[str, object]]:
    """Rows of scores.csv; the region 'all' is all that is annotated."""
    return [
        {**image, "metric": metric, "definition": definition, "region": region, "value": value}
        for (metric, definition), value in scores.items()
    ]


def scores_of(sample: Sample, found: NDArray[Any]) -> dict[Key, float]:
    """Every score of what was found in an image, a label map (H, W), against the truth that the sample has:
    instances, or points at a known pixel spacing. Within its region, if it has one."""
    region = sample.signals.get(Signal.REGION)
    if Signal.INSTANCES not in sample.signals:
        return point_scores(sample[Signal.POINTS], found, _spacing(sample.mpp, sample.item.id), region)
    compared = (sample[Signal.INSTANCES], found, region)
    return all_scores(*compared) | paper_scores(*compared)


def refuse_unscorable(source: Source, part: str) -> None:
    """Raise UserError if the source has neither instances nor points, the part no images, or one of its
    images points but no known pixel spacing."""
    if not {Signal.INSTANCES, Signal.POINTS} & source.offers:
        where = f" at {source.place}" if source.place else ""
        raise UserError(
            f"{source.name}{where} has no instances and no points, so nothing can be scored on it; maskless "
            "predict segments its images"
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
    if Signal.INSTANCES not in source.offers:
        for item in source.items(part):
            _spacing(source.read(item, ()).mpp, f"{item.id} of {source.name}")


def _spacing(mpp: float | None, image: str) -> float:
    if mpp is None:
        raise UserError(
            f"points are found within {HIT_UM:g} µm, and the µm/px of {image} is not known: state it "
            "(dataset.mpp= of a folder, fields.csv of ki67_breast), or leave the points out"
        )
    return mpp
