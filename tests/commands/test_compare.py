import csv
import shutil

import pytest
from made_runs import TILES, made_run, multiorgan_names, predicted_run
from PIL import Image

from maskless.cli import main

PNG = b"\x89PNG\r\n\x1a\nand so on"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def test_a_page_and_tables_from_all_runs_below_a_folder(folder, capsys):
    predicted_run(folder / "runs" / "deep", "threshold")
    predicted_run(folder / "runs", "supervised", lost=1, epochs=3)
    assert main(["compare", "runs=runs", "output=out.html", "images=2"]) == 0
    out = capsys.readouterr().out
    assert "synthetic, test: 5 images" in out
    assert "threshold" in out
    assert "1.000" in out
    assert "written to out.html, out.csv, out.md, out.tex, out.png" in out
    page = (folder / "out.html").read_text()
    assert "<title>2 runs compared</title>" in page
    assert "best of 5" in page
    assert "worst of 5" in page
    assert "mean validation AJI" in page
    with (folder / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == {"threshold", "supervised"}
    assert sorted(path.name for path in folder.iterdir()) == [
        "out.csv",
        "out.html",
        "out.md",
        "out.png",
        "out.tex",
        "runs",
    ]
    with Image.open(folder / "out.png") as panel:  # 2 images, and beside each its truth and two methods
        assert panel.size == pytest.approx((4 * 524 + 90, 2 * 524 + 60), abs=12)


def test_there_is_no_panel_where_nothing_can_be_shown(folder, capsys):
    made_run(folder / "runs", scores={"1": {"aji": 0.5}})
    assert main(["compare", "runs=runs"]) == 0
    assert "report.tex\n" in capsys.readouterr().out
    assert not (folder / "report.png").exists()


def test_a_panel_of_many_runs_fits_the_memory(folder, monkeypatch):
    monkeypatch.setattr("maskless.commands.compare._PANEL_PX", 300)
    predicted_run(folder / "runs")
    assert main(["compare", "runs=runs"]) == 0
    with Image.open(folder / "report.png") as panel:
        assert 290 <= max(panel.size) <= 300


def test_runs_stand_in_the_order_they_are_named_in_each_once(folder):
    a, b = (made_run(folder, name, scores={"1": {"aji": 0.5}}) for name in ("a", "b"))
    assert main(["compare", f"runs=[{b.path},{a.path},{folder}]"]) == 0
    with (folder / "report.csv").open() as file:
        assert [row["method"] for row in csv.DictReader(file)] == ["b", "a"]


def test_images_is_their_number_for_each_method(folder):
    good, poor = predicted_run(folder, "good"), predicted_run(folder, "poor", lost=2)
    for images, shown in ((0, 0), (1, 2), (3, 6), (99, 10)):
        assert main(["compare", f"runs=[{good.path},{poor.path}]", f"images={images}"]) == 0
        assert (folder / "report.html").read_text().count('class="picture"') == shown, images


def test_what_failed_or_is_unfinished_or_unscored_or_broken_is_named(folder, capsys):
    made_run(folder / "runs", "good", scores={"1": {"aji": 0.5}})
    made_run(folder / "runs", "bad", state="failed", why="no <memory>")
    made_run(folder / "runs", "slow", state="running", scores={"1": {"aji": 0.5}})
    unscored = made_run(folder / "runs", "unscored")
    broken = made_run(folder / "runs", "broken")
    (broken.path / "config.yaml").write_text("{")
    assert main(["compare", "runs=runs"]) == 0
    out, page = capsys.readouterr().out, (folder / "report.html").read_text()
    assert "failed: no <memory>" in out
    assert "failed: no &lt;memory&gt;" in page
    for text in (out, page):
        assert "is unfinished: running since 2030-01-01" in text
        path = unscored.path.relative_to(folder)
        assert f"{path} is not scored yet: maskless evaluate run={path}" in text
        assert f"{broken.path.relative_to(folder)}/config.yaml cannot be read" in text
    assert "not compared: unfinished" in page
    assert "<title>2 runs compared</title>" in page


def test_a_page_without_images_that_are_gone(folder):
    gone = {"_target_": "maskless.data.readers.folder.Folder", "path": str(folder / "gone")}
    predicted_run(folder / "runs", dataset=gone)
    assert main(["compare", "runs=runs"]) == 0
    page = (folder / "report.html").read_text()
    assert "The images of threshold cannot be read any more: " in page
    assert "<image " not in page


def test_an_image_that_is_gone_is_named_and_the_others_are_shown(folder, monkeypatch):
    from maskless.data.readers.synthetic import Synthetic
    from maskless.errors import UserError

    read = Synthetic.read

    def broken(self, item, signals):
        if item.id == "test-0002":
            raise UserError("it is damaged")
        return read(self, item, signals)

    predicted_run(folder / "runs")
    monkeypatch.setattr(Synthetic, "read", broken)
    assert main(["compare", "runs=runs", "images=5"]) == 0
    page = (folder / "report.html").read_text()
    assert "test-0002 cannot be shown for threshold: it is damaged." in page
    assert page.count("<image ") == TILES["test"] - 1


def test_without_label_maps_the_page_says_how_to_keep_them(folder):
    made_run(folder / "runs", scores={"1": {"aji": 0.5}})
    main(["compare", "runs=runs"])
    assert "threshold has not kept its label maps" in (folder / "report.html").read_text()


def test_pictures_of_a_run_are_shown_by_their_names(folder, capsys):
    run = made_run(folder / "runs", scores={"1": {"aji": 0.5}})
    (run.path / "figures").mkdir()
    (run.path / "figures" / "photograph.png").write_bytes(PNG)
    (run.path / "figures" / "broken.png").write_bytes(b"GIF89a")
    assert main(["compare", "runs=runs"]) == 0
    page = (folder / "report.html").read_text()
    assert page.count("<img ") == 1
    assert "photograph.png (threshold)" in page
    assert "broken.png cannot be shown: it is no PNG" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["runs=nowhere"], "runs=nowhere is no run directory"),
        (["runs=empty"], "empty is no run directory, nor is there one below it"),
        (["runs=[]"], "name what to compare"),
        ([], "compare needs runs=..."),
        (["runs=unscored"], "maskless evaluate run=unscored/study/"),
        (["runs=failed"], "failed: no memory"),
        (["runs=good", "output=report.pdf"], "output=report.pdf must end in .html"),
        (["runs=good", "output=nowhere/report.html"], "nowhere does not exist"),
        (["runs=good", "images=few"], "images must be a whole number, not 'few'"),
        (["runs=good", "images=-1"], "images=-1 is no number of images"),
        (["runs=good", "image=2"], "compare has no option 'image'"),
        (["runs=good", "against=bad"], "against=bad is no row of these runs; known: threshold"),
        (["runs=good", "columns=[aij]"], "columns=aij is no score; did you mean 'aji'"),
        (
            ["runs=good", "columns=[aji/kumr]"],
            "columns=aji/kumr is no definition of aji; did you mean 'kumar'",
        ),
        (["runs=good", "columns=aji"], "columns must be a list, as in [a, b], not 'aji'"),
        (["runs=good", "paper=[liu_2022]"], "paper must be a word or null, not ['liu_2022']"),
        (["runs=good", "against=1"], "against must be a word or null, not 1"),
        (["runs=good", "output=folder.html"], "folder.html is a folder"),
        (["runs=good", "paper=liu"], "paper=liu is none whose tables are known"),
    ],
)
def test_the_users_errors_are_sentences(folder, capsys, words, sentence):
    (folder / "empty").mkdir()
    (folder / "folder.html").mkdir()
    made_run(folder / "unscored")
    made_run(folder / "failed", state="failed", why="no memory")
    made_run(folder / "good", scores={"1": {"aji": 0.5}})
    before = sorted(folder.rglob("*"))
    assert main(["compare", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_rows_are_compared_with_the_best_or_the_one_that_is_named(folder, capsys):
    for method, aji in (("a", 0.4), ("b", 0.6), ("c", 0.5)):
        # By what is not the first column another one is best.
        scores = {str(k): {"aji": aji + k / 100, "dice": 1 - aji} for k in range(5)}
        made_run(folder / "runs", method, scores=scores)
    assert main(["compare", "runs=runs"]) == 0
    assert "difference to b" in (folder / "report.html").read_text()
    assert main(["compare", "runs=runs", "against=a"]) == 0
    for name in ("report.html", "report.md", "report.tex"):
        text = (folder / name).read_text()
        assert "difference to a" in text, name
        assert "0.200" in text, name


def test_columns_are_named_as_the_docs_say(folder, capsys):
    scores = {str(k): {"aji": 0.5, "aji/one_to_one": 0.6, "object_f1/iou>=0.75": 0.4} for k in range(2)}
    made_run(folder / "runs", scores=scores)
    assert main(["compare", "runs=runs", "columns=[aji, aji/one_to_one, object_f1/iou>=0.75]"]) == 0
    text = (folder / "report.md").read_text()
    assert "one\\_to\\_one" in text
    assert "iou>=0.75" in text


def test_measured_rows_stand_beside_a_papers_own(folder, capsys):
    """Fourteen images called those of MultiOrgan's test part, so the rows that are printed of them join."""
    scores = {
        name: {"aji/kumar": 0.5, "aji/liu_2022": 0.4, "f1/liu_2022": 0.7} for name in multiorgan_names(14)
    }
    made_run(folder / "runs", scores=scores, source="multiorgan")
    assert main(["compare", "runs=runs"]) == 0
    out = capsys.readouterr().out
    assert "measured beside Liu et al., ISBI 2022" in out
    assert "SPN + IEN" in out
    with (folder / "report.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "aji"]
    told = {(row["method"], row["definition"], row["value"], row["origin"]) for row in rows}
    assert ("SPN + IEN", "liu_2022", "0.535700", "printed") in told
    assert ("threshold", "liu_2022", "0.400000", "measured") in told
    assert ("threshold", "kumar", "0.500000", "measured") in told


def test_thirteen_of_the_images_are_another_protocol(folder, capsys):
    scores = {name: {"aji": 0.5} for name in multiorgan_names(13)}
    made_run(folder / "runs", scores=scores, source="multiorgan")
    assert main(["compare", "runs=runs"]) == 0
    assert "Liu et al." not in capsys.readouterr().out
    assert main(["compare", "runs=runs", "paper=liu_2022"]) == 0
    page = (folder / "report.html").read_text()
    assert "in the columns of Liu et al., ISBI 2022" in page  # ours, alone
    assert "measured beside" not in page
    assert "MultiOrgan, the 14 test images of 12/4/14" in page  # theirs, alone


def test_a_method_says_what_its_weights_have_seen(folder, capsys):
    tissue = ["dataset=synthetic", "dataset.size_px=64", "dataset.tiles={test: 2}", "progress=false"]
    assert main(["evaluate", "method=threshold", *tissue, "+method.trained_on=[synthetic/test-0001]"]) == 0
    assert main(["compare", "runs=runs"]) == 0
    told = "it has learnt from the tissue of 1 of the 2 images"
    assert told in (folder / "report.html").read_text()
    assert told in capsys.readouterr().out


def test_a_runs_own_files_are_not_written_over(folder, capsys):
    run = made_run(folder / "runs", scores={"1": {"aji": 0.5}})
    before = (run.path / "scores.csv").read_bytes()
    assert main(["compare", "runs=runs", f"output={run.path}/scores.html"]) == 2
    assert "the run's own scores.csv" in capsys.readouterr().err
    assert (run.path / "scores.csv").read_bytes() == before
    for name in ("metrics", "search"):
        assert main(["compare", "runs=runs", f"output={run.path}/{name}.html"]) == 2
    assert main(["compare", "runs=runs", f"output={run.path}/report.html"]) == 0


def test_a_run_that_was_moved_is_compared_where_it_is(folder):
    run = predicted_run(folder / "there")
    shutil.move(run.path, folder / "with, comma")
    assert main(["compare", "runs=['with, comma']"]) == 0
    assert (folder / "report.html").read_text().count("<image ") == 3


def test_what_evaluate_leaves_is_what_compare_shows(folder, capsys):
    tissue = ["dataset=synthetic", "dataset.size_px=64", "dataset.tiles={test: 2}"]
    assert main(["evaluate", "method=threshold", *tissue, "progress=false"]) == 0
    assert main(["compare", "runs=runs"]) == 0
    page = (folder / "report.html").read_text()
    assert "2 images: split official; licence of the data Apache-2.0" in page
    assert page.count("<image ") == 2
    assert "scored as" not in page
    for name in ("AJI", "object Dice", "balanced accuracy"):
        assert name in page
