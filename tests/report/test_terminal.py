import re

import pytest
from made_runs import made_run

from maskless.report.results import read_result
from maskless.report.tables import tables
from maskless.report.terminal import print_table

METRICS = {f"metric_{k}": k / 10 for k in range(9)}


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_every_number_is_whole_however_narrow_the_terminal(tmp_path, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    long = "a-method-with-a-name-of-some-length"
    runs = [made_run(tmp_path, method, scores={"1": METRICS, "2": METRICS}) for method in (long, "[b]short")]
    (table,) = tables([read_result(run) for run in runs])
    print_table(table)
    out = capsys.readouterr().out
    assert "synthetic, test: 2 images" in out
    assert sorted(re.findall(r"(?<!±)\b\d\.\d{3}\b", out)) == sorted(
        f"{v:.3f}" for v in METRICS.values() for _ in runs
    )
    assert out.count("±0.000") == 18
    assert "[b]short" in out or columns < 60
    assert max(map(len, out.splitlines())) <= columns


def test_a_run_that_is_not_finished_says_so(tmp_path, capsys):
    (table,) = tables([read_result(made_run(tmp_path, scores={"1": METRICS}, state="failed"))])
    print_table(table)
    assert "(failed)" in capsys.readouterr().out
