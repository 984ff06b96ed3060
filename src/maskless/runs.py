"""The run directory: all there is to know of a run, written atomically and read back.

runs/<study>/<method>-<dataset>-<seed>-<time>/
    config.yaml     the resolved configuration
    run.json        id, command, versions, commit, machine
    state.json      running, finished, or failed and why
    data.json       what was read: fingerprint, split, licence
    checkpoints/    best.ckpt (by the method's own rule), last.ckpt; spn-best.ckpt of an earlier stage
    stages/         the maps that a stage left of the training images, for the next to learn from
    chain.yaml      the post-processing that a search chose since, in place of the configuration's
    search.csv      a row a chain that the search tried
    metrics.csv     a row an epoch
    prior_statistics.csv  what masks of a prior and predicted ones are like, a row an epoch and statistic
    scores.csv      a row an image and metric
    labelling_index.csv   a row an image whose nuclei were told apart: counts, index, the true one
    structure.csv   rows an image that was translated: nuclei kept, vanished, appeared, and how far moved
    scored.json     which sources were scored, beside the run's own
    predictions/    label maps, uint16 PNG; translated/IMAGE.jpg beside them of what was translated first
    wandb.json, wandb/, tensorboard/   what a logger was told, if there is one
    figures/        pictures for the report; sheets/STAGE-epoch-0005.png of what a stage made in training
    log.txt         what was logged, and the traceback of a failure
"""

import csv
import io
import json
import logging
import os
import platform
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from maskless.atomic import write_atomically
from maskless.errors import UserError
from maskless.provenance import commit, machine, versions
from maskless.stored import inside, is_plain_name, read_json, read_rows, read_yaml

#: The post-processing that a search chose. Without this file, it is the configuration's again.
CHAIN = "chain.yaml"
PRIOR_STATISTICS = "prior_statistics.csv"
#: Below the label maps of a source and part, what was made of the images before they were segmented.
TRANSLATIONS = "translated"
SCORE_COLUMNS = ("source", "image", "split", "metric", "definition", "region", "value")
#: What names the images that rows are of.
_SCORED = ("source", "split")
#: Where work on a run writes.
_WRITTEN = (
    "log.txt",
    "checkpoints",
    "stages",
    "predictions",
    "figures",
    "figures/sheets",
    "tensorboard",
    "wandb",
    "wandb.json",
)
#: Room for the time and a number, in the 255 bytes that a name can have.
_LONGEST_NAME = 100
#: What a configuration can have under these, if it has anything.
_MAPPINGS = ("method", "dataset", "prior", "target", "test", "choices", "hardware", "schedule")


class Run:
    """A run directory. `Run.create` makes one, `Run.open` reads one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls,
        root: str | Path,
        study: str,
        name: str,
        config: Mapping[str, Any],
        command: Sequence[str],
        data: Mapping[str, Any],
        annotation: str | None = None,
    ) -> "Run":
        """Make the folder `root/study/name-TIME`, which no other job shares, and describe the run in it."""
        now = datetime.now()
        # Both may come from a file of somebody else's: the study of a run, say, or the name of a model.
        name = re.sub(r"[^\w.+-]", "-", name)[:_LONGEST_NAME]
        path = _exclusive(inside(Path(root), study), f"{name}-{now:%Y%m%d-%H%M%S}")
        run = cls(path)
        (path / "checkpoints").mkdir()
        run._write("config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
        run._write_json("run.json", {
            "id": path.name,
            "study": study,
            "created": now.isoformat(timespec="seconds"),
            "command": list(command),
            "annotation": annotation,
            "commit": commit(),
            "machine": machine(),
            "versions": versions(),
        })  # fmt: skip
        run._write_json("data.json", data)
        run.mark("running")
        return run

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """The run at `path`. Raises UserError if there is none."""
        run = cls(Path(path))
        if run.path.is_file():
            raise UserError(f"{path} is a file and no run directory: a model file is given as model={path}")
        if not run.path.is_dir():
            raise UserError(f"there is no run directory {path}; give one that `maskless train` made")
        for name in ("config.yaml", "state.json"):
            if not (run.path / name).is_file():
                raise UserError(
                    f"{path} is no run directory: it has no {name}; give one that `maskless train` made"
                )
        return run

    # -- what the run is ---------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, plain values, with the chain of chain.yaml if there is one.

        Raises UserError, naming the file, for one that cannot be read, or in which a group is no mapping.
        """
        config = read_yaml(self.path / "config.yaml")
        for key in _MAPPINGS:
            if not isinstance(config.get(key) or {}, dict):
                raise UserError(
                    f"{self.path}/config.yaml is no configuration of a run: its {key} is no mapping"
                )
        if config.get("method") and self.chain:
            config["method"]["chain"] = self.chain
        return config

    @property
    def chain(self) -> dict[str, Any] | None:
        """The post-processing that a search chose since, None if none did or its file was deleted."""
        return read_yaml(self.path / CHAIN) if (self.path / CHAIN).is_file() else None

    @property
    def about(self) -> dict[str, Any]:
        """`run.json`: id, study, command, annotation, commit, machine, versions."""
        return read_json(self.path / "run.json")

    @property
    def data(self) -> dict[str, Any]:
        """`data.json`: what was read, by role. Raises UserError for what describes no sources."""
        return _descriptions(self.path / "data.json")

    @property
    def learnt_data(self) -> dict[str, Any]:
        """`data` of a training; nothing of a run that has scored what learnt elsewhere."""
        return {} if learnt_elsewhere(self.config) else self.data

    @property
    def learnt_from(self) -> set[str]:
        """The cases of the training images of each source; its name where they have no case of their own."""
        found: set[str] = set()
        for about in self.learnt_data.values():
            name, images = str(about["name"]), (about.get("parts") or {}).get("train", ())
            cases = {str((about.get("cases") or {}).get(image, f"{name}/")) for image in images}
            found |= cases if cases and not any(case.startswith(f"{name}/") for case in cases) else {name}
        return found

    @property
    def state(self) -> dict[str, Any]:
        """`state.json`: `state` is running, finished or failed, with what is known beside it."""
        return read_json(self.path / "state.json")

    @property
    def at_work(self) -> bool:
        """Whether a process of this machine is working on it now."""
        state = self.state
        if state.get("state") != "running" or state.get("host") != platform.node():
            return False
        try:
            return b"maskless" in Path(f"/proc/{int(state['pid'])}/cmdline").read_bytes()
        except (OSError, KeyError, TypeError, ValueError):
            return False

    def mark(self, state: str, **facts: Any) -> None:
        """Record how the run stands."""
        when = datetime.now().isoformat(timespec="seconds")
        self._write_json(
            "state.json", {"state": state, "time": when, "host": platform.node(), "pid": os.getpid(), **facts}
        )

    @contextmanager
    def recorded(self, finished: bool = False) -> Iterator[None]:
        """While work is done: running, then finished, or failed and why. A `finished` run stays as it is.

        Meanwhile log.txt takes what maskless and Lightning log, warnings, and the traceback of a failure.
        Raises UserError for a folder that leads out of the run, by a link.
        """
        for name in _WRITTEN:
            inside(self.path, name)
        with _log_to(self.path / "log.txt"):
            try:
                if not finished:
                    self.mark("running")
                yield
            except BaseException as error:
                logging.getLogger("maskless").error("stopped", exc_info=error)
                if not finished:
                    self.mark("failed", why=str(error) or type(error).__name__)
                raise
            if not finished:
                self.mark("finished")

    def checkpoint(self, name: str, stage: str = "") -> Path:
        """Where the checkpoint `best` or `last` is, or will be: the method's, or that of an earlier stage."""
        return self.path / "checkpoints" / f"{stage}-{name}.ckpt".removeprefix("-")

    def best_of(self, stage: str = "") -> Path:
        """The best checkpoint, or the last where nothing could choose. Raises UserError if there is none."""
        for name in ("best", "last"):
            if self.checkpoint(name, stage).is_file():
                return self.checkpoint(name, stage)
        of_stage = f" of its stage {stage}" if stage else ""
        state = self.state.get("state")
        raise UserError(f"{self.path} has no checkpoint{of_stage} yet; its state is {state!r}")

    @property
    def best(self) -> Path:
        """`best_of` the whole method."""
        return self.best_of()

    def left(self, stage: str, signal: str) -> Path:
        """The folder of the maps that a stage left of the training images."""
        return inside(self.path, "stages", stage, signal)

    # -- what it measured --------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[dict[str, str]]:
        """The rows of metrics.csv, one an epoch."""
        return read_rows(self.path / "metrics.csv")

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Add an epoch's row, in place of any row of its stage of this step or a later one."""
        self._add("metrics.csv", [row])

    @property
    def prior_statistics(self) -> list[dict[str, str]]:
        """The rows of prior_statistics.csv, one a statistic: of the prior at step 0, then of each epoch."""
        return read_rows(self.path / PRIOR_STATISTICS)

    def add_prior_statistics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the rows of one step of a stage, in place of any of its stage of this step or a later one."""
        self._add(PRIOR_STATISTICS, rows)

    def trim_metrics(self, stage: str, step: int) -> None:
        """Drop a stage's rows past `step`, which a resumed run is about to write again."""
        for name in ("metrics.csv", PRIOR_STATISTICS):
            if (self.path / name).exists():
                self._write(name, _to_csv(_up_to(self.path / name, stage, step)))

    @property
    def scores(self) -> list[dict[str, str]]:
        """The rows of scores.csv: source, image, split, metric, definition, region, value."""
        return read_rows(self.path / "scores.csv", SCORE_COLUMNS)

    @property
    def scored(self) -> dict[str, Any]:
        """`scored.json`: what was read of the sources scored beside the run's own, by label."""
        scored = self.path / "scored.json"
        found = _descriptions(scored) if scored.exists() else {}
        for label in found:
            if not is_plain_name(label):
                raise UserError(f"{scored} calls a source {label!r}, which is no name of a folder: delete it")
        return found

    def label(self, described: Mapping[str, Any]) -> str:
        """What a source that is scored is called here: its name, or if that is taken, with its fingerprint.

        `described` is as in data.json. Sources other than the run's own are kept in scored.json by label.
        """
        scored = self.scored
        known = {**scored, **by_name(self.data)}
        for label, data in known.items():
            if (data.get("name"), data.get("sha256")) == (described["name"], described["sha256"]):
                return label
        name = str(described["name"])
        label = f"{name}-{described['sha256'][:8]}" if name in known else name
        self._write_json("scored.json", {**scored, label: described})
        return label

    def add_scores(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows, in place of all that scores.csv had of the same source and split."""
        new = [dict(row) for row in rows]
        self._write("scores.csv", _to_csv([*_without(self.scores, new), *new], SCORE_COLUMNS))

    @property
    def labelling_indices(self) -> list[dict[str, str]]:
        """The rows of labelling_index.csv, one an image."""
        return read_rows(self.path / "labelling_index.csv", _SCORED)

    def add_labelling_indices(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, in place of all that labelling_index.csv had of the same source and split."""
        self._write("labelling_index.csv", _to_csv([*_without(self.labelling_indices, rows), *rows]))

    @property
    def structure(self) -> list[dict[str, str]]:
        """The rows of structure.csv, three an image."""
        return read_rows(self.path / "structure.csv", _SCORED)

    def add_structure(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, in place of all that structure.csv had of the same source and split."""
        self._write("structure.csv", _to_csv([*_without(self.structure, rows), *rows]))

    def forget_scores(self) -> list[tuple[str, str]]:
        """Remove scores, what goes with them, and label maps; the (source, part)s that had any, in order."""
        scored = list(dict.fromkeys((row["source"], row["split"]) for row in self.scores))
        for name in ("scores.csv", "labelling_index.csv", "structure.csv"):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "predictions", ignore_errors=True)
        return scored

    def choose_chain(
        self, chain: Mapping[str, Mapping[str, Any]], why: str, tried: Sequence[Mapping[str, Any]]
    ) -> None:
        """Make `chain` the run's own: chain.yaml, headed by `why`, and search.csv, a row a chain tried.

        Scores that were made with another chain are to be forgotten before.
        """
        self._write("search.csv", _to_csv(tried))
        text = yaml.safe_dump(dict(chain), default_flow_style=None, sort_keys=False, width=1000)
        self._write(CHAIN, f"# {why}\n{text}")

    # -- files -------------------------------------------------------------------------------------------

    def _add(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        first = rows[0]
        kept = _up_to(self.path / name, first.get("stage"), int(first["step"]) - 1)
        self._write(name, _to_csv([*kept, *(dict(row) for row in rows)]))

    def _write(self, name: str, text: str) -> None:
        write_atomically(self.path / name, text.encode())

    def _write_json(self, name: str, value: Any) -> None:
        self._write(name, json.dumps(value, indent=2) + "\n")


def learnt_elsewhere(config: Mapping[str, Any]) -> bool:
    """Whether a run of this configuration has scored a model, or what was put together of other runs."""
    return bool(config.get("model") or config.get("translator"))


def by_name(data: Mapping[str, Any]) -> dict[str, Any]:
    """The sources of `Run.data` by their names; where two roles have one, the main source, which is first."""
    return {str(described.get("name")): described for described in reversed(list(data.values()))}


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): copy the run to a folder of yours"
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("maskless", "lightning.pytorch", "py.warnings")]
    logging.getLogger("maskless").setLevel(logging.INFO)
    logging.captureWarnings(True)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _exclusive(parent: Path, name: str) -> Path:
    """Make a folder that did not exist, so that two jobs of one second cannot share it."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for k in range(1, 10_000):
            path = parent / (name if k == 1 else f"{name}-{k}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise UserError(
            f"cannot write a run below {parent}: {error.strerror}; choose another runs_dir=FOLDER"
        ) from error
    raise UserError(f"{parent} already has 9999 runs called {name}")


def _up_to(path: Path, stage: str | None, step: int) -> list[dict[str, Any]]:
    """The rows of a file without those of a stage past a step. Raises UserError for a step that is none."""
    rows = read_rows(path, ["step"])
    try:
        return [row for row in rows if row.get("stage") != stage or int(row["step"]) <= step]
    except ValueError as error:
        raise UserError(f"{path} cannot be read: a step is no whole number ({error})") from error


def _descriptions(path: Path) -> dict[str, Any]:
    """A file that describes sources, by role or label. Raises UserError, naming it, for any other."""
    found = read_json(path)
    for key, about in found.items():
        parts = about.get("parts") or {} if isinstance(about, dict) else None
        if not isinstance(parts, dict) or not all(
            isinstance(names, list) and all(isinstance(name, str) for name in names)
            for names in parts.values()
        ):
            raise UserError(f"{path} cannot be read: it does not describe {key!r} as a run does")
        for facts in (about.get("cases"), about.get("groups")):
            if not isinstance(facts or {}, dict):
                raise UserError(f"{path} cannot be read: it does not describe {key!r} as a run does")
    return found


def _without(rows: Iterable[dict[str, str]], new: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The rows of other sources and splits than those of the new ones."""
    scored = {(row["source"], row["split"]) for row in new}
    return [row for row in rows if (row["source"], row["split"]) not in scored]


def _to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    names = list(columns) or list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
