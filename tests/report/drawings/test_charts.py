import dataclasses

from made_runs import made_run
from made_tables import AJI, measured, printed
from test_figures import texts_of
from test_scored_images import table_of

from maskless.report.column import Column
from maskless.report.drawings.charts import charts, training
from maskless.report.results import read_result
from maskless.report.table import Row, Table
from maskless.signals import Annotation


def accuracy(threshold: float, over="images") -> Column:
    return Column("object_accuracy", f"iou>={threshold:.2f}", over=over)


def table_with(*rows: Row, **more) -> Table:
    columns = tuple(dict.fromkeys(column for row in rows for column in row.values))
    return Table("s", "official", "test", ("1", "2"), columns, rows, **more)


def test_accuracy_is_pooled_if_every_row_has_it_pooled():
    both = {accuracy(t, over): measured(0.5) for t in (0.5, 0.55) for over in ("images", "pooled")}
    means = {column: value for column, value in both.items() if column.over == "images"}
    pooled = charts(table_with(Row("a", None, both), Row("b", None, both)))
    mixed = charts(table_with(Row("a", None, both), Row("b", None, means)))
    assert [chart.title for chart in (*pooled, *mixed)] == ["Accuracy against IoU threshold"] * 2
    assert "accuracy, pooled over all images" in texts_of(pooled[0].svg)
    assert "accuracy, mean over images" in texts_of(mixed[0].svg)


def test_what_is_pooled_is_said_of_a_run_where_there_are_several(tmp_path):
    values = {accuracy(t, over): measured(0.5) for t in (0.5, 0.55) for over in ("images", "pooled")}
    table = table_with(Row("a", None, values))
    runs = table_of(*(made_run(tmp_path, seed=k, scores={"1": {"aji": 0.5}}) for k in (1, 2))).rows[0].runs
    of_folds = dataclasses.replace(table, split="fold*")
    of_seeds = dataclasses.replace(table, rows=(dataclasses.replace(table.rows[0], runs=runs),))
    for one in (of_folds, of_seeds):
        texts = texts_of(charts(one)[0].svg)
        assert "accuracy, pooled over the images of a run" in texts
        assert "accuracy, pooled over all images" not in texts


def test_one_threshold_is_no_curve():
    assert charts(table_with(Row("a", None, {accuracy(0.5): measured(0.5)}))) == []


def test_scores_stand_against_annotation_once_there_are_two_kinds():
    rows = [
        Row("floor", Annotation.NONE, {AJI: measured(0.4)}, seen=("1",)),
        Row("theirs", Annotation.POINTS, {AJI: printed(0.5, 0.02)}, citation="somewhere"),
        Row("unknown", None, {AJI: measured(0.6, 0.1, "seeds", 3)}),
    ]
    (chart,) = charts(table_with(*rows))
    texts = texts_of(chart.svg)
    assert {"floor (seen)", "theirs", "measured", "printed", "AJI (kumar)"} <= set(texts)
    assert {"unknown", "not recorded"} <= set(texts)
    assert "not recorded" not in texts_of(charts(table_with(*rows[:2]))[0].svg)
    assert chart.caption.endswith("Bars are one standard deviation over images or seeds.")
    assert charts(table_with(rows[0], rows[2])) == []


def test_a_paper_has_a_chart_of_its_own_aji():
    own = Column("aji", "liu_2022")
    values = {AJI: measured(0.4), own: measured(0.3)}
    rows = (Row("a", Annotation.NONE, values), Row("b", Annotation.MASKS, values))
    paper = dataclasses.replace(table_with(*rows), columns=(own,), paper="liu_2022", title="Liu et al.")
    first, second = charts(table_with(*rows), [paper])
    assert "AJI (kumar)" in texts_of(first.svg)
    assert "AJI (liu_2022)" in texts_of(second.svg)
    assert second.title == "Score against annotation, Liu et al.; the metrics of Liu et al., ISBI 2022"


def test_the_scores_of_the_images_are_of_measured_rows(tmp_path):
    scores = {"1": {"aji": 0.25}, "2": {"aji": 0.75}, "3": {"aji": float("nan")}}
    table = table_of(made_run(tmp_path, "a", scores=scores))
    table = dataclasses.replace(table, rows=(*table.rows, Row("printed", None, {AJI: printed(0.5)})))
    (chart,) = charts(table)
    assert chart.title == "Scores of the images"
    assert "a" in texts_of(chart.svg)
    assert "printed" not in texts_of(chart.svg)


def test_training_shows_the_runs_that_have_trained(tmp_path):
    trained = read_result(made_run(tmp_path, "supervised", epochs=3))
    untrained = read_result(made_run(tmp_path, "threshold"))
    chart = training({"one": trained, "two": untrained})
    assert chart is not None
    assert "one" in texts_of(chart.svg)
    assert "two" not in texts_of(chart.svg)
    assert chart.caption.endswith("the validation AJI is, on one data set.")
    assert training({"two": untrained}) is None
