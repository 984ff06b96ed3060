from dataclasses import replace

import pytest
from test_results import result

from maskless.report.notes import notes
from maskless.report.selection import disagreement
from maskless.report.table import Row, Table


def chosen_by(
    losses: list[float], dice: list[float | None], selection: str = "loss", selection_from: int = 0
):
    """A run with these mean losses and validation Dice, an epoch each."""
    epochs = [
        {"epoch": float(k), "loss": loss} | ({} if score is None else {"val_dice": score})
        for k, (loss, score) in enumerate(zip(losses, dice, strict=True))
    ]
    method = {"selection": selection, "selection_from": selection_from}
    return replace(result(), config={"method": method}, epochs=epochs)


def test_the_sentence_has_both_epochs_and_their_dice():
    found = disagreement(chosen_by([3, 2, 1, 1], [0.5, 0.75, 0.71, 0.7]))
    assert found == "chose epoch 2 by its loss, with a validation Dice of 0.710; epoch 1 had 0.750"


def test_epochs_before_the_first_that_may_be_chosen_are_none_that_was():
    run = chosen_by([0.1, 2, 3], [0.2, 0.5, 0.6], selection_from=1)
    assert disagreement(run).startswith("chose epoch 1 ")


@pytest.mark.parametrize(
    "run",
    [
        chosen_by([3, 2, 1], [0.5, 0.75, 0.735]),  # near enough
        chosen_by([3, 2, 1], [0.5, 0.6, 0.7]),
        chosen_by([1, 2, 3], [0.1, 0.2, 0.9], selection="aji"),
        chosen_by([1, 2], [None, None]),
        chosen_by([1, 2], [None, 0.5]),  # how good the chosen one was is not known
        chosen_by([1, 2], [0.1, 0.5], selection_from=5),
        result(),
    ],
)
def test_nothing_is_said_where_nothing_disagrees(run):
    assert disagreement(run) == ""


def test_of_two_stages_the_last_has_chosen() -> None:
    """Each counts its epochs from 0, and the losses of two stages are not on one scale."""
    first, last = chosen_by([0.3, 0.1], [0.9, 0.2]), chosen_by([3, 2], [0.5, 0.6])
    both = replace(last, epochs=[*first.epochs, *last.epochs], stages=["attention"] * 2 + ["spn"] * 2)
    assert disagreement(both) == ""
    last = chosen_by([2, 3], [0.5, 0.6])
    both = replace(last, epochs=[*first.epochs, *last.epochs], stages=["attention"] * 2 + ["spn"] * 2)
    assert disagreement(both) == disagreement(last)
    assert disagreement(last).startswith("chose epoch 0 ")


def test_the_table_names_the_row_and_among_several_runs_the_seed():
    runs = tuple(replace(chosen_by([1, 2], [0.1, 0.5]), seed=seed) for seed in "12")
    one = Table("s", "official", "test", ("1",), (), (Row("gan", None, {}, runs=runs[:1]),))
    both = replace(one, rows=(Row("gan", None, {}, runs=runs),))
    told = (
        "chose epoch 0 by its loss, with a validation Dice of 0.100; epoch 1 had 0.500: its loss is no guide"
    )
    assert [note.startswith(f"gan {told}") for note in notes(one)] == [True]
    assert [note.partition(" chose")[0] for note in notes(both)] == ["gan, seed 1", "gan, seed 2"]
