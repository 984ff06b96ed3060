"""What each method found: its best, median and worst image again, with its outlines and its errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskless.data.derive import complete
from maskless.data.images import read_labels
from maskless.data.source import Source
from maskless.errors import UserError, first_three
from maskless.metrics import HIT_UM, aji, point_scores
from maskless.metrics.counts import WITHIN
from maskless.report.drawings.outline_path import outline_path
from maskless.report.drawings.point_truth import dots, hits
from maskless.report.drawings.scored_images import (
    chosen,
    find_source,
    keeper,
    keeps_any,
    label_map,
    ranking,
    scorers,
    stored,
)
from maskless.report.drawings.tissue import (
    KEPT_PX,
    Tissue,
    kept_of_points,
    middle,
    nuclei,
    tissue,
    tissue_of_points,
)
from maskless.report.results import Result
from maskless.report.table import Row, Table
from maskless.report.tables import DIGITS
from maskless.report.words import metric_name
from maskless.signals import Sample, Signal

#: Stored and recomputed scores differ by less than this, unless the images or the outlines are others.
SAME = 1e-6


@dataclass(frozen=True)
class Picture:
    """What one run of a row found in one image: outlines and areas, each the `d` of an SVG path in px.

    `correct` is nucleus in truth and prediction, `wrong` in the prediction alone, `missed` in the truth
    alone: pixels, or where the truth is points whole nuclei, and circles of the distance within which they
    match. `score` names what images are ranked by, `stands_for` is 'best of 14' or the like, and may be
    empty.
    """

    row: str
    score: str
    stands_for: str
    tissue: Tissue
    outlines: str
    correct: str
    wrong: str
    missed: str
    caption: str


def pictures(
    table: Table, count: int, trust: Sequence[str] = (), data_root: str | None = None
) -> tuple[list[Picture], list[str]]:
    """Up to `count` pictures of each measured row, and a sentence on each that cannot be made.

    `trust` and `data_root` as in `find_source`.
    """
    made: list[Picture] = []
    notes: dict[str, None] = {}  # in order, each once
    tissues: dict[str, Tissue] = {}
    sources: dict[Path, Source | UserError] = {}  # of each run, or why it has none
    for row in table.rows if count else ():
        if row.runs and not keeps_any(table, row):
            notes[f"{row.name} has not kept its label maps: score it again with predictions=true."] = None
            continue
        for image, stands_for in chosen(table, row, count):
            try:
                run = _keeper(table, row, image)
            except UserError as error:
                notes[f"{image} cannot be shown for {row.name}: {error}."] = None
                continue
            if run.path not in sources:
                sources[run.path] = _source(table, run, trust, data_root)
            source = sources[run.path]
            if isinstance(source, UserError):
                notes[f"The images of {row.name} cannot be read any more: {source}."] = None
                continue
            try:
                made.append(_picture(table, row, run, source, image, stands_for, tissues))
            except UserError as error:
                notes[f"{image} cannot be shown for {row.name}: {error}."] = None
    return made, list(notes)


def _keeper(table: Table, row: Row, image: str) -> Result:
    run = keeper(table, row, image)
    if run is None:
        lost = [str(label_map(table, run, image)) for run in scorers(table, row, image)]
        raise UserError(
            f"its label map was not kept, or is lost ({first_three(lost)}): score it again with "
            "predictions=true"
        )
    return run


def _source(table: Table, run: Result, trust: Sequence[str], data_root: str | None) -> Source | UserError:
    try:
        return find_source(table, run, trust, data_root)
    except UserError as error:
        return error


def _picture(
    table: Table,
    row: Row,
    run: Result,
    source: Source,
    image: str,
    stands_for: str,
    tissues: dict[str, Tissue],
) -> Picture:
    """Read an image, its truth and its label map again; a tissue that is not in `tissues` yet is added."""
    item = next(item for item in source.items(table.part) if item.id == image)
    sample = complete(source.read(item, source.to_score), source.to_score)
    labels = read_labels(label_map(table, run, image), sample[Signal.IMAGE].shape[:2])
    kind = _OfInstances if Signal.INSTANCES in sample.signals else _OfPoints
    drawing = kind(sample, labels)
    if image not in tissues:
        tissues[image] = drawing.tissue()
    correct, wrong, missed = drawing.areas()
    name, then = metric_name(ranking(table)), stored(table, run).get(image, nan)
    return Picture(
        row=row.name,
        score=name,
        stands_for=stands_for,
        tissue=tissues[image],
        outlines=outline_path(labels[drawing.kept]),
        correct=correct,
        wrong=wrong,
        missed=missed,
        caption=_by(table, row, run, image, name) + _caption(name, drawing.score(), then, drawing.found()),
    )


class _OfInstances:
    """What is drawn of an image whose truth is instances: every pixel is right or wrong."""

    def __init__(self, sample: Sample, labels: npt.NDArray[Any]) -> None:
        self.sample, self.labels = sample, labels
        self.truth = sample[Signal.INSTANCES]
        self.kept = middle(labels.shape, KEPT_PX)

    def tissue(self) -> Tissue:
        return tissue(self.sample.item.id, self.sample[Signal.IMAGE], self.truth)

    def areas(self) -> tuple[str, str, str]:
        """The paths of what is correct, wrong and missed."""
        true, found = self.truth[self.kept] > 0, self.labels[self.kept] > 0
        return _area_path(true & found), _area_path(found & ~true), _area_path(true & ~found)

    def score(self) -> float:
        return aji(self.truth, self.labels, self.sample.signals.get(Signal.REGION))

    def found(self) -> int:
        return nuclei(self.labels)


class _OfPoints:
    """What is drawn of an image whose truth is points: each nucleus that was found is right or wrong."""

    def __init__(self, sample: Sample, labels: npt.NDArray[Any]) -> None:
        if sample.mpp is None:
            raise UserError("its µm/px is not known any more, and points are found within a distance in µm")
        self.sample, self.labels, self.mpp = sample, labels, sample.mpp
        self.points = np.asarray(sample[Signal.POINTS], np.float64)
        self.region = sample.signals.get(Signal.REGION)
        self.kept = kept_of_points(labels.shape, self.region)
        self.scores = point_scores(self.points, labels, self.mpp, self.region)

    def tissue(self) -> Tissue:
        return tissue_of_points(self.sample.item.id, self.sample[Signal.IMAGE], self.points, self.region)

    def areas(self) -> tuple[str, str, str]:
        """The paths of what is correct, wrong and missed; of the last, circles about the points."""
        found = hits(self.points, self.labels, self.mpp, self.region)
        missed = found.missed - [self.kept[0].start, self.kept[1].start]
        return (
            _area_path(found.hit[self.kept]),
            _area_path(found.alone[self.kept]),
            dots(missed, HIT_UM / self.mpp),
        )

    def score(self) -> float:
        return self.scores["point_f1", WITHIN]

    def found(self) -> int:
        """The nuclei inside the region: of those outside nobody says whether they are right."""
        return int(self.scores["pred_points", WITHIN])


def _area_path(area: npt.NDArray[np.bool_]) -> str:
    return outline_path(area.astype(np.uint8))


def _by(table: Table, row: Row, run: Result, image: str, score: str) -> str:
    """Which of several runs of the row it is, and the mean over seeds that the image was ranked by."""
    splits = {str(one.about(table.source).get("split", "")) for one in row.runs}
    words = [str(run.about(table.source)["split"])] if len(splits) > 1 else []
    words += [f"seed {run.seed}"] if len({one.seed for one in row.runs}) > 1 else []
    seeds = len(scorers(table, row, image))
    mean = row.by_image.get(ranking(table), {}).get(image, nan)
    ranked = f" (mean {score} of {seeds} seeds {mean:.{DIGITS}f})" if seeds > 1 and not isnan(mean) else ""
    return f"{', '.join(words)}{ranked}: " if words else ""


def _caption(score: str, now: float, then: float, found: int) -> str:
    """What was found; and if the score is not the one that the run has stored, that it is another."""
    caption = f"{score} {now:.{DIGITS}f}, {found} {'nucleus' if found == 1 else 'nuclei'} found"
    if abs(now - then) > SAME:
        caption += f"; scored as {then:.{DIGITS}f}, so on an image, truth or label map other than these"
    return caption
