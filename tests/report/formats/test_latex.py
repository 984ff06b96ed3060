import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from made_runs import made_run
from made_tables import made_intervals, made_table
from test_scored_images import table_of

from maskless.report.column import Column
from maskless.report.formats.latex import latex
from maskless.report.printed import printed_table, protocols
from maskless.report.table import Table

FREE = r"(?<!\\)"  # of a sign that is not escaped


def grid(text: str) -> list[list[str]]:
    """The cells of the rows between the rules, in which no sign is left that only a table may have."""
    body = text.split(r"\begin{tabular}")[1].split(r"\end{tabular}")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    return [re.split(rf"{FREE}&", line.removesuffix(r"\\")) for line in lines]


def without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("% "))


def every_table() -> list[Table]:
    of_papers = [printed_table(protocol, paper) for protocol in protocols() for paper in protocol.papers]
    return [made_table(), *of_papers]


@pytest.mark.parametrize("table", every_table(), ids=lambda table: f"{table.source}-{table.paper}")
def test_braces_columns_and_environments_balance(table):
    text = without_comments(latex(table, "threshold", made_intervals()))
    depth = 0
    for sign in re.findall(rf"{FREE}[{{}}]", text):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0
    open_ones = []
    for what, environment in re.findall(r"\\(begin|end){(\w+)}", text):
        if what == "begin":
            open_ones.append(environment)
        else:
            assert open_ones.pop() == environment
    assert not open_ones
    for row in grid(text):
        spans = re.match(r"\\multicolumn{(\d+)}", row[0])
        assert (int(spans[1]) if spans else len(row)) == len(table.columns) + 1
    assert len(re.findall(rf"{FREE}\$", text)) % 2 == 0
    assert not re.search(rf"{FREE}[#%^~]", text)
    assert text.isascii()


def test_cells():
    lines = [[cell.strip() for cell in row] for row in grid(latex(made_table(), "x", made_intervals()))]
    assert lines[0] == [
        "method",
        r"AJI $\uparrow$",
        r"object F1 $\uparrow$",
        r"object Hausdorff (px) $\downarrow$",
    ]
    assert lines[1][2] == r"{\scriptsize iou$>$=0.50, pooled}"
    by_name = {row[0]: row[1:] for row in lines}
    threshold = [r"0.441 $\pm$ 0.121", "--", r"8.250 $\pm$ 2.500 {\scriptsize (13 images)}"]
    assert by_name[r"\quad threshold"] == threshold
    assert by_name[r"\quad *star*\_$|$$<$b$>$\textsuperscript{a}"][1] == "0.950"
    assert by_name[r"\quad \textit{Printed}\textsuperscript{b}"][0] == r"\textit{0.536 $\pm$ 0.040}"
    assert by_name[r"\quad supervised"][0] == r"\textbf{0.583} $\pm$ 0.005"
    assert by_name[""][0] == r"{\scriptsize +0.142 [+0.081, +0.203]}"
    assert by_name[""][2] == r"{\scriptsize $-$1.750 [$-$4.500, +0.250]}"


def test_the_caption_is_one_line_and_the_notes_follow():
    text = latex(made_table())
    assert r"\caption{multiorgan, test: 14 images. Mean over images $\pm$" in text
    assert r"50 \% is \_half\_ \#1." in text
    assert r"\textsuperscript{b} printed: Liu et al., table 2." in text


def test_runs_and_what_the_document_needs_are_comments(tmp_path):
    table = table_of(made_run(tmp_path, "a", 3, {"1": {"aji": 0.5}}, epochs=1))
    (row,) = table.rows
    run = replace(row.runs[0], command="maskless\nevaluate\r\\bad {")
    text = latex(replace(table, rows=(replace(row, runs=(run,)),)))
    head = text[: text.index(r"\begin{table}")].splitlines()
    assert all(line.startswith("% ") for line in head)
    assert r"\usepackage{booktabs,graphicx}" in head[0]
    assert "lualatex" in " ".join(head)
    assert head[-1].startswith(f"% a: maskless evaluate \\bad {{, {run.path}, finished, seed 3, ")
    assert head[-1].endswith(", weights not there, data 0123456789ab, licence of the data CC0")


@pytest.mark.parametrize(("columns", "fitted"), [(6, False), (7, True)])
def test_a_wide_table_is_fitted_to_the_line(columns, fitted):
    of_one = [Column("aji", str(k)) for k in range(columns)]
    text = latex(replace(made_table(), columns=tuple(of_one)))
    assert (r"\resizebox{\linewidth}{!}{\begin{tabular}" in text) == fitted
    assert (r"\end{tabular}}" in text) == fitted


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_it_compiles(tmp_path):
    odd = replace(made_table(), title="\\x {a} #1 ~ ^ $ & % _ é ü µm <|>", notes=("a \\ b",))
    wide = replace(odd, columns=odd.columns * 3)
    text = "\n".join(latex(table, "threshold", made_intervals()) for table in (odd, wide, every_table()[3]))
    document = (
        rf"\documentclass{{article}}\usepackage{{booktabs,graphicx}}\begin{{document}}{text}\end{{document}}"
    )
    (tmp_path / "a.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "a.pdf").stat().st_size > 10_000
