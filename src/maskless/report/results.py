"""What a run directory says of itself, read once: the input of every table and figure."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from maskless.errors import UserError
from maskless.runs import Run


class Column(NamedTuple):
    """One measure: a metric, by one definition, within one region of the images."""

    metric: str
    definition: str
    region: str


#: By (source, part) and column, the value of each image; nan where it is undefined.
Scores = Mapping[tuple[str, str], Mapping[Column, Mapping[str, float]]]


@dataclass(frozen=True)
class Result:
    """A run, as a comparison sees it.

    `state` is 'finished', 'failed' or 'unfinished'; `why` is empty, or says of the others 'failed: ...'.
    `learnt_from` names the sources of a training, and is empty if there was none.
    """

    path: Path
    study: str
    method: str
    learnt_from: str
    seed: str
    state: str
    why: str
    command: str
    commit: str
    config: Mapping[str, Any]
    data: Mapping[str, Mapping[str, Any]]
    scores: Scores
    epochs: Sequence[Mapping[str, float]]


def read_result(run: Run) -> Result:
    """Read the files of a run but its checkpoints. Raises UserError naming the file that is at fault."""
    config, about, data, state = run.config, run.about, run.data, run.state
    epochs = _epochs(run)
    word = str(state.get("state"))
    return Result(
        path=run.path,
        study=str(about.get("study", "")),
        method=str((config.get("choices") or {}).get("method") or run.path.name),
        learnt_from=_learnt_from(data) if epochs else "",
        seed=str(config.get("seed", "")),
        state=word if word in ("finished", "failed") else "unfinished",
        why=_why(state),
        command=shlex.join(about.get("command", ())),
        commit=str(about.get("commit") or ""),
        config=config,
        data=data,
        scores=_by_part(run),
        epochs=epochs,
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


def _learnt_from(data: Mapping[str, Mapping[str, Any]]) -> str:
    """'multiorgan', or with further roles 'multiorgan, prior pannuke'."""
    words = {role: str(described.get("name")) for role, described in data.items()}
    return ", ".join(name if role == "main" else f"{role} {name}" for role, name in words.items())


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


def _by_part(run: Run) -> Scores:
    scores: dict[tuple[str, str], dict[Column, dict[str, float]]] = {}
    try:
        for row in run.scores:
            column = Column(row["metric"], row["definition"], row["region"])
            images = scores.setdefault((row["source"], row["split"]), {}).setdefault(column, {})
            images[row["image"]] = float(row["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{run.path}/scores.csv cannot be read ({error!r}): score the run again") from error
    return scores
