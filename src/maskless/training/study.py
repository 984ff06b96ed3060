"""The trials of a search, in a file that outlives its process: study.db, an Optuna study."""

import csv
import io
import json
import sqlite3
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskless.atomic import write_atomically
from maskless.errors import UserError
from maskless.training.search import TrainingSearch, Values


@dataclass(frozen=True)
class Trial:
    """One training. `state` is running, finished, failed, or stopped before it could be either.

    `places` are its values as the search calls them, `score` is the validation score if it has one, `run` its
    run directory if it came so far, `why` why it failed.
    """

    number: int
    state: str
    places: Values = field(default_factory=dict)
    score: float | None = None
    run: str = ""
    why: str = ""


class Study:
    """The trials of one search in `folder`, which is made. study.db opens in Optuna's own tools as well.

    `about` says what is searched, as plain values. Raises UserError if the file there is of something else.
    """

    def __init__(
        self, folder: Path, search: TrainingSearch, about: Mapping[str, Any], higher_is_better: bool
    ) -> None:
        import optuna
        from sqlalchemy.pool import NullPool

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.search, self.higher_is_better = folder, search, higher_is_better
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write a study in {folder}: {error.strerror}") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Connected by us, for in a URL a path may not have every character.
            connected = {"creator": lambda: sqlite3.connect(self.path), "poolclass": NullPool}
            self._study = optuna.create_study(
                storage=optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs=connected),
                study_name="maskless",
                direction="maximize" if higher_is_better else "minimize",
                load_if_exists=True,
            )
        stored = self._study.user_attrs.get("about")
        if stored is None:
            self._study.set_user_attr("about", json.dumps(about, sort_keys=True))
        elif stored != json.dumps(about, sort_keys=True):
            raise UserError(
                f"{self.path} is of another search: choose another study=NAME, or give the very words with "
                f"which that one was begun, {stored}"
            )

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "study.db"

    @property
    def trials(self) -> list[Trial]:
        """All trials, in their order."""
        return [self._trial(stored) for stored in self._study.trials if stored.state.name != "WAITING"]

    @property
    def settled(self) -> list[Trial]:
        """The trials that have a result, be it a failure: the others are done again."""
        return [trial for trial in self.trials if trial.state in ("finished", "failed")]

    @property
    def best(self) -> Trial | None:
        """The trial of the best score, the first of several; None if none has any."""
        scored = [(trial.score, trial) for trial in self.settled if trial.score is not None]
        sign = 1 if self.higher_is_better else -1
        return max(scored, key=lambda pair: sign * pair[0])[1] if scored else None

    def stop_running(self) -> None:
        """Settle that trials which an earlier process has left running will not finish."""
        from optuna.trial import TrialState

        for trial in self.trials:
            if trial.state == "running":
                self._study.tell(trial.number, state=TrialState.FAIL)

    def begin(self, seed: int) -> Trial:
        """The next trial, running until `end`. The same seed and results before give the same values."""
        from optuna.trial import TrialState

        tried = [(trial.places, trial.score) for trial in self.settled]
        if not self._study.get_trials(states=(TrialState.WAITING,)):  # or a process was killed right here
            self._study.enqueue_trial(self.search.proposed(tried, seed, self.higher_is_better))
        self._open = self._study.ask(self.search.distributions)
        return Trial(self._open.number, "running", dict(self._open.params))

    def end(self, *, score: float | None = None, why: str = "", run: str = "") -> None:
        """Settle the trial that was begun: by its score or by why it failed; by neither, it is done again."""
        from optuna.trial import TrialState

        self._open.set_user_attr("run", run)
        self._open.set_user_attr("why", why)
        self._study.tell(self._open, score, state=TrialState.FAIL if score is None else None)

    def write_table(self) -> Path:
        """study.csv: a row a trial."""
        rows = [
            {
                "trial": trial.number,
                "state": trial.state,
                "score": "" if trial.score is None else trial.score,
                **self.search.values(trial.places),
                "run": trial.run,
                "why": trial.why,
            }
            for trial in self.trials
        ]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        path = self.folder / "study.csv"
        write_atomically(path, text.getvalue().encode())
        return path

    def _trial(self, stored: Any) -> Trial:
        attributes = stored.user_attrs
        state = {"RUNNING": "running", "COMPLETE": "finished"}.get(stored.state.name)
        if state is None:
            state = "failed" if attributes.get("why") else "stopped"
        facts = {name: attributes.get(name, "") for name in ("run", "why")}
        return Trial(stored.number, state, dict(stored.params), stored.value, **facts)
