import re
from dataclasses import replace

from made_runs import made_run
from made_tables import AJI, made_intervals, made_table
from test_scored_images import table_of

from maskless.report.formats.markdown import markdown


def cells(text: str) -> list[list[str]]:
    """The cells of every line of the table, escapes undone."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    split = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[re.sub(r"\\(.)", r"\1", cell).strip() for cell in line] for line in split]


def test_the_grid_has_a_row_a_method_and_a_column_a_measure():
    grid = cells(markdown(made_table()))
    assert {len(line) for line in grid} == {5}
    assert grid[0] == [
        "annotation",
        "method",
        "AJI ↑<br>kumar",
        "object F1 ↑<br>iou>=0.50, pooled",
        "object Hausdorff (px) ↓<br>sirinukunwattana, in tumour_50%",
    ]
    by_name = {line[1]: line for line in grid[2:]}
    assert by_name["threshold"] == [
        "no annotation",
        "threshold",
        "0.441 ± 0.121",
        "\N{EN DASH}",
        "8.250 ± 2.500 (13 images)",
    ]
    assert by_name["*star*_|&lt;b> <sup>a</sup>"][3] == "0.950"
    assert by_name["*Printed* <sup>b</sup>"][2] == "*0.536* *± 0.040*"
    assert by_name["*Also &amp; printed* <sup>b</sup>"][0] == ""
    assert len(grid) == 2 + 6


def test_the_best_that_may_be_compared_is_bold():
    text = markdown(made_table())
    assert re.findall(r"\*\*([\d.]+)\*\*", text) == ["0.583", "6.500"]
    assert "The best of each column is bold." in text


def test_differences_stand_below_the_means():
    text = markdown(made_table(), "threshold", made_intervals())
    (supervised,) = [line for line in cells(text) if line[1] == "supervised"]
    assert supervised[2] == "**0.583** ± 0.005<br>+0.142 [+0.081, +0.203]"
    assert "difference to threshold" in text
    assert "resampled" not in markdown(made_table())


def test_footnotes_and_notes_follow_and_hold_no_markup():
    text = markdown(made_table())
    assert "<sup>b</sup> printed: Liu et al., table 2" in text
    assert "- 50 % is \\_half\\_ \\#1." in text
    assert text.index("<sup>c</sup> not compared: 3 of 10 folds") > text.rindex("| ")


def test_the_runs_behind_measured_rows_are_listed(tmp_path):
    table = table_of(made_run(tmp_path, "a_b", 3, {"1": {"aji": 0.5}}, epochs=1))
    (run,) = table.rows[0].runs
    text = markdown(table)
    told = "The runs behind the measured rows:\n\n- a\\_b: `maskless evaluate method=a_b 'note=two words'`, "
    assert told in text
    assert text.endswith(", weights not there, data 0123456789ab, licence of the data CC0\n")
    assert re.sub(r"\\(.)", r"\1", text).count(f"{run.path}, finished, seed 3, ") == 1
    assert "runs behind" not in markdown(made_table())


def test_a_command_stays_code_whatever_is_in_it(tmp_path):
    table = table_of(made_run(tmp_path, "a", 3, {"1": {"aji": 0.5}}))
    (row,) = table.rows
    odd = replace(row, runs=(replace(row.runs[0], command="maskless `a` <b>\n``| x"),))
    assert ": ``` maskless `a` <b> ``| x ```, " in markdown(replace(table, rows=(odd,)))


def test_an_empty_table_of_one_row_is_a_table():
    table = made_table()
    one = type(table)("a", "b", "c", (), (AJI,), table.rows[:1])
    assert "bold" not in markdown(one)
    assert len(cells(markdown(one))) == 3
