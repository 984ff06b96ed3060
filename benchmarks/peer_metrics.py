"""Calls of other people's metrics and of ours for the same numbers, ready to be timed and compared."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import naive_metrics
import numpy as np
from numpy.typing import NDArray

from maskless import metrics
from maskless.metrics import THRESHOLDS

Call = Callable[[NDArray, NDArray], list[float]]  #: (true, pred) -> values, in an order both sides share

#: A peer may compute in float32, or add 1e-8 to its denominators.
TOLERANCE = 1e-6

_AT_LEAST = "a match is IoU >= 0.5; Kirillov's, and ours, is IoU > 0.5"


@dataclass(frozen=True)
class Comparison:
    """One call of a peer, and ours for the same values. `another` says what the peer's definition is if it is
    not ours, though on many maps the two give the same."""

    code: str
    computes: str
    theirs: Call
    ours: Call
    another: str = ""


def comparisons(say: Callable[[str], None]) -> list[Comparison]:
    """All that can be imported; each that cannot is said in a line."""
    found: list[Comparison] = []
    for peer in (_stardist, _cellpose, _panoptica, _torchmetrics, _cellseg_metrics, _naive):
        try:
            found += peer()
        except Exception as error:  # whatever its import does, the others go on
            say(f"{peer.__name__.strip('_')} is left out: {type(error).__name__}: {error}")
    return found


def _stardist() -> Iterator[Comparison]:
    from stardist.matching import matching

    def curve(true: NDArray, pred: NDArray) -> list[float]:
        found = matching(true, pred, thresh=THRESHOLDS)
        return [value for at in found for value in (at.precision, at.recall, at.f1, at.accuracy)]

    def quality(true: NDArray, pred: NDArray) -> list[float]:
        return [float(matching(true, pred, thresh=0.5).panoptic_quality)]

    yield Comparison("stardist.matching", "P, R, F1, accuracy at 11 IoUs", curve, _our_curve)
    yield Comparison("stardist.matching", "PQ", quality, lambda t, p: _our_quality(t, p)[:1], _AT_LEAST)


def _cellpose() -> Iterator[Comparison]:
    from cellpose.metrics import aggregated_jaccard_index, average_precision

    def accuracy(true: NDArray, pred: NDArray) -> list[float]:
        return average_precision(true, pred, list(THRESHOLDS))[0].tolist()

    def aji(true: NDArray, pred: NDArray) -> list[float]:
        return aggregated_jaccard_index([true], [pred]).tolist()

    yield Comparison("cellpose.metrics", "accuracy at 11 IoUs", accuracy, lambda t, p: _our_curve(t, p)[3::4])
    yield Comparison(
        "cellpose.metrics",
        "AJI",
        aji,
        lambda t, p: [metrics.aji_plus(t, p)],
        "one-to-one, most IoU >= 0.5 first; U is the union of both foregrounds",
    )


def _panoptica() -> Iterator[Comparison]:
    from panoptica import (
        InputType,
        NaiveThresholdMatching,
        Panoptica_Evaluator,
        disable_citation_reminder,
    )
    from panoptica.metrics import Metric

    disable_citation_reminder()
    evaluator = Panoptica_Evaluator(
        expected_input=InputType.UNMATCHED_INSTANCE,
        instance_matcher=NaiveThresholdMatching(matching_metric=Metric.IOU, matching_threshold=0.5),
        instance_metrics=[Metric.IOU],
        global_metrics=[],
    )

    def quality(true: NDArray, pred: NDArray) -> list[float]:
        found = evaluator.evaluate(pred, true, result_all=False)["ungrouped"]
        return [float(found.pq), float(found.rq), float(found.sq)]

    yield Comparison("panoptica", "PQ, DQ, SQ", quality, _our_quality, _AT_LEAST)


def _torchmetrics() -> Iterator[Comparison]:
    import torch
    from torchmetrics.functional.detection import panoptic_quality

    torch.set_num_threads(1)

    def coloured(labels: NDArray) -> "torch.Tensor":
        category = (labels > 0).astype(np.int64)
        return torch.from_numpy(np.stack([category, labels.astype(np.int64)], axis=-1))[None]

    def quality(true: NDArray, pred: NDArray) -> list[float]:
        found = panoptic_quality(
            coloured(pred),
            coloured(true),
            things={1},
            stuffs={0},
            return_sq_and_rq=True,
            return_per_class=True,
        )
        pq, sq, rq = found[0].tolist()
        return [pq, rq, sq]

    yield Comparison("torchmetrics", "PQ, DQ, SQ", quality, _our_quality)


def _cellseg_metrics() -> Iterator[Comparison]:
    import cellseg_metrics

    def quality(true: NDArray, pred: NDArray) -> list[float]:
        found = cellseg_metrics.panoptic_quality(true, pred)
        return [found["pq"], found["dq"], found["sq"]]

    yield Comparison("cellseg-metrics", "PQ, DQ, SQ", quality, _our_quality)
    yield Comparison(
        "cellseg-metrics",
        "AJI",
        lambda t, p: [float(cellseg_metrics.aggregated_jaccard_index(t, p))],
        lambda t, p: [metrics.aji(t, p)],
        "the partner covers most of a nucleus, not the highest IoU",
    )


def _naive() -> Iterator[Comparison]:
    yield Comparison(
        "full-mask loop",
        "AJI (Kumar)",
        lambda t, p: [naive_metrics.naive_aji(t, p)],
        lambda t, p: [metrics.aji(t, p)],
    )
    yield Comparison(
        "full-mask loop",
        "object Dice",
        lambda t, p: [naive_metrics.naive_object_dice(t, p)],
        lambda t, p: [metrics.object_dice(t, p)],
    )
    yield Comparison(
        "full-mask loop",
        "object Hausdorff",
        lambda t, p: [naive_metrics.naive_object_hausdorff(t, p)],
        lambda t, p: [metrics.object_hausdorff(t, p, unmatched="zero")],
    )


def _our_curve(true: NDArray, pred: NDArray) -> list[float]:
    found = metrics.iou_scores(true, pred)
    return [value for at in found.values() for value in (at.precision, at.recall, at.f1, at.accuracy)]


def _our_quality(true: NDArray, pred: NDArray) -> list[float]:
    return list(asdict(metrics.panoptic_quality(true, pred)).values())
