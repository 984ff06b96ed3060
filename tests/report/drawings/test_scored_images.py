import numpy as np
import pytest
import yaml
from made_runs import SYNTHETIC, TILES, made_run, predicted_run

from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.report.drawings import scored_images
from maskless.report.drawings.scored_images import chosen, find_source, keeper
from maskless.report.results import Result, read_result
from maskless.report.table import Table
from maskless.report.tables import tables


def table_of(*runs) -> Table:
    (table,) = tables([read_result(run) for run in runs])
    return table


def with_run(*runs) -> tuple[Table, Result]:
    table = table_of(*runs)
    return table, table.rows[0].runs[0]


def ranked(tmp_path, values) -> tuple[Table, Result]:
    scores = {f"{k:02}": {"aji": value} for k, value in enumerate(values)}
    return with_run(made_run(tmp_path, scores=scores))


@pytest.mark.parametrize(
    ("count", "images"),
    [
        (0, []),
        (1, ["04"]),
        (2, ["00", "09"]),
        (3, ["00", "04", "09"]),
        (4, ["00", "04", "06", "09"]),
        (99, [f"{k:02}" for k in range(10)]),
    ],
)
def test_best_median_and_worst_are_chosen_first(tmp_path, count, images):
    found = chosen(*ranked(tmp_path, np.linspace(0.9, 0.1, 10)), count)
    assert [image for image, _ in found] == images
    told = {"00": "best", "04": "median", "09": "worst"}
    for image, stands_for in found:
        assert stands_for == f"{told.get(image, f'number {int(image) + 1}')} of 10"


@pytest.mark.parametrize("images", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_as_many_are_chosen_as_there_are(tmp_path, images, count):
    found = chosen(*ranked(tmp_path, np.linspace(0, 1, images)), count)
    assert len({image for image, _ in found}) == len(found) == min(images, count)


def test_images_without_an_aji_are_not_ranked(tmp_path):
    assert [image for image, _ in chosen(*ranked(tmp_path, [0.1, np.nan, 0.3]), 6)] == ["02", "00"]
    assert chosen(*ranked(tmp_path, [np.nan, np.nan]), 1) == [("00", "")]


def test_a_run_is_ranked_by_its_own_scores(tmp_path):
    """Two seeds disagree on what is best; the pictures are of one of them."""
    runs = [
        made_run(tmp_path, seed=seed, scores={"1": {"aji": a}, "2": {"aji": 1 - a}})
        for seed, a in ((0, 0.9), (1, 0.1))
    ]
    table = table_of(*runs)
    (row,) = table.rows
    assert [[image for image, _ in chosen(table, run, 2)] for run in row.runs] == [["1", "2"], ["2", "1"]]


def test_the_first_run_that_has_kept_its_label_maps(tmp_path):
    bare = made_run(tmp_path, seed=0, scores={f"test-000{k}": {"aji": 0.5} for k in range(5)})
    table = table_of(bare, predicted_run(tmp_path, seed=1), predicted_run(tmp_path, seed=2))
    (row,) = table.rows
    found = keeper(table, row)
    assert found is not None
    assert found.seed == "1"
    only = table_of(bare)
    assert keeper(only, only.rows[0]) is None


def test_the_source_is_found_again(tmp_path):
    source = find_source(*with_run(predicted_run(tmp_path)))
    assert isinstance(source, Synthetic)
    assert source.tiles == TILES


def test_the_source_can_be_one_that_was_only_tested_on(tmp_path):
    run = predicted_run(tmp_path)
    config = {**run.config, "dataset": None, "test": {"other": SYNTHETIC}}
    (run.path / "config.yaml").write_text(yaml.safe_dump(config))
    assert isinstance(find_source(*with_run(run)), Synthetic)


def test_the_source_can_be_in_the_configuration_of_another_run(tmp_path):
    lost = predicted_run(tmp_path, "lost", dataset={"_target_": "os.system"})
    table = table_of(lost, predicted_run(tmp_path, "found"))
    run = next(row.runs[0] for row in table.rows if row.name == "lost")
    assert isinstance(find_source(table, run), Synthetic)


def test_data_root_is_where_the_data_is_today(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        scored_images, "build", lambda spec, trust: asked.append(spec) or Synthetic(size_px=64, tiles=TILES)
    )
    moved = predicted_run(tmp_path, dataset={**SYNTHETIC, "data_root": "/then"})
    find_source(*with_run(moved), data_root="/now")
    find_source(*with_run(predicted_run(tmp_path)), data_root="/now")
    assert asked == [{**SYNTHETIC, "data_root": "/now"}, SYNTHETIC]


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"scores": {"test-0099": {"aji": 0.5}}}, "1 of its images are no longer there, test-0099"),
        ({"scores": {"test-0000": {"aji": 0.5}}, "source": "elsewhere"}, "no run has elsewhere"),
        ({"scores": {"test-0000": {"aji": 0.5}}, "dataset": {"_target_": "os.system"}}, "outside maskless"),
    ],
)
def test_why_the_images_cannot_be_found(tmp_path, run, why):
    with pytest.raises(UserError, match=why):
        find_source(*with_run(made_run(tmp_path, **run)))
