import csv
import io
from math import nan, sqrt

import pytest
from made_runs import made_run, score_rows

from maskless.metrics import HIGHER_IS_BETTER
from maskless.report.results import Column, read_result
from maskless.report.tables import STUDY_COLUMNS, best, study_csv, summary, tables

AJI = Column("aji", "kumar", "all")
DICE = Column("dice", "foreground", "all")


@pytest.fixture
def made(tmp_path):
    """A function that makes the tables of runs, each given as the arguments of `made_run`."""

    def make(*runs):
        return tables([read_result(made_run(tmp_path, **run)) for run in runs])

    return make


def test_mean_and_sample_standard_deviation_of_what_is_defined():
    value = summary([0.1, nan, 0.5])
    assert value is not None
    assert (value.mean, value.count) == (pytest.approx(0.3), 2)
    assert value.std == pytest.approx(sqrt(0.08))
    assert summary([nan]) is None
    assert summary([]) is None
    alone = summary([0.4])
    assert alone is not None
    assert (alone.mean, alone.std) == (0.4, None)


def test_a_row_a_run_in_the_given_order(made):
    scores = {"1": {"dice": 0.5, "aji": 0.2}, "2": {"dice": 0.7, "aji": 0.4}}
    (table,) = made({"method": "z", "scores": scores}, {"method": "a", "scores": scores})
    assert (table.source, table.part, table.images) == ("synthetic", "test", ("1", "2"))
    assert [row.name for row in table.rows] == ["z", "a"]
    assert table.columns == (AJI, DICE)  # AJI leads, though the file has it last
    assert table.rows[0].values[AJI].mean == pytest.approx(0.3)


def test_runs_on_other_images_parts_or_sources_have_tables_of_their_own(made):
    one, two = {"1": {"aji": 0.2}}, {"1": {"aji": 0.2}, "2": {"aji": 0.2}}
    found = made(
        {"method": "a", "scores": one, "part": "val"},
        {"method": "b", "scores": one},
        {"method": "c", "scores": two},
        {"method": "d", "scores": two},
        {"method": "e", "scores": two, "source": "folder"},
    )
    assert [(t.source, t.part, t.images, [row.name for row in t.rows]) for t in found] == [
        ("synthetic", "test", ("1", "2"), ["c", "d"]),
        ("folder", "test", ("1", "2"), ["e"]),
        ("synthetic", "test", ("1",), ["b"]),
        ("synthetic", "val", ("1",), ["a"]),
    ]


def test_a_run_scored_on_two_parts_is_in_two_tables(tmp_path):
    run = made_run(tmp_path, scores={"1": {"aji": 0.5}})
    run.add_scores(score_rows({"9": {"aji": 0.7}}, part="val"))
    assert [table.part for table in tables([read_result(run)])] == ["test", "val"]


def test_a_run_without_scores_is_in_no_table(made):
    assert made({}) == []


def test_a_column_that_no_image_defines_is_empty(made):
    (table,) = made(
        {"method": "a", "scores": {"1": {"aji": nan}}}, {"method": "b", "scores": {"1": {"aji": 0.5}}}
    )
    assert table.rows[0].values == {}
    assert best(table) == {("b", AJI)}


def test_the_best_of_each_column(made):
    (table,) = made(
        {"method": "a", "scores": {"1": {"aji": 0.5, "dice": 0.80011}}},
        {"method": "b", "scores": {"1": {"aji": 0.6, "dice": 0.80009}}},
        {"method": "c", "scores": {"1": {"aji": 0.1, "dice": 0.7}}},
    )
    assert best(table) == {("b", AJI), ("a", DICE), ("b", DICE)}


def test_lower_can_be_better_and_an_unknown_metric_has_no_best(made, monkeypatch):
    monkeypatch.setitem(HIGHER_IS_BETTER, "hausdorff", False)
    (table,) = made(
        {"method": "a", "scores": {"1": {"hausdorff": 3.0, "mystery": 1.0}}},
        {"method": "b", "scores": {"1": {"hausdorff": 2.0, "mystery": 2.0}}},
    )
    assert best(table) == {("b", Column("hausdorff", "foreground", "all"))}


def test_alone_nothing_is_best(made):
    (table,) = made({"scores": {"1": {"aji": 0.5}}})
    assert best(table) == set()


def test_what_runs_recorded_of_the_source(made):
    other = {"main": {"name": "other", "licence": "secret"}}
    (table,) = made(
        {"method": "a", "scores": {"1": {"aji": 0.5}}},
        {"method": "b", "scores": {"1": {"aji": 0.5}}, "data": other},
    )
    assert table.recorded("licence") == {"a": "CC0"}


def test_the_csv_has_a_line_a_run_and_column(made):
    scores = {"1": {"aji": 0.25, "dice": nan}, "2": {"aji": 0.75, "dice": 0.5}}
    text = study_csv(made({"method": "a", "scores": scores}, {"method": "b", "seed": 7, "scores": scores}))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.splitlines()[0] == ",".join(STUDY_COLUMNS)
    assert [(row["method"], row["seed"], row["metric"]) for row in rows] == [
        ("a", "0", "aji"),
        ("a", "0", "dice"),
        ("b", "7", "aji"),
        ("b", "7", "dice"),
    ]
    first, second = rows[:2]
    assert (first["study"], first["dataset"], first["split"], first["definition"]) == (
        "study",
        "synthetic",
        "test",
        "kumar",
    )
    assert (float(first["value"]), float(first["std"])) == (0.5, pytest.approx(sqrt(0.125), abs=1e-6))
    assert (second["n_images"], second["std"]) == ("1", "")
    assert first["command"] == "maskless evaluate method=a 'note=two words'"
