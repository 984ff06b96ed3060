"""The scores of runs as one CSV, as a study keeps its results: a line a run and score, printed rows too."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from maskless.metrics import COUNTS
from maskless.report.column import Column
from maskless.report.pooling import pooled_scores
from maskless.report.results import Result, images_of
from maskless.report.summary import summary
from maskless.report.table import Row, Table

STUDY_COLUMNS = (
    "study", "dataset", "split", "method", "metric", "definition", "region",
    "value", "std", "n_images", "seed", "run", "command", "fold", "over", "origin",
    "annotation", "state", "seen", "commit", "checkpoint", "fingerprint", "licence",
)  # fmt: skip


def study_csv(tables: Iterable[Table]) -> str:
    """The tables as one text of STUDY_COLUMNS.

    A measured row has a line for each of its runs and each score, whether or not the table shows it: the mean
    over images and, where `over` says so, the pooled score; `std` is over images. `split` is the part of the
    source, `fold` its split. A printed row has a line for each number, and the paper for its `run`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, STUDY_COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            for run in row.runs if not table.paper else ():
                writer.writerows({**line, **_known_of(table, row, run)} for line in _measured(table, run))
            writer.writerows(_printed(table, row) if row.citation else ())
    return text.getvalue()


def _measured(table: Table, run: Result) -> Iterator[dict[str, Any]]:
    scores = run.scores[table.source, table.part]
    images = len(images_of(scores))
    means = {column: summary(list(values.values())) for column, values in scores.items()}
    wholes = {column: (value, None, images) for column, value in pooled_scores(scores).items()}
    for column, found in (means | wholes).items():
        if found and column.metric not in COUNTS:
            yield {
                "study": run.study,
                "dataset": table.source,
                "split": table.part,
                "method": run.method,
                **_of(column),
                "value": f"{found[0]:.6f}",
                "std": "" if found[1] is None else f"{found[1]:.6f}",
                "n_images": found[2],
                "seed": run.seed,
                "run": run.path,
                "command": run.command,
                "fold": run.about(table.source).get("split", ""),
                "origin": "measured",
            }


def _known_of(table: Table, row: Row, run: Result) -> dict[str, Any]:
    about = run.about(table.source)
    return {
        "annotation": row.annotation or "",
        "state": run.state,
        "seen": len(row.seen),
        "commit": run.commit,
        "checkpoint": run.checkpoint,
        "fingerprint": about.get("sha256", ""),
        "licence": about.get("licence", ""),
    }


def _printed(table: Table, row: Row) -> Iterator[dict[str, Any]]:
    for column, value in row.values.items():
        yield {
            "dataset": table.source,
            "split": table.part,
            "method": row.name,
            **_of(column),
            "value": f"{value.mean:.6f}",
            "std": "" if value.std is None else f"{value.std:.6f}",
            "run": row.citation,
            "fold": table.split,
            "origin": "printed",
            "annotation": row.annotation or "",
        }


def _of(column: Column) -> dict[str, str]:
    return {key: str(word) for key, word in column._asdict().items()}
