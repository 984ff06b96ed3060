import pytest
import yaml
from made_runs import made_run, multiorgan_names

from maskless.errors import UserError
from maskless.report.beside import beside, in_columns_of, of_other_images
from maskless.report.column import Column
from maskless.report.printed import matching, protocol_notes
from maskless.report.results import read_result
from maskless.report.tables import best, tables

AJI = Column("aji", "liu_2022")


@pytest.fixture
def made(tmp_path):
    """A function that makes the table of runs on the 14 test images of MultiOrgan, by method and AJI."""

    def make(**ajis):
        runs = []
        for method, aji in ajis.items():
            scores = {name: {"aji/kumar": 0.1, "aji/liu_2022": aji} for name in multiorgan_names(14)}
            runs.append(made_run(tmp_path, method, scores=scores, source="multiorgan", annotation="points"))
        (table,) = tables([read_result(run) for run in runs])
        return table

    return make


def test_rows_of_both_kinds_stand_by_what_they_cost(made):
    (table,) = beside(made(mine=0.6))
    assert (table.paper, table.columns[-1]) == ("liu_2022", AJI)
    costs = [row.annotation for row in table.rows]
    assert table.rows[0].name == "mine"
    assert costs == sorted(costs, key=["points", "full masks"].index)
    assert {row.name for row in table.rows} >= {"mine", "SPN + IEN"}


def test_a_measured_value_is_that_of_the_papers_definition(made):
    (table,) = beside(made(mine=0.6))
    (mine,) = (row for row in table.rows if row.runs)
    assert mine.values[AJI].mean == pytest.approx(0.6)
    assert ("mine", AJI) in best(table)


def test_a_quoted_row_is_shown_and_never_the_best(made):
    (table,) = beside(made(mine=0.1))
    (dong,) = (row for row in table.rows if row.name == "Dong et al. 2020")
    assert dong.values
    assert dong.lacks == "quoted from Dong et al. 2020, by what definition is not said"
    compared = [row for row in table.rows if row.compared and AJI in row.values]
    first = max(compared, key=lambda row: row.values[AJI].mean)
    assert (first.name, AJI) in best(table)
    assert not any(name == dong.name for name, _ in best(table))


def test_as_many_images_of_the_same_names_but_one_are_other_images(tmp_path):
    scores = {name: {"aji/liu_2022": 0.5} for name in (*multiorgan_names()[:13], multiorgan_names()[14])}
    (table,) = tables([read_result(made_run(tmp_path, scores=scores, source="multiorgan"))])
    assert beside(table) == []
    titles = [found.title for found in of_other_images([table], "liu_2022")]
    assert "MultiOrgan, the 14 test images of 12/4/14" in titles


def test_a_printed_row_gives_way_to_a_measured_one_of_its_name(made):
    (table,) = beside(made(SPN=0.4))
    names = [row.name for row in table.rows]
    assert len(set(names)) == len(names)
    assert [row.citation != "" for row in table.rows if row.name == "SPN"] == [False]
    assert [row.citation != "" for row in table.rows if row.name == "SPN, printed"] == [True]


def test_what_a_protocol_has_to_be_said_of_is_below_the_table(tmp_path):
    runs = []
    for k in range(10):
        about = {"name": "multiorgan", "split": f"fold{k}", "splits": [f"fold{n}" for n in range(10)]}
        scores = {name: {"aji": 0.5} for name in multiorgan_names()[3 * k : 3 * k + 3]}
        runs.append(made_run(tmp_path, scores=scores, source="multiorgan", data={"main": about}))
    (table,) = tables([read_result(run) for run in runs])
    (protocol,) = matching("multiorgan", "fold*", "test", table.images)
    (joined,) = beside(table)
    assert set(protocol_notes(protocol)) <= set(joined.notes)
    assert any("chosen on the images that are reported" in note for note in joined.notes)


def test_one_paper_alone(made):
    assert beside(made(mine=0.6), "trullo_2022") == []
    assert [table.paper for table in beside(made(mine=0.6), "liu_2022")] == ["liu_2022"]
    with pytest.raises(UserError, match="paper=liu is none whose tables are known"):
        beside(made(mine=0.6), "liu")


def test_in_the_columns_of_a_paper_that_printed_nothing_of_these_images(made):
    table = in_columns_of(made(mine=0.6), "sahasrabudhe_2020")
    assert [column.definition for column in table.columns] == ["sahasrabudhe_2020"] * 3
    assert [row.name for row in table.rows] == ["mine"]


def test_what_is_printed_of_other_images_has_no_measured_row(made):
    found = of_other_images([made(mine=0.6)], "liu_2022")
    assert [table.title for table in found]
    assert not any(row.runs for table in found for row in table.rows)
    assert "MultiOrgan, the 14 test images of 12/4/14" not in [table.title for table in found]


def test_a_translation_stands_next_to_the_printed_row_of_the_same_parts(tmp_path):
    """Trullo et al.: scores of the counts of all 598 images, and what is odd in their table."""
    counts = {"true_objects/instances": 4, "pred_objects/instances": 2, "matched_objects/iou>=0.50": 1}
    scores = {f"image-{k}": {"dice/foreground": 0.5, **counts} for k in range(598)}
    runs = []
    for segmenter in ("cellpose", "rendered-he"):
        run = made_run(
            tmp_path, segmenter, scores=scores, source="deepliif", annotation="masks of another stain"
        )
        config = run.config
        config["choices"] = {"method": "translation", "segmenter": segmenter}
        config["method"] = {"gan": {"_target_": "maskless.methods.cyclegan.CycleGAN"}}
        (run.path / "config.yaml").write_text(yaml.safe_dump(config))
        runs.append(run)
    (ours,) = tables([read_result(run) for run in runs])
    (table,) = beside(ours, "trullo_2022")
    names = [row.name for row in table.rows]
    assert names[:3] == ["CycleGAN + Cellpose", "CycleGAN + Cellpose, printed", "CycleGAN + rendered-he"]
    assert len(names) == 12
    f1 = Column("object_f1", "iou>=0.50", over="pooled")
    assert table.columns[-1] == f1
    assert [row.values[f1].mean for row in table.rows[:2]] == pytest.approx([1 / 3, 0.55])
    assert any("HoVer-Net alone is printed 0.64" in note for note in table.notes)
    assert any("F1 is printed 0.44" in note for note in table.notes)
    (lyon,) = of_other_images([ours], "trullo_2022")
    assert len(lyon.rows) == 7
    assert any(note.startswith("StarDist, CycleGAN + StarDist: ") for note in lyon.notes)
