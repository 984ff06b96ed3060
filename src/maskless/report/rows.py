"""A row from runs: their means and deviations, and what is known of them beside their scores."""

from collections.abc import Collection, Iterator, Sequence
from math import isnan, nan
from statistics import fmean
from typing import Literal

from maskless.metrics import COUNTS
from maskless.report.column import Column
from maskless.report.groups import Scored
from maskless.report.pooling import pooled_scores
from maskless.report.summary import summary
from maskless.report.table import Row, Value
from maskless.signals import Annotation


def row_of(name: str, group: Sequence[Scored], images: Sequence[str]) -> Row:
    """The row of one recipe's runs on the `images` of a table."""
    seen = {image for entry in group for image in entry.images if _has_learnt_from(entry, image)}
    columns = dict.fromkeys(column for entry in group for column in entry.scores)
    means = {column: value for column in columns if (value := _value(group, column))}
    return Row(
        name=name,
        annotation=_cost(group[0]),
        values={column: v for column, v in means.items() if column.metric not in COUNTS}
        | _pooled_values(group),
        runs=tuple(entry.run for entry in group),
        by_image={column: _by_image(group, column) for column in columns},
        seen=tuple(image for image in images if image in seen),
        lacks=_lacks(group),
        note="; ".join(_remarks(group, seen)),
    )


def _cost(entry: Scored) -> Annotation | None:
    """What a person had to draw: of tissue in the stain that was scored, or in another."""
    cost, learnt, scored = entry.run.annotation, entry.run.stain, entry.about.get("stain")
    other = cost is Annotation.MASKS and learnt and scored and learnt != scored
    return Annotation.OTHER_STAIN if other else cost


def _has_learnt_from(entry: Scored, image: str) -> bool:
    """Whether the run that scored the image has learnt from its tissue; other folds' runs may well have."""
    also = entry.about.get("same_tissue") or ()
    return not entry.run.trained_on.isdisjoint({_case(entry, image), str(entry.about.get("name")), *also})


def _remarks(group: Sequence[Scored], seen: Collection[str]) -> Iterator[str]:
    if any(_case(entry, image) in entry.run.chosen_on for entry in group for image in entry.images):
        yield "chosen on these images"
    if any(entry.run.chain for entry in group):
        yield "its post-processing was tuned on validation images, with their masks"
    if any(entry.run.learnt_from and not entry.run.trained_on for entry in group):
        yield "which images it has learnt from is not recorded"
    if len({entry.run.commit for entry in group}) > 1:
        yield "its runs are of several commits"
    known = {
        image
        for entry in group
        for image in entry.images.difference(seen)
        if (entry.about.get("name"), entry.about.get("groups", {}).get(image)) in entry.run.patients
    }
    if known:
        yield f"has learnt from other images of the patients or slides of {len(known)} of these images"
    of_all = set.intersection(*(set(entry.scores) for entry in group))
    partly = {column for entry in group for column in entry.scores} - of_all
    if partly:
        yield f"{len(partly)} scores are of some of its {len(group)} runs alone (maskless evaluate adds them)"


def _lacks(group: Sequence[Scored]) -> str:
    """Why the row's values are not those of all images, folds and seeds; empty if they are."""
    first = group[0]
    if first.run.state != "finished":
        return first.run.state
    for entry in group:
        listed = (entry.about.get("parts") or {}).get(entry.part) or entry.images
        if missing := len(set(listed) - entry.images):
            return f"{len(listed) - missing} of {len(listed)} images of {entry.split} scored"
    folds, seeds = len({entry.split for entry in group}), len({entry.run.seed for entry in group})
    if folds < first.folds:
        return f"{folds} of {first.folds} folds"
    return f"{len(group)} of {folds * seeds} runs, {folds} folds by {seeds} seeds" * (
        len(group) < folds * seeds
    )


def _case(entry: Scored, image: str) -> str:
    return str(entry.about.get("cases", {}).get(image, ""))


def _by_image(group: Sequence[Scored], column: Column) -> dict[str, float]:
    """The mean over seeds of each image's defined values."""
    values: dict[str, list[float]] = {}
    for entry in group:
        for image, value in entry.scores.get(column, {}).items():
            values.setdefault(image, []).append(value)
    return {image: found[0] if (found := summary(many)) else nan for image, many in sorted(values.items())}


def _value(group: Sequence[Scored], column: Column) -> Value | None:
    """Over images; with several seeds over the means of the runs, with folds over the means of the folds."""
    of_runs = [(entry, summary(list(entry.scores.get(column, {}).values()))) for entry in group]
    defined = {image for entry in group for image, v in entry.scores.get(column, {}).items() if not isnan(v)}
    if len(group) == 1:
        only = of_runs[0][1]
        return Value(only[0], only[1], "images", only[2], len(defined)) if only else None
    return _over_runs([(entry.split, found[0]) for entry, found in of_runs if found], len(defined))


def _over_runs(of_runs: Sequence[tuple[str, float]], images: int) -> Value | None:
    by_fold: dict[str, list[float]] = {}
    for split, value in of_runs:
        by_fold.setdefault(split, []).append(value)
    of: Literal["folds", "seeds"] = "folds" if len(by_fold) > 1 else "seeds"
    values = [fmean(many) for many in by_fold.values()] if of == "folds" else [v for _, v in of_runs]
    found = summary(values)
    return Value(found[0], found[1], of, found[2], images) if found else None


def _pooled_values(group: Sequence[Scored]) -> dict[Column, Value]:
    """Pooled scores, with several runs their mean over seeds or folds."""
    of_runs: dict[Column, list[tuple[str, float]]] = {}
    for entry in group:
        for column, value in pooled_scores(entry.scores).items():
            of_runs.setdefault(column, []).append((entry.split, value))
    images = len({image for entry in group for image in entry.images})
    found = {column: _over_runs(values, images) for column, values in of_runs.items()}
    return {column: value for column, value in found.items() if value}
