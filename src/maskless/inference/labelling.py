"""The labelling index that was found in an image beside the true one, and how the classes agree."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.classify import NEGATIVE, POSITIVE
from maskless.data.derive import complete
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.labelling_index import labelling_index
from maskless.metrics import HIT_UM, ClassAgreement, class_agreement, overlap, point_pairs
from maskless.metrics.counts import PANOPTIC, WITHIN
from maskless.metrics.panoptic import matches
from maskless.metrics.points import lies_in
from maskless.metrics.region import centroids
from maskless.signals import Sample, Signal

#: Of a nucleus: its id, or the row of its point.
Keys = NDArray[np.int64]
Row = dict[str, Any]

#: What is counted of an image, and summed over images.
_COUNTS = ("true_positive", "true_negative", "positive", "negative")


def index_row(sample: Sample, instances: NDArray[Any], classes: Mapping[int, str]) -> Row:
    """What labelling_index.csv says of an image, without the columns that say which image it is.

    `instances` (H, W) is what was found, 0 = background, and `classes` the class of each of its ids; the
    truth is in `sample`, as instances or points, with classes. Only POSITIVE and NEGATIVE nuclei count, on
    either side, and those inside the region, if the sample has one, by their centroid or point. Counts of
    both sides, the index that follows from each with the interval of the one found (percent), their
    difference (`error_percent`, found less true), and of the nuclei that match and have a class on both
    sides a count of each pair of classes, and accuracy, precision and recall of the positive (0 to 1). What
    is undefined is None.
    """
    true_keys, pred_keys, pairs, match = _met(sample, instances)
    true, pred = _words(sample[Signal.CLASSES], true_keys), _words(classes, pred_keys)
    of_pairs = _words(sample[Signal.CLASSES], pairs[:, 0]), _words(classes, pairs[:, 1])
    told = np.isin(of_pairs[0], (POSITIVE, NEGATIVE)) & np.isin(of_pairs[1], (POSITIVE, NEGATIVE))
    agreement = class_agreement(*(words[told] == POSITIVE for words in of_pairs))
    counts = {
        f"{side}{name}": int(np.count_nonzero(words == name))
        for side, words in (("true_", true), ("", pred))
        for name in (POSITIVE, NEGATIVE)
    }
    return {"match": match, **_told(counts, agreement)}


def pooled_row(rows: Sequence[Mapping[str, Any]]) -> Row:
    """`index_row` of all images as one: the counts of their rows, numbers or text, summed."""
    names = (*_COUNTS, *vars(ClassAgreement()))
    sums = {name: sum(int(row[name]) for row in rows) for name in names}
    agreement = ClassAgreement(**{name: sums[name] for name in vars(ClassAgreement())})
    return _told({name: sums[name] for name in _COUNTS}, agreement)


def refuse_unclassed(source: Source, part: str) -> None:
    """Raise UserError if no nucleus of the part is positive or negative in truth."""
    found: list[str] = []
    for word in _true_classes(source, part):
        if word in (POSITIVE, NEGATIVE):
            return
        found += [word] * (word not in found)
    classes = f"has nuclei of the classes {', '.join(found[:3])}" if found else "has no classes"
    raise UserError(
        f"{source.name} {classes}, and positive and negative nuclei are what is compared: leave classify= "
        "out; maskless predict classify=... tells its nuclei apart"
    )


def has_true_index(source: Source, part: str) -> bool:
    """Whether any nucleus of the part is negative in truth.

    If none is, only positive ones were annotated (as in LYON19), and a labelling index of the truth would be
    100 % whatever the tissue.
    """
    return NEGATIVE in _true_classes(source, part)


def _true_classes(source: Source, part: str) -> Iterator[str]:
    """The classes of the truth, nucleus by nucleus, each image read when it is come to."""
    for item in source.items(part) if Signal.CLASSES in source.offers else ():
        sample = complete(source.read(item, [Signal.CLASSES]), [Signal.CLASSES])
        yield from sample[Signal.CLASSES].values()


def _met(sample: Sample, instances: NDArray[Any]) -> tuple[Keys, Keys, Keys, str]:
    """The keys of the nuclei that count in truth and prediction, of the pairs that match (K, 2), and how."""
    region = sample.signals.get(Signal.REGION)
    if Signal.INSTANCES in sample.signals:
        table = overlap(sample[Signal.INSTANCES], instances, region)
        good = matches(table)
        true, pred = table.true_ids.astype(np.int64), table.pred_ids.astype(np.int64)
        pairs = np.stack([true[table.true_index[good]], pred[table.pred_index[good]]], axis=1)
        return true, pred, pairs, PANOPTIC
    points = np.asarray(sample[Signal.POINTS], np.float64)
    ids, centres = centroids(instances)
    true, pred = np.arange(len(points)), np.arange(len(ids))
    if region is not None:
        true, pred = np.flatnonzero(lies_in(region, points)), np.flatnonzero(lies_in(region, centres))
    pairs = point_pairs(points[true], centres[pred], HIT_UM, mpp=sample.mpp)
    keys = ids[pred].astype(np.int64)
    return true, keys, np.stack([true[pairs[:, 0]], keys[pairs[:, 1]]], axis=1), WITHIN


def _words(classes: Mapping[int, str], keys: Keys) -> NDArray[Any]:
    return np.array([classes.get(key, "") for key in keys.tolist()], dtype=object)


def _told(counts: Mapping[str, int], agreement: ClassAgreement) -> Row:
    true = labelling_index(counts["true_positive"], counts["true_negative"])
    found = labelling_index(counts["positive"], counts["negative"])
    return {
        "true_positive": counts["true_positive"],
        "true_negative": counts["true_negative"],
        "true_index_percent": _percent(true.value),
        "positive": counts["positive"],
        "negative": counts["negative"],
        "index_percent": _percent(found.value),
        "low_95_percent": _percent(found.low),
        "high_95_percent": _percent(found.high),
        "error_percent": _percent(found.value - true.value),
        **vars(agreement),
        "accuracy": _share(agreement.accuracy),
        "positive_precision": _share(agreement.positive_precision),
        "positive_recall": _share(agreement.positive_recall),
    }


def _percent(share: float) -> float | None:
    return None if isnan(share) else round(100 * share, 2)


def _share(value: float) -> float | None:
    return None if isnan(value) else round(value, 4)
