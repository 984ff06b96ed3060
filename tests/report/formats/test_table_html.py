import dataclasses
import re
from math import nan

import pytest
from made_runs import made_run
from made_tables import AJI, FAR, made_intervals, made_table
from page_reader import Reader
from test_scored_images import table_of

from maskless.metrics import PAPERS, STANDARD
from maskless.report.column import Column
from maskless.report.definitions import meaning
from maskless.report.formats.table_html import table_html
from maskless.report.table import Interval, Table


def text_of(table: Table, *more) -> str:
    return Reader(table_html(table, *more)).text


def row_of(table: Table, name: str, *more) -> str:
    """The words of the row of a name."""
    rows = re.findall(r"<tr.*?</tr>", table_html(table, *more))
    (found,) = [row for row in rows if f'data-value="{name}"' in row]
    return Reader(found).text


def test_the_table_names_what_was_scored_and_how(tmp_path):
    run = made_run(tmp_path, "supervised", 4, {"1": {"aji": 0.25}, "2": {"aji": 0.75}}, epochs=1)
    table = table_of(run)
    text = text_of(table)
    assert "1 method scored on the test part of synthetic, 2 images" in text
    assert "split official; licence of the data CC0; fingerprint 0123456789ab." in text
    row = row_of(table, "supervised")
    assert row.startswith("supervised learnt from synthetic no annotation measured 0.500 ± 0.354")


def test_a_measured_row_says_which_runs_are_behind_it(tmp_path):
    table = table_of(*(made_run(tmp_path, "a", seed, {"1": {"aji": 0.5}}, epochs=1) for seed in (3, 4)))
    runs = [
        dataclasses.replace(run, commit="c" * 40 + "+", checkpoint="d" * 64) for run in table.rows[0].runs
    ]
    row = dataclasses.replace(table.rows[0], runs=tuple(runs))
    text = text_of(dataclasses.replace(table, rows=(row,)))
    for run, seed in zip(runs, "34", strict=True):
        facts = f"{run.path} · finished · seed {seed} · commit {'c' * 12} with changes · weights {'d' * 12}"
        assert f"{facts} · data 0123456789ab · licence of the data CC0" in text
    assert text.count("maskless evaluate method=a 'note=two words'") == 2
    assert "a learnt from synthetic no annotation measured 2 runs 0.500" in text


def test_rows_stand_by_what_annotation_they_cost():
    names = re.findall(r'<th scope="row" data-value="(.*?)"', table_html(made_table()))
    assert names == [
        "threshold", "*star*_|&lt;b&gt;", "Printed", "Also &amp; printed", "supervised", "folds",
    ]  # fmt: skip
    firsts = re.findall(r'<tr class="first"><th scope="row" data-value="(.*?)"', table_html(made_table()))
    assert firsts == ["*star*_|&lt;b&gt;", "Printed", "supervised"]
    assert "full masks measured" in row_of(made_table(), "supervised")


def test_printed_numbers_are_in_italics_with_their_source():
    table = made_table()
    html = table_html(table)
    assert "<i>Printed</i> <sup>" in html
    assert "<i>0.536</i>" in html
    assert "a point a nucleus printed 0.536 ± 0.040" in row_of(table, "Printed")
    assert "printed: Liu et al., table 2" in text_of(table)
    assert "<i>0.441" not in html


def test_what_is_seen_or_lacking_is_marked():
    table = made_table()
    assert "seen: 3 of 14 images" in text_of(table)
    assert "3 of 10 folds" in row_of(table, "folds")
    assert len(Reader(table_html(table)).all("small", class_="mark")) == 2


def test_the_best_is_bold():
    html = table_html(made_table())
    # Higher is better but for the distance; what is seen or incomplete is left out.
    assert re.findall(r"<strong>(.*?)</strong>", html) == ["0.583", "6.500"]


def test_a_value_that_few_images_define_says_so(tmp_path):
    assert "8.250 ± 2.500 13 images" in row_of(made_table(), "threshold")
    table = table_of(
        made_run(tmp_path, scores={"1": {"aji": 0.25, "dice": 0.5}, "2": {"aji": 0.75, "dice": nan}})
    )
    assert "0.500 1 image" in text_of(table)


def test_what_a_deviation_is_over():
    html = table_html(made_table())
    assert 'title="standard deviation over 3 seeds">± 0.005' in html
    assert 'title="standard deviation over images">± 0.121' in html
    assert "<span>± 0.040" in html


def test_a_head_has_its_unit_its_arrow_and_its_definition():
    html = table_html(made_table())
    heads = [Reader(head).text for head in re.findall(r"<th scope=\"col\".*?</th>", html)]
    assert heads[3:] == [
        "AJI ↑ kumar",
        "object F1 ↑ iou>=0.50, pooled",
        "object Hausdorff (px) ↓ sirinukunwattana, in tumour_50%",
    ]
    assert len(Reader(html).all("abbr")) == 3
    assert all(one["title"] for one in Reader(html).all("abbr"))
    assert [head.get("data-first") for head in Reader(html).all("th", scope="col")[3:]] == [
        "descending",
        "descending",
        None,
    ]


def test_differences_stand_below_the_means():
    table = made_table()
    row = row_of(table, "supervised", "threshold", made_intervals())
    assert "0.583 ± 0.005 +0.142 [+0.081, +0.203] *" in row
    assert row.endswith("−1.750 [−4.500, +0.250]")  # noqa: RUF001
    text = text_of(table, "threshold", made_intervals())
    assert "its difference to threshold" in text
    assert "1 of the 2 intervals hold 0" in text
    assert "A star marks the others." in text


def test_intervals_of_other_columns_are_not_counted():
    other = {("supervised", Column("dice", "foreground")): Interval(0, -1, 1)}
    assert text_of(made_table(), "threshold", other) == text_of(made_table())


def test_cells_sort_by_all_their_digits():
    cells = Reader(table_html(made_table())).all("td")
    assert [cell["data-value"] for cell in cells if "class" not in cell and "data-value" in cell][:2] == [
        "0.441",
        "8.25",
    ]
    assert table_html(made_table()).count("<td>&ndash;</td>") == 9


def test_folds_have_a_fingerprint_each_and_so_the_table_has_none(tmp_path):
    runs = [made_run(tmp_path, scores={str(k): {"aji": 0.5}}, split=f"fold{k}") for k in range(3)]
    text = text_of(table_of(*runs))
    assert (
        "3 images: split fold*; licence of the data CC0; the fingerprint of each fold is with its run."
        in text
    )
    assert text.count("0123456789ab") == 3


def test_a_table_of_printed_rows_alone_has_neither_runs_nor_fingerprint():
    table = made_table()
    rows = tuple(row for row in table.rows if row.citation)
    html = table_html(dataclasses.replace(table, rows=rows, images=(), notes=()))
    assert "fingerprint" not in html
    assert "<details>" not in html
    assert "0.536" in html


def test_every_standard_definition_is_explained():
    columns = [Column(metric, definition) for metric, definition in STANDARD.items()]
    columns += [Column(*column.key) for paper in PAPERS.values() for column in paper.columns]
    assert [column for column in columns if not meaning(column)] == []
    assert meaning(Column("mystery", "own")) == ""


@pytest.mark.parametrize("level", [2, 3])
def test_the_level_of_the_heading(level):
    assert table_html(made_table(), level=level).startswith(
        f"<h{level}>multiorgan, test: 14 images</h{level}>"
    )


def test_columns_are_in_order_and_named_once():
    heads = re.findall(r'<span class="name">(.*?)</span>', table_html(made_table()))
    assert heads == ["method", "annotation", "values", "AJI", "object F1", "object Hausdorff"]
    assert made_table().columns[0] == AJI
    assert made_table().columns[2] == FAR
