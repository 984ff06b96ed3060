from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_runs import made_run

from maskless.errors import UserError
from maskless.report.column import Column
from maskless.report.results import Result, names, read_result
from maskless.signals import Annotation


def result(method: str = "threshold", seed: str = "0", path: str = "a", scored: bool = True) -> Result:
    scores = {("s", "test"): {Column("aji", "kumar"): {"1": 0.5}}} if scored else {}
    return Result(
        path=Path(path),
        study="",
        method=method,
        learnt_from="",
        learnt_files="",
        trained_on=frozenset(),
        patients=frozenset(),
        chosen_on=frozenset(),
        annotation=None,
        seed=seed,
        state="finished",
        why="",
        command="",
        commit="",
        config={},
        described={},
        checkpoint="",
        chain="",
        label="",
        scores=scores,
        epochs=[],
    )


def test_what_a_run_says_of_itself(tmp_path):
    run = made_run(tmp_path, "supervised", 3, {"1": {"aji": 0.5}, "2": {"aji": float("nan")}}, epochs=2)
    read = read_result(run)
    assert (read.method, read.seed, read.study, read.state, read.why) == (
        "supervised",
        "3",
        "study",
        "finished",
        "",
    )
    assert read.learnt_from == "synthetic"
    assert read.command == "maskless evaluate method=supervised 'note=two words'"
    values = read.scores["synthetic", "test"][Column("aji", "kumar")]
    assert values["1"] == 0.5
    assert values["2"] != values["2"]
    assert [epoch["loss"] for epoch in read.epochs] == [2.0, 1.0]


def test_a_run_that_did_not_train_has_learnt_from_nothing(tmp_path):
    assert read_result(made_run(tmp_path)).learnt_from == ""


def test_what_it_cost_and_which_tissue_it_knows(tmp_path):
    trained = read_result(made_run(tmp_path, "supervised", epochs=1, annotation="full masks"))
    assert trained.annotation is Annotation.MASKS
    assert (trained.trained_on, trained.chosen_on) == ({"case learnt"}, {"case chosen"})
    floor = read_result(made_run(tmp_path))
    assert (floor.annotation, floor.trained_on, floor.chosen_on) == (Annotation.NONE, set(), set())
    assert read_result(made_run(tmp_path, annotation=None)).annotation is None


def test_the_weights_that_were_scored_are_known_by_their_hash(tmp_path):
    run = made_run(tmp_path, epochs=1)
    assert read_result(run).checkpoint == ""
    run.checkpoint("last").write_bytes(b"abc")
    assert read_result(run).checkpoint.startswith("ba7816bf8f01cfea")


def test_sources_that_were_scored_beside_its_own_are_described(tmp_path):
    run = made_run(tmp_path)
    run.label({"name": "tnbc", "sha256": "1", "licence": "CC BY 4.0"})
    assert read_result(run).described["tnbc"]["licence"] == "CC BY 4.0"


def test_all_roles_of_a_training_are_named(tmp_path):
    data = {"main": {"name": "deepliif"}, "prior": {"name": "pannuke"}}
    assert read_result(made_run(tmp_path, epochs=1, data=data)).learnt_from == "deepliif, prior pannuke"


def test_an_epoch_without_validation_has_no_validation_score(tmp_path):
    run = made_run(tmp_path)
    run.add_metrics({"stage": "a", "step": 1, "loss": 1.5, "val_aji": ""})
    assert read_result(run).epochs == [{"step": 1.0, "loss": 1.5}]


def test_the_epochs_of_the_last_stage(tmp_path):
    run = made_run(tmp_path)
    assert read_result(run).last_stage == []
    for stage, epoch in (("a", 0), ("a", 1), ("b", 0)):
        run.add_metrics({"stage": stage, "epoch": epoch, "step": epoch + 1})
    assert read_result(run).last_stage == [{"epoch": 0.0, "step": 1.0}]
    assert len(read_result(run).epochs) == 3


@pytest.mark.parametrize(
    ("state", "facts", "word", "why"),
    [
        ("failed", {"why": "no memory"}, "failed", "failed: no memory"),
        ("running", {}, "unfinished", "since 2030-01-01T00:00:00"),
        ("odd", {}, "unfinished", "unfinished"),
    ],
)
def test_why_a_run_is_not_finished(tmp_path, state, facts, word, why):
    read = read_result(made_run(tmp_path, state=state, **facts))
    assert read.state == word
    assert why in read.why


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "data.json", "state.json", "scored.json"])
@pytest.mark.parametrize("text", ["null", "[]", '"x"', "3", "", None])
def test_files_that_are_no_runs_are_a_sentence(tmp_path, name, text):
    run = made_run(tmp_path, scores={"1": {"aji": 0.5}})
    (run.path / name).unlink(missing_ok=True)
    if text is not None:
        (run.path / name).write_text(text)
    elif name == "scored.json":
        return  # a run that was scored on nothing else has none
    with pytest.raises(UserError, match=r"cannot be read|is no configuration"):
        read_result(run)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scores.csv", "source,image,split,metric,definition,region,value\ns,1,test,aji,kumar,all,inf\n"),
        ("config.yaml", "{method: word}"),
        ("data.json", '{"main": {"name": "s", "parts": [1]}}'),
        ("data.json", '{"main": "s"}'),
        ("scores.csv", "source,image,split,metric,definition,region,value\ns,1,test,aji,kumar,all,x\n"),
        ("scores.csv", "image,value\n1,0.5\n"),
        ("metrics.csv", "step,loss\n1,x\n"),
        ("metrics.csv", "step,loss\n1,2,3\n"),
        ("config.yaml", "{"),
        ("data.json", "{"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, text):
    run = made_run(tmp_path)
    (run.path / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}|cannot be read|as a run does|no mapping"):
        read_result(run)


def test_names_are_as_short_as_they_can_be():
    runs = [
        result("threshold"),
        result("supervised", "0", "x/b"),
        result("supervised", "1", "x/c"),
        result("supervised", "1", "x/d"),
        result("supervised", "2", "x/e"),
        result("supervised", "2", "y/e"),
    ]
    assert names(runs) == ["threshold", "supervised, seed 0", "c", "d", "x/e", "y/e"]


def test_an_attempt_without_scores_does_not_take_the_short_name():
    assert names([result(path="a", scored=False), result(path="b"), result(path="c", scored=False)]) == [
        "a",
        "threshold",
        "c",
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from("01"),
            st.sampled_from(["p/a", "q/a", "p/b"]),
            st.booleans(),
        ),
        unique_by=lambda run: run[2],
    )
)
def test_no_two_runs_share_a_name(runs):
    given_names = names([result(*run) for run in runs])
    assert len(set(given_names)) == len(runs)


def test_a_translation_with_a_segmenter_is_called_as_in_print(tmp_path):
    run = made_run(tmp_path, "translation")
    for gan, segmenter, name in (
        ("maskless.methods.cyclegan.CycleGAN", "cellpose", "CycleGAN + Cellpose"),
        ("maskless.methods.ugatit.UGATIT", "hovernet", "U-GAT-IT + HoVer-Net"),
        ("maskless.methods.cyclegan.CycleGAN", "rendered-he", "CycleGAN + rendered-he"),
        ("maskless.methods.cyclegan.CycleGAN", None, "translation"),
    ):
        choices = {"method": "translation", **({"segmenter": segmenter} if segmenter else {})}
        config = {"choices": choices, "method": {"gan": {"_target_": gan}}}
        (run.path / "config.yaml").write_text(yaml.safe_dump(config))
        assert read_result(run).method == name
