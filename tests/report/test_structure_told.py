"""What is said of a translation: by run, source and part, below the table."""

import pytest
from made_runs import made_run

from maskless.errors import UserError
from maskless.metrics import structure_kept
from maskless.report.results import read_result
from maskless.report.structure import structure_told
from maskless.report.tables import tables

HERE, MOVED = [(10.0, 10.0), (10.0, 50.0)], [(10.0, 14.0), (90.0, 90.0), (90.0, 10.0)]


def rows(mpp: float | None = 0.25, **more: str) -> list[dict]:
    """Two images: in one nothing has changed, in the other a nucleus of two has moved and two are new."""
    of_image = {"a": structure_kept(HERE, HERE, mpp), "b": structure_kept(HERE, MOVED, mpp)}
    place = {"source": "synthetic", "split": "test", "before": "input", "after": "translation", **more}
    return [{**place, "image": image, **found.as_row()} for image, found in of_image.items()]


def test_a_sentence_has_the_means_over_images() -> None:
    (told,) = structure_told(rows())
    assert told == (
        "of the nuclei found without translation 75.0% are found after translation, and of those found after "
        "translation 33.3% are no such nuclei; there are 1.25 times as many, and the same nuclei lie 0.50 µm "
        "apart, 95 % of them at most 0.50 (mean of 2 images)"
    )


def test_each_pair_that_is_compared_has_its_own_sentence() -> None:
    told = list(structure_told([*rows(), *rows(before="truth"), *rows(before="truth", after="input")]))
    assert [one.partition(" are ")[0] for one in told] == [
        "of the nuclei found without translation 75.0%",
        *["of the true nuclei 75.0%"] * 2,
    ]
    assert "75.0% are found without translation" in told[-1]


def test_one_image_of_unknown_spacing_makes_all_distances_pixels() -> None:
    (told,) = structure_told([*rows(), rows(mpp=None)[1]])
    assert "lie 2.67 px apart" in told


def test_where_nothing_is_the_same_no_distance_is_told() -> None:
    nothing = structure_kept(HERE, [(90.0, 90.0)], 0.25)
    (told,) = structure_told([{"before": "truth", "after": "input", **nothing.as_row()}])
    assert told.endswith("there are 0.50 times as many (one image)")
    assert "nan" not in told


def test_images_without_nuclei_are_left_out_of_a_mean() -> None:
    empty = {**rows()[0], "image": "c", **structure_kept([], [], 0.25).as_row()}
    (told,) = structure_told([*rows(), empty])
    assert "75.0% are found after" in told
    assert "lie 0.50 µm apart" in told


def test_it_stands_below_the_table_of_its_source_and_part_as_read_from_the_run(tmp_path) -> None:
    run = made_run(tmp_path, "translation", scores={"a": {"aji": 0.5}, "b": {"aji": 0.5}})
    run.add_structure([*rows(), *rows(split="val", before="truth")])
    (table,) = tables([read_result(run)])
    (note,) = (note for note in table.notes if "translation:" in note)
    assert note == f"translation: {next(structure_told(rows()))}."


def test_rows_of_a_source_and_part_replace_those_of_before_and_go_with_the_scores(tmp_path) -> None:
    run = made_run(tmp_path, "translation", scores={"a": {"aji": 0.5}})
    run.add_structure([*rows(), *rows(split="val")])
    run.add_structure(rows(before="truth"))
    assert [(row["split"], row["before"]) for row in run.structure] == [
        *[("val", "input")] * 2,
        *[("test", "truth")] * 2,
    ]
    run.forget_scores()
    assert run.structure == []


def test_a_file_that_is_none_is_a_sentence(tmp_path) -> None:
    run = made_run(tmp_path, "translation", scores={"a": {"aji": 0.5}})
    (run.path / "structure.csv").write_text("source,split,image\nsynthetic,test,a\n")
    with pytest.raises(UserError, match="score the run again"):
        read_result(run)
