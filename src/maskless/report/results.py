"""What a run directory says of itself, read once: the input of every table and figure."""

import csv
import hashlib
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isinf, nan
from pathlib import Path
from typing import Any

from maskless.build import TARGET
from maskless.errors import UserError
from maskless.report.column import Column
from maskless.report.folds import family
from maskless.report.structure import structure_told
from maskless.runs import Run, by_name, learnt_elsewhere
from maskless.signals import Annotation

#: How networks and segmenters are written in print where it is not as they are chosen.
_PRINTED = {"UGATIT": "U-GAT-IT", "stardist": "StarDist", "cellpose": "Cellpose", "hovernet": "HoVer-Net"}

#: By (source, part) and column, the value of each image; nan where it is undefined.
Scores = Mapping[tuple[str, str], Mapping[Column, Mapping[str, float]]]


@dataclass(frozen=True)
class PriorRow:
    """A row of prior_statistics.csv; nan where there is no number, as for the epoch of the prior."""

    which: str
    statistic: str
    epoch: float
    q25: float
    median: float
    q75: float
    distance_to_prior: float


@dataclass(frozen=True)
class Result:
    """A run, as a comparison sees it.

    `state` is 'finished', 'failed' or 'unfinished'; `why` is empty, or says of the others 'failed: ...'.
    `learnt_from` names the sources of a training, `learnt_files` their files, both empty if there was none.
    `trained_on` holds the cases that it has learnt from, `patients` their (source, group), and `chosen_on`
    the cases that chose its checkpoint or its chain; `annotation` says what a person had to draw, on tissue
    of a `stain`, empty if nobody knows. `described` says of each source that is scored, by its label in the
    scores, what was read. `checkpoint` is the SHA-256 of the weights as they are now, empty if there are
    none; `chain` is 'tuned' if its post-processing was searched. `label` is what the source of a table is
    called in the run's own files, where it is in a table.
    `epochs` are the rows of metrics.csv, `stages` the stage of each, empty if it is one.
    `structure` says in sentences, by source and part, what a translation has kept of the nuclei.
    `prior_statistics` say how masks of a prior and predicted ones are, if it has learnt from a prior.
    """

    path: Path
    study: str
    method: str
    learnt_from: str
    learnt_files: str
    trained_on: frozenset[str]
    patients: frozenset[tuple[str, str]]
    chosen_on: frozenset[str]
    annotation: Annotation | None
    seed: str
    state: str
    why: str
    command: str
    commit: str
    config: Mapping[str, Any]
    described: Mapping[str, Mapping[str, Any]]
    checkpoint: str
    chain: str
    label: str
    scores: Scores
    epochs: Sequence[Mapping[str, float]]
    prior_statistics: Sequence[PriorRow] = ()
    stages: Sequence[str] = ()
    stain: str = ""
    structure: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)

    @property
    def last_stage(self) -> Sequence[Mapping[str, float]]:
        """The epochs of the last stage that has any: each stage counts its epochs from 0."""
        if not self.stages:
            return self.epochs
        return [row for row, of in zip(self.epochs, self.stages, strict=True) if of == self.stages[-1]]

    def about(self, source: str) -> Mapping[str, Any]:
        """What the run has recorded of a source, empty if nothing."""
        return self.described.get(source, {})


def images_of(scores: Mapping[Column, Mapping[str, float]]) -> list[str]:
    """All images that any column has, each once."""
    return list(dict.fromkeys(image for values in scores.values() for image in values))


def read_result(run: Run) -> Result:
    """Read the files of a run but its checkpoints. Raises UserError naming what is at fault."""
    try:
        return _read(run)
    except (AttributeError, LookupError, TypeError, ValueError, OSError, csv.Error) as error:
        # A run directory may be anybody's, and hold anything.
        raise UserError(f"{run.path} cannot be read, its files are not those of a run: {error}") from error


def _read(run: Run) -> Result:
    config, about, data, state = run.config, run.about, run.data, run.state
    for key in ("method", "dataset", "choices", "hardware"):
        if not isinstance(config.get(key) or {}, Mapping):
            raise UserError(f"{run.path}/config.yaml is no configuration of a run: its {key} is no mapping")
    described = by_name(data) | run.scored
    for label, source in described.items():
        if not all(isinstance(source.get(key) or {}, Mapping) for key in ("parts", "groups", "cases")):
            raise UserError(f"{run.path} does not describe {label} as a run does: score it again")
    epochs = _epochs(run)
    tuned = run.chain is not None
    # What was only scored has learnt elsewhere: its method says from what.
    trained = bool(epochs or (config.get("method") or {}).get("epochs")) and not learnt_elsewhere(config)
    by_score = (config.get("method") or {}).get("selection") != "loss"
    word = str(state.get("state"))
    return Result(
        path=run.path,
        study=str(about.get("study", "")),
        method=_method(config) or run.path.name,
        learnt_from=_learnt_from(data) if trained else "",
        learnt_files=_learnt_files(data) if trained else "",
        trained_on=_cases(data, "train", data if trained else ()) | _of_others(config),
        patients=_patients(data) if trained else frozenset(),
        chosen_on=_cases(data, "val", ("main",) if (trained and by_score) or tuned else ()),
        annotation=_annotation(about),
        stain=str((data.get("main") or {}).get("stain") or "") if trained else "",
        seed=str(config.get("seed", "")),
        state=word if word in ("finished", "failed") else "unfinished",
        why=_why(state),
        command=shlex.join(about.get("command", ())),
        commit=str(about.get("commit") or ""),
        config=config,
        described=described,
        checkpoint=_checkpoint(run) if trained else "",
        chain="tuned" if tuned else "",
        label="",
        scores=_by_part(run),
        epochs=epochs,
        prior_statistics=_prior_statistics(run),
        stages=[row.get("stage") or "" for row in run.metrics],
        structure=_structure(run),
    )


def names(results: Sequence[Result]) -> list[str]:
    """A name for each run that no other has: its method, with the seed and then the folder where needed.

    Of several, the one that is scored has the short name, so that a failed attempt does not take it away.
    """
    forms = [_forms(result) for result in results]
    of_all = Counter(word for words in forms for word in set(words))
    of_scored = Counter(
        word
        for result, words in zip(results, forms, strict=True)
        for word in set(words if result.scores else words[2:])
    )
    return [
        next((word for word in words if (of_scored if result.scores else of_all)[word] == 1), words[-1])
        for result, words in zip(results, forms, strict=True)
    ]


def _forms(result: Result) -> list[str]:
    """What a run can be called, shortest first; the first two it may share with other runs."""
    with_seed = f"{result.method}, seed {result.seed}"
    return [result.method, with_seed, result.path.name, str(result.path)]


def _method(config: Mapping[str, Any]) -> str:
    """The method that was chosen; of a translation with a segmenter, as in print, 'CycleGAN + StarDist'."""
    choices = config.get("choices") or {}
    method, segmenter = str(choices.get("method") or ""), choices.get("segmenter")
    if not segmenter:
        return method
    gan = str(((config.get("method") or {}).get("gan") or {}).get(TARGET, method)).rpartition(".")[2]
    return f"{_PRINTED.get(gan, gan)} + {_PRINTED.get(segmenter, segmenter)}"


def _learnt_from(data: Mapping[str, Mapping[str, Any]]) -> str:
    """'multiorgan', or with further roles 'multiorgan, prior pannuke'."""
    words = {role: str(described.get("name")) for role, described in data.items()}
    return ", ".join(name if role == "main" else f"{role} {name}" for role, name in words.items())


def _cases(data: Mapping[str, Mapping[str, Any]], part: str, roles: Collection[str]) -> frozenset[str]:
    """The tissue that a part of the sources in these roles shows."""
    return frozenset(
        str(about["cases"][image])
        for role, about in data.items()
        if role in roles
        for image in (about.get("parts") or {}).get(part, ())
        if image in (about.get("cases") or {})
    )


def _patients(data: Mapping[str, Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """The patients or slides that a training has learnt from, known within a source alone."""
    return frozenset(
        (str(about.get("name")), str(about["groups"][image]))
        for about in data.values()
        for image in (about.get("parts") or {}).get("train", ())
        if image in (about.get("groups") or {})
    )


def _of_others(config: Mapping[str, Any]) -> frozenset[str]:
    """What a method says that its weights were trained on: cases, or names of whole sources."""
    named = (config.get("method") or {}).get("trained_on") or ()
    return frozenset([named] if isinstance(named, str) else map(str, named))


def _annotation(about: Mapping[str, Any]) -> Annotation | None:
    try:
        return Annotation(about["annotation"])
    except (KeyError, ValueError):
        return None


def _checkpoint(run: Run) -> str:
    try:
        with run.best.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (UserError, OSError):  # runs are copied without their weights to be compared
        return ""


def _learnt_files(data: Mapping[str, Mapping[str, Any]]) -> str:
    """The fingerprints of what was learnt from; folds of one family have one name."""
    words = []
    for role, about in data.items():
        split = str(about.get("split", ""))
        name, folds = family(split, about.get("splits") or [split])
        words.append(f"{role} {name if folds > 1 else about.get('sha256')}")
    return ", ".join(words)


def _why(state: Mapping[str, Any]) -> str:
    if state.get("state") == "finished":
        return ""
    if state.get("state") == "failed":
        return f"failed: {state.get('why', 'it does not say why')}"
    return f"is unfinished: running since {state.get('time', 'some time')}, or stopped without a word"


def _epochs(run: Run) -> list[dict[str, float]]:
    """The numbers of each epoch by name; what was not measured in it is absent."""
    try:
        return [
            {name: float(value) for name, value in row.items() if name != "stage" and value}
            for row in run.metrics
        ]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{run.path}/metrics.csv cannot be read ({error}): it holds what is no number"
        ) from error


def _prior_statistics(run: Run) -> list[PriorRow]:
    numbers = ("epoch", "q25", "median", "q75", "distance_to_prior")
    try:
        return [
            PriorRow(row["which"], row["statistic"], *(float(row[name] or nan) for name in numbers))
            for row in run.prior_statistics
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{run.path}/prior_statistics.csv cannot be read ({error}): delete it to compare the run without"
        ) from error


def _structure(run: Run) -> dict[tuple[str, str], list[str]]:
    by_part: dict[tuple[str, str], list[dict[str, str]]] = {}
    try:
        for row in run.structure:
            by_part.setdefault((row["source"], row["split"]), []).append(row)
        return {key: list(structure_told(rows)) for key, rows in by_part.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{run.path}/structure.csv cannot be read ({error!r}): score the run again"
        ) from error


def _by_part(run: Run) -> Scores:
    scores: dict[tuple[str, str], dict[Column, dict[str, float]]] = {}
    try:
        for row in run.scores:
            column = Column(row["metric"], row["definition"], row["region"])
            images = scores.setdefault((row["source"], row["split"]), {}).setdefault(column, {})
            images[row["image"]] = _finite(row["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{run.path}/scores.csv cannot be read ({error!r}): score the run again") from error
    return scores


def _finite(word: str) -> float:
    value = float(word)
    if isinf(value):
        raise ValueError(f"{word!r} is no score")
    return value
