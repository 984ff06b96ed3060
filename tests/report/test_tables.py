from math import nan, sqrt

import pytest
from made_runs import made_run, score_rows

from maskless.errors import UserError
from maskless.metrics import HIGHER_IS_BETTER
from maskless.report.column import Column
from maskless.report.results import read_result
from maskless.report.tables import best, intervals, tables
from maskless.signals import Annotation

AJI = Column("aji", "kumar")
DICE = Column("dice", "foreground")


@pytest.fixture
def made(tmp_path):
    """A function that makes the tables of runs, each given as the arguments of `made_run`."""

    def make(*runs, columns=()):
        return tables([read_result(made_run(tmp_path, **run)) for run in runs], columns)

    return make


def of_aji(*values):
    return {str(k): {"aji": value} for k, value in enumerate(values, 1)}


# -- rows ----------------------------------------------------------------------------------------------------


def test_a_row_a_method_in_the_given_order(made):
    scores = {"1": {"dice": 0.5, "aji": 0.2}, "2": {"dice": 0.7, "aji": 0.4}}
    (table,) = made({"method": "z", "scores": scores}, {"method": "a", "scores": scores})
    assert (table.source, table.split, table.part, table.images) == (
        "synthetic",
        "official",
        "test",
        ("1", "2"),
    )
    assert [row.name for row in table.rows] == ["z", "a"]
    assert table.columns == (AJI, DICE)  # AJI leads, though the file has it last
    value = table.rows[0].values[AJI]
    assert (value.mean, value.of, value.count) == (pytest.approx(0.3), "images", 2)
    assert value.std == pytest.approx(sqrt(0.02))


def test_rows_stand_by_what_their_annotation_costs(made):
    one = of_aji(0.5)
    costs = [("a", "full masks"), ("b", None), ("c", "none"), ("d", "points")]
    (table,) = made(*({"method": m, "annotation": cost, "scores": one} for m, cost in costs))
    assert [row.name for row in table.rows] == ["c", "d", "a", "b"]


def test_seeds_are_one_row_with_the_deviation_of_their_means(made):
    (table,) = made(
        {"seed": 0, "scores": of_aji(0.1, 0.3)},
        {"seed": 1, "scores": of_aji(0.3, 0.5)},
        {"seed": 2, "scores": of_aji(0.5, 0.7)},
    )
    (row,) = table.rows
    value = row.values[AJI]
    assert (value.mean, value.std, value.of, value.count) == (
        pytest.approx(0.4), pytest.approx(0.2), "seeds", 3,
    )  # fmt: skip
    assert row.by_image[AJI] == {"1": pytest.approx(0.3), "2": pytest.approx(0.5)}


def test_folds_are_one_row_that_weighs_every_fold_alike(made):
    folds = [of_aji(0.2), {"2": {"aji": 0.4}, "3": {"aji": 0.6}}, {"4": {"aji": 0.8}}]
    (table,) = made(*({"split": f"fold{k}", "scores": scores} for k, scores in enumerate(folds)))
    assert (table.split, table.images) == ("fold*", ("1", "2", "3", "4"))
    (row,) = table.rows
    value = row.values[AJI]
    assert (value.mean, value.of, value.count, value.images) == (pytest.approx(0.5), "folds", 3, 4)
    assert value.std == pytest.approx(0.3)
    assert row.compared


def test_an_image_that_another_folds_run_has_learnt_from_is_not_seen(tmp_path):
    """Every image is in the training part of all folds but its own."""
    images = {f"fold{k}": str(k) for k in range(3)}
    runs = []
    for split, image in images.items():
        about = {
            "name": "synthetic",
            "split": split,
            "splits": list(images),
            "parts": {"train": [one for one in images.values() if one != image], "test": [image]},
            "cases": {one: f"case {one}" for one in images.values()},
        }
        runs.append(made_run(tmp_path, scores={image: {"aji": 0.5}}, epochs=1, data={"main": about}))
    (table,) = tables([read_result(run) for run in runs])
    assert table.images == ("0", "1", "2")
    assert table.rows[0].seen == ()


def test_scores_of_some_runs_alone_are_said(made):
    (table,) = made(
        {"seed": 0, "scores": {"1": {"aji": 0.5, "dice": 0.5}}}, {"seed": 1, "scores": of_aji(0.5)}
    )
    assert table.rows[0].values[DICE].count == 1
    assert any("1 scores are of some of its 2 runs alone" in note for note in table.notes)


def test_some_folds_are_no_result_of_all(made):
    (table,) = made({"split": "fold0", "scores": of_aji(0.2)}, {"split": "fold1", "scores": of_aji(0.4)})
    assert table.rows[0].lacks == "2 of 3 folds"
    assert best(table) == set()


def test_a_grid_of_folds_and_seeds_with_a_hole_is_no_result(made):
    grid = [(fold, seed) for fold in range(3) for seed in range(2)][:-1]
    (table,) = made(*({"split": f"fold{f}", "seed": s, "scores": {str(f): {"aji": 0.5}}} for f, s in grid))
    assert table.rows[0].lacks == "5 of 6 runs, 3 folds by 2 seeds"


def test_a_run_on_some_of_the_images_of_its_part_is_no_result(tmp_path):
    data = {"name": "synthetic", "split": "official", "parts": {"test": ["1", "2", "3"]}}
    run = made_run(tmp_path, scores=of_aji(0.5, 0.5), data={"main": data})
    (table,) = tables([read_result(run)])
    assert table.rows[0].lacks == "2 of 3 images of official scored"


def test_scores_under_another_label_join_the_table_of_their_images(tmp_path):
    """Trained on a fold and scored on the official split, as others are."""
    official = {"name": "s", "split": "official", "sha256": "1"}
    fold = {"name": "s", "split": "fold0", "splits": ["fold0", "official"], "sha256": "2"}
    plain = made_run(tmp_path, "a", scores=of_aji(0.5), source="s", data={"main": official})
    other = made_run(tmp_path, "b", data={"main": fold})
    other.add_scores(score_rows(of_aji(0.6), source=other.label(official)))
    (table,) = tables([read_result(plain), read_result(other)])
    assert [row.name for row in table.rows] == ["a", "b"]
    assert intervals(table, "a") == {}  # of one image
    assert best(table) == {("b", AJI)}


def test_a_tuned_chain_is_told(tmp_path):
    run = made_run(tmp_path, scores=of_aji(0.5))
    (run.path / "chain.yaml").write_text("{}")
    (table,) = tables([read_result(run)])
    assert any("tuned on validation images" in note for note in table.notes)


def test_the_difference_shown_is_that_of_the_values_shown(made):
    """Also over folds of several sizes, pooled."""

    def counts(hit, all_px):
        return {"hit_px/foreground": hit, "true_px/foreground": all_px, "pred_px/foreground": all_px,
                "scored_px/foreground": 100.0}  # fmt: skip

    runs = []
    for fold, (first, second) in enumerate([((9, 10), (1, 10)), ((5, 50), (40, 50)), ((2, 5), (3, 5))]):
        for method, gain in (("a", 0), ("b", 1)):
            images = {f"{fold}1": counts(first[0] + gain, first[1]), f"{fold}2": counts(*second)}
            scores = {image: {**of, "dice": of["hit_px/foreground"] / 50} for image, of in images.items()}
            runs.append({"method": method, "split": f"fold{fold}", "scores": scores})
    (table,) = made(*runs, columns=["dice", "dice/foreground/pooled"])
    a, b = table.rows
    for column in table.columns:
        shown = b.values[column].mean - a.values[column].mean
        assert intervals(table, "a")["b", column].difference == pytest.approx(shown)


def test_runs_on_other_images_parts_splits_or_sources_have_tables_of_their_own(made):
    one, two = of_aji(0.2), of_aji(0.2, 0.2)
    found = made(
        {"method": "a", "scores": one, "part": "val"},
        {"method": "b", "scores": one},
        {"method": "c", "scores": two},
        {"method": "d", "scores": two},
        {"method": "e", "scores": two, "source": "folder"},
        {"method": "f", "scores": two, "split": "other"},
    )
    assert [(t.source, t.split, t.part, t.images, [row.name for row in t.rows]) for t in found] == [
        ("synthetic", "official", "test", ("1", "2"), ["c", "d"]),
        ("folder", "official", "test", ("1", "2"), ["e"]),
        ("synthetic", "official", "test", ("1",), ["b"]),
        ("synthetic", "other", "test", ("1", "2"), ["f"]),
        ("synthetic", "official", "val", ("1",), ["a"]),
    ]
    assert any("b was scored on other images" in note for note in found[0].notes)


def test_a_run_scored_on_two_parts_is_in_two_tables(tmp_path):
    run = made_run(tmp_path, scores=of_aji(0.5))
    run.add_scores(score_rows({"9": {"aji": 0.7}}, part="val"))
    assert [table.part for table in tables([read_result(run)])] == ["test", "val"]


def test_a_run_without_scores_is_in_no_table(made):
    assert made({}) == []


# -- columns -------------------------------------------------------------------------------------------------


def test_two_definitions_are_never_in_one_column(made):
    (table,) = made(
        {"method": "a", "scores": {"1": {"aji/kumar": 0.4}}},
        {"method": "b", "scores": {"1": {"aji/one_to_one": 0.5}}},
        columns=["aji", "aji/one_to_one"],
    )
    assert table.columns == (AJI, Column("aji", "one_to_one"))
    a, b = table.rows
    assert list(a.values) == [AJI]
    assert list(b.values) == [Column("aji", "one_to_one")]
    assert any("b lacks AJI (kumar)" in note for note in table.notes)


def test_a_column_that_does_not_exist_is_refused(made):
    with pytest.raises(UserError, match="columns=ajj is no score; did you mean 'aji'"):
        made({"scores": of_aji(0.5)}, columns=["ajj"])


def test_counts_are_no_columns_and_pooled_scores_are_columns_of_their_own(made):
    counts = {
        "hit_px/foreground": 1.0,
        "true_px/foreground": 2.0,
        "pred_px/foreground": 1.0,
        "scored_px/foreground": 9.0,
    }
    many = {
        "hit_px/foreground": 0.0,
        "true_px/foreground": 6.0,
        "pred_px/foreground": 0.0,
        "scored_px/foreground": 9.0,
    }
    (table,) = made({"scores": {"1": {"dice": 2 / 3, **counts}, "2": {"dice": 0.0, **many}}})
    assert table.columns == (DICE,)
    row = table.rows[0]
    assert row.values[DICE].mean == pytest.approx(1 / 3)
    assert row.values[DICE._replace(over="pooled")].mean == pytest.approx(2 / 9)


def test_a_metric_that_is_not_ours_is_shown(made):
    (table,) = made({"scores": {"1": {"mystery": 1.0, "aji": 0.5}}})
    assert [column.metric for column in table.columns] == ["aji", "mystery"]


def test_a_column_that_no_image_defines_is_empty(made):
    (table,) = made({"method": "a", "scores": of_aji(nan)}, {"method": "b", "scores": of_aji(0.5)})
    assert table.rows[0].values == {}
    assert best(table) == {("b", AJI)}


# -- bests and differences -----------------------------------------------------------------------------------


def test_the_best_of_each_column(made):
    (table,) = made(
        {"method": "a", "scores": {"1": {"aji": 0.5, "dice": 0.80011}}},
        {"method": "b", "scores": {"1": {"aji": 0.6, "dice": 0.80009}}},
        {"method": "c", "scores": {"1": {"aji": 0.1, "dice": 0.7}}},
    )
    assert best(table) == {("b", AJI), ("a", DICE), ("b", DICE)}


def test_lower_can_be_better_and_an_unknown_metric_has_no_best(made):
    assert HIGHER_IS_BETTER["object_hausdorff"] is False
    (table,) = made(
        {"method": "a", "scores": {"1": {"object_hausdorff": 3.0, "mystery": 1.0}}},
        {"method": "b", "scores": {"1": {"object_hausdorff": 2.0, "mystery": 2.0}}},
    )
    assert {(name, column.metric) for name, column in best(table)} == {("b", "object_hausdorff")}


def test_alone_nothing_is_best(made):
    (table,) = made({"scores": of_aji(0.5)})
    assert best(table) == set()


def test_a_method_that_has_learnt_from_the_tissue_is_marked_and_never_best(made):
    (table,) = made(
        {"method": "a", "scores": of_aji(0.5, 0.5)},
        {"method": "b", "scores": of_aji(0.4, 0.4)},
    )
    (seen,) = made({"method": "c", "epochs": 1, "scores": {"learnt": {"aji": 0.9}, "2": {"aji": 0.9}}})
    assert seen.rows[0].seen == ("learnt",)
    assert best(table) == {("a", AJI)}
    assert not seen.rows[0].compared


def test_weights_of_others_say_what_they_were_trained_on(made):
    scores = of_aji(0.5, 0.5)
    (table,) = made(
        {"method": "a", "scores": scores},
        {"method": "b", "scores": scores, "settings": {"trained_on": ["case 1"]}},
        {"method": "c", "scores": scores, "settings": {"trained_on": ["synthetic"]}},
    )
    assert [row.seen for row in table.rows] == [(), ("1",), ("1", "2")]


def test_the_difference_to_a_chosen_row_is_paired_by_image(made):
    (table,) = made(
        {"method": "a", "scores": of_aji(0.1, 0.5, 0.9)},
        {"method": "b", "scores": of_aji(0.2, 0.6, 1.0)},
    )
    found = intervals(table, "a")
    assert list(found) == [("b", AJI)]
    interval = found["b", AJI]
    assert (interval.difference, interval.low, interval.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(UserError, match="against=d is no measured row; known: a, b"):
        intervals(table, "d")


def test_what_runs_recorded_of_the_source(made):
    (table,) = made({"method": "a", "scores": of_aji(0.5)})
    assert table.recorded("licence") == {"a": "CC0"}


def of_stain(name: str, stain: str | None, *images: str) -> dict:
    """What a run records of a source."""
    cases = {image: f"case {image}" for image in images}
    parts = {"test": list(images)}
    return {"name": name, "split": "official", "sha256": name, "stain": stain, "parts": parts, "cases": cases}


@pytest.mark.parametrize(
    ("learnt", "scored", "cost"),
    [
        ("H&E", "IHC", Annotation.OTHER_STAIN),
        ("IHC", "IHC", Annotation.MASKS),
        (None, "IHC", Annotation.MASKS),
        ("H&E", None, Annotation.MASKS),
    ],
)
def test_outlines_of_another_stain_cost_the_stain_that_is_scored_none(tmp_path, learnt, scored, cost) -> None:
    data, scores = {"main": of_stain("multiorgan", learnt, "learnt")}, {"a": {"aji": 0.5}}
    run = made_run(
        tmp_path, "supervised", 0, scores, "deepliif", annotation="full masks", epochs=1, data=data
    )
    assert run.label(of_stain("deepliif", scored, "a")) == "deepliif"
    (table,) = tables([read_result(run)])
    assert [row.annotation for row in table.rows] == [cost]
