"""maskless optimise: train again and again, each time with values that earlier trainings make look good."""

import json
import logging
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from maskless.build import build
from maskless.commands.compose import Config
from maskless.commands.jobs import run_job
from maskless.commands.objects import build_method, build_sources
from maskless.errors import PartlyDone, UserError
from maskless.methods.stage import LOSS
from maskless.metrics import HIGHER_IS_BETTER
from maskless.runs import Run
from maskless.signals import Role
from maskless.training.search import TrainingSearch
from maskless.training.study import Study, Trial

#: Options of which a search that goes on may be given others than it was begun with.
OF_TODAY = ("hardware", "progress", "data_root", "trust")


def run(config: Config) -> None:
    """Run the trials that are missing, then say which values are best, as a command to train with."""
    search = build(config.get("search"), config["trust"])
    if not isinstance(search, TrainingSearch):
        raise UserError(
            "optimise takes a search of trainings, as search=le_bescond_2022; a chain is tuned by maskless "
            "evaluate search=postprocess"
        )
    if config["resume"]:
        raise UserError("optimise goes on by itself, given the words it was begun with: leave resume= out")
    selection = _selection(config)
    words = _words(config["command"][2:])
    folder = Path(config["runs_dir"]) / config["study"]
    _refuse_at_work(folder)
    spec = {key: value for key, value in config["search"].items() if key != "trials"}
    lasting = [word for word in words if word.partition("=")[0].partition(".")[0] not in OF_TODAY]
    about = {"words": lasting, "search": spec, "seed": config["seed"]}
    study = Study(folder, search, about, HIGHER_IS_BETTER[selection])
    study.stop_running()
    while len(study.settled) < search.trials:
        _one_trial(study, config, words, selection)
    _say(study, words, selection)
    if failed := [trial for trial in study.settled if trial.state == "failed"]:
        named = "; ".join(f"trial {trial.number} ({trial.why})" for trial in failed)
        count = f"{len(failed)} of {len(study.settled)}"
        raise PartlyDone(f"{count} trials failed; the table is {folder / 'study.csv'}: {named}")


def _one_trial(study: Study, config: Config, words: Sequence[str], selection: str) -> None:
    """Train once. Raises UserError if that fails and nothing has worked before: then nothing will."""
    trial = study.begin(config["seed"])
    search = study.search
    values = written(search.values(trial.places))
    done = len(study.settled) + 1
    print(f"trial {done} of {search.trials}: {shlex.join(values)}")
    with tempfile.TemporaryDirectory() as place:
        job = [*words, *written(search.fixed), *values, f"study={config['study']}"]
        row = run_job(job, Path(place) / "job.json")
    score = row["value"] if isinstance(row["value"], float) and row["value"] == row["value"] else None
    why = row["why"] or ("" if score is not None else f"it has no validation {selection}")
    if score is None and study.best is None:
        study.end(run=row["run"])
        study.write_table()
        raise UserError(f"the first trial failed, so no other was tried: {why}")
    study.end(score=score if not why else None, why=why, run=row["run"])
    study.write_table()
    _drop_weights(study)


def _drop_weights(study: Study) -> None:
    """Remove the checkpoints of all trials but the best: fifty of a large network fill a disk.

    Of a run outside the study's folder, which study.db may name if it is somebody else's, none is removed.
    """
    best = study.best
    for trial in study.settled:
        run = study.folder / Path(trial.run).name
        if trial.run and run.is_dir() and (best is None or trial.number != best.number):
            shutil.rmtree(run / "checkpoints", ignore_errors=True)


def _selection(config: Config) -> str:
    """The validation score that tells trials apart. Raises UserError if there is none."""
    logging.getLogger("lightning").setLevel(logging.WARNING)
    selection = build_method(config).selection
    sources = build_sources(config)
    if selection == LOSS or selection not in HIGHER_IS_BETTER:
        raise UserError(
            f"optimise compares validation scores, and method.selection={selection} is none: choose one, "
            "method.selection=f1, say"
        )
    if Role.MAIN not in sources or not sources[Role.MAIN].scorable("val"):
        raise UserError("optimise compares validation scores, and the source has no images for them")
    return selection


def _refuse_at_work(folder: Path) -> None:
    """Raise UserError if a training of this study is still running, its search having been killed, say."""
    for state in sorted(folder.glob("*/state.json")):
        run = Run(state.parent)
        if run.at_work:
            raise UserError(f"process {run.state['pid']} is still at work on {run.path}: stop it first")


# -- words ---------------------------------------------------------------------------------------------------


def _words(words: Sequence[str]) -> list[str]:
    """What of the command's words is for each training: not the search, the study, nor flags."""
    kept, rest = [], iter(words)
    for word in rest:
        if word == "--config-dir":
            next(rest, None)
        elif not word.startswith("-") and word.partition("=")[0].partition(".")[0] not in ("search", "study"):
            kept.append(word)
    return kept


def written(values: Mapping[str, Any]) -> list[str]:
    """Options as words of the command line."""
    return [f"{name}={_written(value)}" for name, value in values.items()]


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


# -- what is said --------------------------------------------------------------------------------------------


def _say(study: Study, words: Sequence[str], selection: str) -> None:
    """The best trials in a table, and the command for a whole training with the best values."""
    best = study.best
    assert best is not None
    search = study.search
    scored = [trial for trial in study.settled if trial.score is not None]
    shown = sorted(scored, key=lambda trial: (trial.score or 0) * (-1 if study.higher_is_better else 1))[:10]
    table = Table("trial", selection, *search.space, title=f"the best of {len(study.settled)} trials")
    for trial in shown:
        table.add_row(str(trial.number), f"{trial.score:.4f}", *map(_short, _values(search, trial)))
    Console().print(table)
    print(f"the table of all is {study.write_table()}; with the best values, trial {best.number}:")
    print(shlex.join(["maskless", "train", *words, *written(search.values(best.places))]))


def _values(search: TrainingSearch, trial: Trial) -> list[Any]:
    return list(search.values(trial.places).values())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else _written(value)
