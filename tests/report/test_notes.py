from dataclasses import replace
from math import sqrt

import pytest
from made_runs import made_run

from maskless.report.column import Column
from maskless.report.notes import notes, standard_error
from maskless.report.results import read_result
from maskless.report.table import Row, Table, Value
from maskless.report.tables import tables

AJI = Column("aji", "kumar")


def table_of(tmp_path, *runs) -> Table:
    (table,) = tables([read_result(made_run(tmp_path, **run)) for run in runs])
    return table


def test_the_table_says_how_small_a_difference_it_can_show(tmp_path):
    table = table_of(
        tmp_path, {"scores": {str(k): {"aji": value} for k, value in enumerate((0.3, 0.4, 0.5, 0.6))}}
    )
    error = sqrt(5 / 3) * 0.1 / 2
    assert standard_error(table, AJI) == pytest.approx(error)
    assert f"Over 4 images the standard error of a mean AJI is about {error:.3f}" in table.notes[0]


def test_the_table_counts_the_printed_gaps_that_are_inside_it(tmp_path):
    table = table_of(tmp_path, {"scores": {"1": {"aji": 0.4}, "2": {"aji": 0.6}}})  # told apart from 0.277 on
    printed = [
        Row(name, None, {AJI: Value(mean, None, "printed", 0)}, citation="a paper")
        for name, mean in (("near", 0.7), ("far", 0.9))
    ]
    found = notes(replace(table, rows=(*table.rows, *printed)))
    assert "Of the 3 gaps in AJI to or between printed rows, 2 are smaller than that." in found


def test_other_files_under_the_same_names_are_another_table(tmp_path):
    other = {"main": {"name": "synthetic", "split": "official", "sha256": "another"}}
    runs = [
        made_run(tmp_path, "a", scores={"1": {"aji": 0.5}}),
        made_run(tmp_path, "b", scores={"1": {"aji": 0.5}}, data=other),
    ]
    first, second = tables([read_result(run) for run in runs])
    assert first.notes == ("b was scored on other files under the same names, in a table of their own.",)
    assert second.notes == ("a was scored on other files under the same names, in a table of their own.",)


def test_other_files_of_one_fold_are_said(tmp_path):
    about = {"name": "synthetic", "split": "fold0", "splits": ["fold0", "fold1"]}
    table = table_of(
        tmp_path,
        {"method": "a", "scores": {"1": {"aji": 0.5}}, "data": {"main": {**about, "sha256": "one"}}},
        {"method": "b", "scores": {"1": {"aji": 0.5}}, "data": {"main": {**about, "sha256": "another"}}},
    )
    assert any("of fold0 the fingerprints differ" in note for note in table.notes)


def test_other_images_of_the_patients_that_were_learnt_from_are_said(tmp_path):
    scores = {"1": {"aji": 0.5}, "2": {"aji": 0.5}}
    about = {
        "name": "synthetic",
        "parts": {"train": ["3"], "test": ["1", "2"]},
        "groups": {"1": "a", "2": "b", "3": "b"},
        "cases": {"1": "case 1", "2": "case 2", "3": "case 3"},
    }
    table = table_of(tmp_path, {"scores": scores, "epochs": 1, "data": {"main": about}})
    assert any("the patients or slides of 1 of these images" in note for note in table.notes)
    untrained = table_of(tmp_path / "floor", {"scores": scores, "data": {"main": about}})
    assert not any("patients" in note for note in untrained.notes)


def test_images_that_chose_the_checkpoint_are_said(tmp_path):
    table = table_of(tmp_path, {"scores": {"chosen": {"aji": 0.5}}, "epochs": 1, "part": "val"})
    assert any("chosen on these images" in note for note in table.notes)


def test_a_run_that_failed_is_named_and_not_averaged(tmp_path):
    scores = {"1": {"aji": 0.5}}
    table = table_of(
        tmp_path, {"scores": scores}, {"seed": 1, "scores": scores, "state": "failed", "why": "x"}
    )
    assert [row.lacks for row in table.rows] == ["", "failed"]


def test_values_that_some_images_leave_undefined_are_counted(tmp_path):
    table = table_of(tmp_path, {"scores": {"1": {"aji": 0.5}, "2": {"aji": float("nan")}}})
    assert any("AJI by 1 of the 2 images" in note for note in table.notes)
