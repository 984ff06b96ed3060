import re
from dataclasses import replace

import pytest
from made_tables import AJI, made_table, measured

from maskless.report.column import Column
from maskless.report.formats.terminal import print_table
from maskless.report.printed import printed_table, protocols
from maskless.report.table import Row


@pytest.fixture
def shown(capsys, monkeypatch):
    """What is printed on a terminal so many characters wide."""

    def _shown(table, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        print_table(table)
        return capsys.readouterr().out

    return _shown


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_every_number_is_whole_however_narrow_the_terminal(shown, columns):
    measures = tuple(Column(f"metric_{k}", "one") for k in range(9))
    values = {column: measured(k / 10, 0.0125) for k, column in enumerate(measures)}
    names = ("a-method-with-a-name-of-some-length", "[b]short")
    rows = tuple(Row(name, None, values) for name in names)
    out = shown(replace(made_table(), columns=measures, rows=rows, notes=()), columns)
    assert "multiorgan, test: 14 images" in out
    assert sorted(re.findall(r"(?<!±)\b\d\.\d{3}\b", out)) == sorted(
        f"{k / 10:.3f}" for k in range(9) for _ in rows
    )
    assert out.count("±0.013") == 18
    assert "[b]short" in out or columns < 60
    assert max(map(len, out.splitlines())) <= columns


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_rows_of_every_kind(shown, columns):
    out = shown(made_table(), columns)
    words = " ".join(out.split())
    for number in ("0.441", "±0.121", "0.536", "±0.040", "0.475", "8.250", "13 images", "0.950"):
        assert number in words
    assert words.count("(b)") == 2 * out.count("method") + 1
    assert "measured (c)" in words
    assert columns < 80 or words.count("printed (b)") == 2 * out.count("method")
    assert "(b) printed: Liu et al., table 2" in words
    assert "(c) not compared: 3 of 10 folds" in words
    assert "- 50 % is _half_ #1." in words
    assert max(map(len, out.splitlines())) <= columns


def test_only_a_table_of_both_kinds_says_which_is_which(shown):
    table = made_table()
    assert "measured" not in shown(replace(table, rows=table.rows[:2]), 80).split("Mean over")[0]
    (multiorgan,) = [one for one in protocols() if one.key == "multiorgan_test"]
    assert "measured" not in shown(printed_table(multiorgan, "liu_2022"), 80).split("In italics")[0]


def test_a_metric_by_two_definitions_shows_both(shown):
    plus = AJI._replace(definition="plus")
    rows = (Row("threshold", None, {AJI: measured(0.441), plus: measured(0.472)}),)
    table = replace(made_table(), columns=(AJI, plus), rows=rows)
    out = shown(table, 80)
    assert "kumar" in out
    assert "plus" in out
    assert "kumar" not in shown(replace(table, columns=(AJI,)), 80)
