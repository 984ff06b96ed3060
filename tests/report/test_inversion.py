from dataclasses import replace
from math import nan

import pytest
from test_results import result

from maskless.report.inversion import inversion
from maskless.report.notes import notes
from maskless.report.results import Result
from maskless.report.table import Row, Table


def attended(polarities: list[float], dice: list[float | None], method: dict | None = None) -> Result:
    """A run with these polarities and validation Dice, an epoch each."""
    epochs = [
        {"epoch": float(k), "loss": 1.0, "polarity": polarity}
        | ({} if score is None else {"val_dice": score})
        for k, (polarity, score) in enumerate(zip(polarities, dice, strict=True))
    ]
    method = {"powers": [10, 20, 40], "selection": "dice"} if method is None else method
    return replace(result(), config={"method": method}, epochs=epochs)


def test_the_sentence_has_the_epoch_that_was_kept_and_its_polarity() -> None:
    found = inversion(attended([0.5, -0.314, 0.6], [0.2, 0.4, 0.3]))
    assert found == (
        "is inverted, it lights the background: in epoch 1, which was kept, its rank correlation with "
        "haematoxylin is -0.31"
    )


def test_without_a_validation_score_the_last_epoch_was_kept() -> None:
    assert "in epoch 2," in inversion(attended([0.5, 0.4, -0.2], [None, None, nan]))
    assert inversion(attended([-0.5, -0.4, 0.2], [None, None, None])) == ""


def test_the_least_loss_may_have_chosen() -> None:
    by_loss = {"powers": [10, 20], "selection": "loss", "selection_from": 1}
    run = attended([0.1, -0.2, 0.3], [0.1, 0.2, 0.9], by_loss)
    losses = [dict(row, loss=loss) for row, loss in zip(run.epochs, [0.1, 0.2, 0.3], strict=True)]
    assert "in epoch 1," in inversion(replace(run, epochs=losses))


def test_a_lower_hausdorff_distance_is_better() -> None:
    run = attended([-0.1, 0.2], [0.5, 0.5], {"powers": [10, 20], "selection": "object_hausdorff"})
    rows = [dict(row, val_object_hausdorff=value) for row, value in zip(run.epochs, [3.0, 9.0], strict=True)]
    assert "in epoch 0," in inversion(replace(run, epochs=rows))


def test_of_several_stages_it_is_the_one_with_a_polarity() -> None:
    """The next stage has epochs of its own, and another score chooses it."""
    method = {"selection": "aji", "before": {"powers": [10, 20, 40], "selection": "dice"}}
    run = attended([-0.4, 0.3], [0.6, 0.5], method)
    after = [{"epoch": float(k), "val_dice": 0.9, "val_aji": 0.9} for k in range(3)]
    assert "in epoch 0," in inversion(replace(run, epochs=[*run.epochs, *after]))


@pytest.mark.parametrize(
    "run",
    [
        attended([-0.5, 0.1], [0.2, 0.4]),
        attended([0.0], [0.2]),
        attended([nan], [0.2]),  # nothing was lit, or all of it
        attended([], []),
        result(),
    ],
)
def test_nothing_is_said_of_what_is_right_or_unknown(run: Result) -> None:
    assert inversion(run) == ""


def test_an_epoch_is_found_without_a_configuration() -> None:
    assert "in epoch 1," in inversion(attended([0.5, -0.1], [0.9, 0.1], {}))


def test_the_table_names_the_row_and_among_several_runs_the_seed() -> None:
    runs = tuple(replace(attended([value], [0.5]), seed=seed) for seed, value in (("1", -0.2), ("2", 0.4)))
    one = Table("s", "official", "test", ("1",), (), (Row("mine", None, {}, runs=runs[:1]),))
    both = replace(one, rows=(Row("mine", None, {}, runs=runs),))
    told = "is inverted, it lights the background: in epoch 0, which was kept"
    assert [note.startswith(f"The attention of mine {told}") for note in notes(one)] == [True]
    assert [note.startswith(f"The attention of mine, seed 1 {told}") for note in notes(both)] == [True]
