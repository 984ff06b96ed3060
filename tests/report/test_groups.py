import pytest
import yaml
from made_runs import made_run

from maskless.report.groups import group_names, same_recipe, scored
from maskless.report.results import read_result

ONE = {"1": {"aji": 0.5}}


@pytest.fixture
def grouped(tmp_path):
    """A function that groups runs, each given as the arguments of `made_run`: the seeds, and the names."""

    def group(*runs):
        groups = same_recipe(
            scored([read_result(made_run(tmp_path, **{"scores": ONE, **run})) for run in runs])
        )
        return [[entry.run.seed for entry in found] for found in groups], group_names(groups)

    return group


def test_runs_that_differ_by_their_seed_alone_are_one_method(grouped):
    assert grouped({"seed": 0}, {"seed": 1}, {"seed": 2}) == ([["0", "1", "2"]], ["threshold"])


def test_a_seed_that_was_run_twice_is_no_further_seed(grouped):
    seeds, names = grouped({"seed": 0}, {"seed": 0}, {"seed": 1})
    assert seeds == [["0", "1"], ["0"]]
    assert len(set(names)) == 2


def test_settings_that_differ_make_another_method_and_name_it(grouped):
    seeds, names = grouped(
        {"settings": {"of": "luminance", "chain": {"mask": {"above": 0.5}}}},
        {"settings": {"of": "luminance", "chain": {"mask": {"above": 0.4}}}},
    )
    assert seeds == [["0"], ["0"]]
    assert names == ["threshold (above=0.5)", "threshold (above=0.4)"]


def test_settings_of_one_last_word_are_told_apart(grouped):
    _, names = grouped(
        {"settings": {"first": {"epochs": 1}, "second": {"epochs": 2}}},
        {"settings": {"first": {"epochs": 2}, "second": {"epochs": 1}}},
    )
    assert names == [
        "threshold (first.epochs=1, second.epochs=2)",
        "threshold (first.epochs=2, second.epochs=1)",
    ]


def test_lists_and_classes_stand_in_no_name(grouped):
    seeds, names = grouped(
        {"settings": {"direct": 0.0, "trained_on": ["a", "b"], "gan": {"_target_": "maskless.x.A"}}},
        {"settings": {"direct": 0.5, "trained_on": ["c"], "gan": {"_target_": "maskless.x.B"}}},
    )
    assert seeds == [["0"], ["0"]]
    assert names == ["threshold (direct=0.0)", "threshold (direct=0.5)"]


def test_variants_of_a_study_are_told_apart_by_their_names(tmp_path):
    """Where more settings differ than a name can hold."""
    runs = []
    for k, name in enumerate(("whole", "no_cycle", "two_views")):
        run = made_run(tmp_path, scores=ONE, settings=dict.fromkeys("abcd", k))
        config = run.config | {"choices": {"method": "threshold", "study/ablation": name}}
        (run.path / "config.yaml").write_text(yaml.safe_dump(config))
        runs.append(read_result(run))
    groups = same_recipe(scored(runs))
    assert group_names(groups) == ["threshold (whole)", "threshold (no_cycle)", "threshold (two_views)"]


def test_where_the_data_lies_makes_no_other_method(grouped):
    here, there = ({"_target_": "x", "path": path, "data_root": path} for path in "ab")
    seeds, _ = grouped({"seed": 0, "dataset": here}, {"seed": 1, "dataset": there})
    assert seeds == [["0", "1"]]


def about(sha256: str, split: str = "official") -> dict:
    return {"main": {"name": "folder", "split": split, "splits": ["fold0", "fold1"], "sha256": sha256}}


def test_runs_that_have_learnt_from_other_files_are_no_seeds_of_one_method(grouped):
    learnt = {"epochs": 1, "source": "synthetic"}
    seeds, names = grouped(
        {"seed": 0, "data": about("a"), **learnt}, {"seed": 1, "data": about("b"), **learnt}
    )
    assert seeds == [["0"], ["1"]]
    assert len(set(names)) == 2
    folds = {"epochs": 1, "source": "folder"}
    seeds, _ = grouped({"data": about("a", "fold0"), **folds}, {"data": about("b", "fold1"), **folds})
    assert len(seeds) == 1


def test_another_precision_is_another_method(tmp_path):
    runs = [made_run(tmp_path, seed=seed, scores=ONE) for seed in (0, 1)]
    with (runs[0].path / "config.yaml").open("a") as file:
        file.write("hardware: {precision: bf16-mixed}\n")
    assert len(same_recipe(scored([read_result(run) for run in runs]))) == 2


def test_what_a_view_holds_is_of_its_source_alone_under_its_own_name(tmp_path):
    """A source that a run was scored on beside its own has a label there, and its name in a table."""
    run = made_run(tmp_path, scores=ONE, source="tnbc")
    label = run.label({"name": "tnbc", "sha256": "other", "split": "official"})
    rows = [{**row, "source": label} for row in run.scores]
    run.add_scores(rows)
    first, second = scored([read_result(run)])
    assert (first.source, second.source) == ("tnbc", "tnbc")
    assert (first.run.label, second.run.label) == ("tnbc", label)
    assert second.about["sha256"] == "other"
    assert list(second.run.scores) == [("tnbc", "test")]


def test_a_run_that_did_not_finish_is_no_seed_of_one_that_did(grouped):
    seeds, _ = grouped({"seed": 0}, {"seed": 1, "state": "failed", "why": "no memory"})
    assert seeds == [["0"], ["1"]]


def test_a_tuned_chain_is_another_method(tmp_path):
    plain, tuned = (made_run(tmp_path, seed=seed, scores=ONE) for seed in (0, 1))
    (tuned.path / "chain.yaml").write_text("{}")
    groups = same_recipe(scored([read_result(plain), read_result(tuned)]))
    assert group_names(groups) == ["threshold", "threshold (chain=tuned)"]


def test_folds_are_a_family_and_the_official_split_is_none(tmp_path):
    runs = [made_run(tmp_path, scores=ONE, split=split) for split in ("fold0", "official")]
    fold, official = scored([read_result(run) for run in runs])
    assert (fold.family, fold.folds) == ("fold*", 3)
    assert (official.family, official.folds) == ("official", 1)


def test_no_two_groups_share_a_name(grouped):
    _, names = grouped({}, {}, {}, {"method": "other"})
    assert len(set(names)) == 4
