import csv
import io
from math import nan, sqrt

import pytest
from made_runs import made_run

from maskless.report.column import Column
from maskless.report.formats.study import STUDY_COLUMNS, study_csv
from maskless.report.results import read_result
from maskless.report.table import Row, Table, Value
from maskless.report.tables import tables


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.splitlines()[0] == ",".join(STUDY_COLUMNS)
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_a_run_and_score(tmp_path):
    scores = {"1": {"aji": 0.25, "dice": nan}, "2": {"aji": 0.75, "dice": 0.5}}
    runs = [made_run(tmp_path, "a", seed, scores) for seed in (0, 7)]
    rows = rows_of(study_csv(tables([read_result(run) for run in runs])))
    assert [(row["method"], row["seed"], row["metric"]) for row in rows] == [
        ("a", "0", "aji"),
        ("a", "0", "dice"),
        ("a", "7", "aji"),
        ("a", "7", "dice"),
    ]
    first, second = rows[:2]
    told = {key: first[key] for key in ("study", "dataset", "split", "fold", "definition", "over", "origin")}
    assert told == {
        "study": "study",
        "dataset": "synthetic",
        "split": "test",
        "fold": "official",
        "definition": "kumar",
        "over": "images",
        "origin": "measured",
    }
    known = {key: first[key] for key in ("annotation", "state", "seen", "fingerprint", "licence")}
    assert known == {
        "annotation": "none",
        "state": "finished",
        "seen": "0",
        "fingerprint": "0123456789abcdef",
        "licence": "CC0",
    }
    assert (float(first["value"]), float(first["std"])) == (0.5, pytest.approx(sqrt(0.125), abs=1e-6))
    assert (second["n_images"], second["std"]) == ("1", "")
    assert first["command"] == "maskless evaluate method=a 'note=two words'"


def test_scores_that_the_table_does_not_show_are_in_it(tmp_path):
    run = made_run(tmp_path, scores={"1": {"aji/kumar": 0.5, "aji/one_to_one": 0.6}})
    (table,) = tables([read_result(run)])
    assert len(table.columns) == 1
    assert [row["definition"] for row in rows_of(study_csv([table]))] == ["kumar", "one_to_one"]


def test_a_printed_row_names_its_paper(tmp_path):
    column = Column("aji", "liu_2022")
    printed = Row("SPN", None, {column: Value(0.4754, None, "printed", 0)}, citation="Liu et al., table 2")
    table = Table("multiorgan", "official", "test", ("1",), (column,), (printed,), paper="liu_2022")
    (row,) = rows_of(study_csv([table]))
    assert (row["method"], row["value"], row["run"], row["origin"]) == (
        "SPN",
        "0.475400",
        "Liu et al., table 2",
        "printed",
    )
