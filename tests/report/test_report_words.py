from dataclasses import replace

import pytest
from made_runs import made_run
from made_tables import AJI, F1, FAR, made_intervals, made_table, measured
from test_scored_images import table_of

from maskless.report import words
from maskless.report.column import Column
from maskless.report.table import Interval, Row


@pytest.mark.parametrize(
    ("metric", "name", "unit", "direction"),
    [
        ("aji", "AJI", "", "↑"),
        ("object_f1", "object F1", "", "↑"),
        ("balanced_accuracy", "balanced accuracy", "", "↑"),
        ("object_hausdorff", "object Hausdorff", "px", "↓"),
        ("average_hausdorff", "average Hausdorff", "px", "↓"),
        ("pq", "PQ", "", "↑"),
        ("something", "something", "", ""),
    ],
)
def test_what_a_metric_is_called(metric, name, unit, direction):
    column = Column(metric, "")
    found = (words.metric_name(column), words.unit(column), words.direction(column))
    assert found == (name, unit, direction)


def test_the_heading_names_folds_and_whose_metrics_these_are():
    table = made_table()
    assert words.heading(table) == "multiorgan, test: 14 images"
    assert words.heading(replace(table, split="fold*")) == "multiorgan, fold*, test: 14 images"
    named = replace(table, title="MultiOrgan", paper="liu_2022")
    assert words.heading(named) == "MultiOrgan; the metrics of Liu et al., ISBI 2022"
    told = "MultiOrgan, beside Liu et al., ISBI 2022"
    assert words.heading(replace(named, title=told)) == told


def test_definition_region_and_pooling_are_told():
    assert [words.by_definition(column) for column in (AJI, F1, FAR)] == [
        "kumar",
        "iou>=0.50, pooled",
        "sirinukunwattana, in tumour_50%",
    ]


def test_the_spread_says_over_what_each_deviation_is():
    table = made_table()
    told = words.spread(table)
    assert "over images (threshold, *star*_|<b>, supervised)" in told
    assert "over 3 seeds (supervised)" in told
    assert "over 3 folds (folds)" in told
    assert "printed in a paper" in told
    assert "Printed" not in told
    alike = replace(table, rows=table.rows[:2])
    assert words.spread(alike).startswith("Mean over images ± standard deviation over images.")
    assert "italics" not in words.spread(alike)
    assert (
        words.spread(replace(table, rows=(Row("one", None, {AJI: measured(0.5, None)}),), columns=(AJI,)))
        == ""
    )


def test_pooled_scores_of_several_runs_are_averaged():
    table = made_table()
    assert "Pooled: one score of the nuclei or pixels of all images." in words.spread(table)

    def told(*values):
        rows = tuple(Row(str(k), None, {F1: value}) for k, value in enumerate(values))
        return words.spread(replace(table, rows=rows))

    seeds, folds = measured(0.5, 0.1, "seeds", 3), measured(0.5, 0.1, "folds", 3)
    assert told(seeds).endswith("all images of a run, averaged over seeds.")
    assert told(folds, seeds).endswith("all images of a run, averaged over seeds and folds.")
    assert "averaged" not in told(measured(0.5, None, "seeds", 1))


def test_where_runs_are_from(tmp_path):
    table = table_of(made_run(tmp_path, "a", 3, {"1": {"aji": 0.5}}, epochs=1))
    (row,) = table.rows
    runs = (row.runs[0], replace(row.runs[0], checkpoint="d" * 64), replace(row.runs[0], epochs=()))
    of_row = replace(table, rows=(replace(row, runs=runs), *made_table().rows))
    ((name, found),) = words.provenance(of_row)
    assert name == "a"
    assert [run.command for run in found] == ["maskless evaluate method=a 'note=two words'"] * 3
    weights = [[fact for fact in run.facts if fact.startswith("weights")] for run in found]
    assert weights == [["weights not there"], ["weights " + "d" * 12], []]
    assert found[0].facts[0] == str(runs[0].path)
    assert found[0].facts[-2:] == ("data 0123456789ab", "licence of the data CC0")


def test_rows_are_grouped_by_what_they_cost():
    groups = words.by_annotation(made_table())
    assert [len(rows) for _, rows in groups] == [1, 1, 2, 2]
    assert groups[0][0] == "no annotation"
    assert [row.name for row in groups[-1][1]] == ["supervised", "folds"]


def test_equal_footnotes_share_a_letter():
    found = words.footnotes(made_table())
    assert found.marks == {"*star*_|<b>": "a", "Printed": "b", "Also & printed": "b", "folds": "c"}
    assert found.texts == [
        ("a", "not compared: it has learnt from the tissue of 3 of the 14 images"),
        ("b", "printed: Liu et al., table 2"),
        ("c", "not compared: 3 of 10 folds"),
    ]


def test_letters_do_not_run_out():
    rows = tuple(Row(f"{k}", None, {}, lacks=f"reason {k}") for k in range(60))
    marks = words.footnotes(replace(made_table(), rows=rows)).marks
    assert len(set(marks.values())) == 60
    assert [marks[f"{k}"] for k in (0, 25, 26, 52)] == ["a", "z", "aa", "ba"]


def test_differences_that_could_be_chance_are_counted():
    assert words.difference(Interval(-0.0125, -0.5, 0.25)) == "-0.013 [-0.500, +0.250]".replace(
        "-", "\N{MINUS SIGN}"
    )
    told = words.told_apart("threshold", made_intervals() | {("worse", AJI): Interval(-0.3, -0.4, -0.2)})
    assert "difference to threshold" in told
    assert "1 of the 3 intervals hold 0" in told
    touching = {("same", AJI): Interval(0.0, 0.0, 0.1), ("apart", AJI): Interval(0.2, 0.1, 0.3)}
    assert "1 of the 2 intervals hold 0" in words.told_apart("threshold", touching)
    assert words.told_apart("threshold", {}) == ""


def test_a_value_of_fewer_images_says_so():
    table = made_table()
    assert words.undefined(table, measured(0.5, images=13)) == "13 images"
    assert words.undefined(table, measured(0.5, images=14)) == ""
    assert words.undefined(table, table.rows[2].values[AJI]) == ""
