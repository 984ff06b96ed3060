from dataclasses import replace

import numpy as np
import pytest
import yaml
from made_runs import SYNTHETIC, TILES, made_run, predicted_run

from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.report.drawings import scored_images
from maskless.report.drawings.scored_images import chosen, find_source, keeper, keeps_any, label_map, scorers
from maskless.report.results import Result, read_result
from maskless.report.table import Row, Table
from maskless.report.tables import tables


def table_of(*runs) -> Table:
    (table,) = tables([read_result(run) for run in runs])
    return table


def with_run(*runs) -> tuple[Table, Result]:
    table = table_of(*runs)
    return table, table.rows[0].runs[0]


def ranked(tmp_path, values) -> tuple[Table, Row]:
    scores = {f"{k:02}": {"aji": value} for k, value in enumerate(values)}
    table = table_of(made_run(tmp_path, scores=scores))
    return table, table.rows[0]


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


def test_seeds_are_ranked_by_their_mean(tmp_path):
    """Every seed has another best image, and the mean of both a third."""
    ajis = [{"1": 0.9, "2": 0.7, "3": 0.0}, {"1": 0.1, "2": 0.6, "3": 0.8}]
    runs = [
        made_run(tmp_path, seed=seed, scores={image: {"aji": aji} for image, aji in of_seed.items()})
        for seed, of_seed in enumerate(ajis)
    ]
    table = table_of(*runs)
    (row,) = table.rows
    assert chosen(table, row, 3) == [("2", "best of 3"), ("1", "median of 3"), ("3", "worst of 3")]
    assert scorers(table, row, "1") == list(row.runs)


def test_folds_are_ranked_together(tmp_path):
    runs = [
        made_run(tmp_path, scores={f"{k}-{n}": {"aji": (n * 3 + k) / 9} for n in range(2)}, split=f"fold{k}")
        for k in range(3)
    ]
    table = table_of(*runs)
    (row,) = table.rows
    assert chosen(table, row, 2) == [("2-1", "best of 6"), ("0-0", "worst of 6")]
    assert [run.path for run in scorers(table, row, "2-1")] == [runs[2].path]


def test_images_of_all_folds_are_the_first_ones_without_any_aji(tmp_path):
    runs = [made_run(tmp_path, scores={f"{k}": {"dice": 0.5}}, split=f"fold{k}") for k in range(3)]
    table = table_of(*runs)
    assert chosen(table, table.rows[0], 3) == [("0", ""), ("1", ""), ("2", "")]


def test_the_first_run_that_has_kept_the_label_map(tmp_path):
    bare = made_run(tmp_path, seed=0, scores={f"test-000{k}": {"aji": 0.5} for k in range(5)})
    kept = [predicted_run(tmp_path, seed=seed) for seed in (1, 2)]
    (kept[0].path / "predictions/synthetic/test/test-0003.png").unlink()
    table = table_of(bare, *kept)
    (row,) = table.rows
    seeds = {image: keeper(table, row, image).seed for image in ("test-0000", "test-0003")}
    assert seeds == {"test-0000": "1", "test-0003": "2"}
    assert keeps_any(table, row)
    only = table_of(bare)
    assert keeper(only, only.rows[0], "test-0000") is None
    assert not keeps_any(only, only.rows[0])


def test_label_maps_are_in_the_folder_of_the_label(tmp_path):
    table, run = with_run(predicted_run(tmp_path))
    there = run.path / "predictions/synthetic/test/1.png"
    assert label_map(table, run, "1") == there
    assert label_map(table, replace(run, label="again"), "1") == run.path / "predictions/again/test/1.png"


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
        ({"scores": {"test-0099": {"aji": 0.5}}}, "name other data, or it has changed: 1 of the 1"),
        (
            {"scores": {"test-0000": {"aji": 0.5}}, "source": "elsewhere"},
            "name other data: none of it is called elsewhere",
        ),
        ({"scores": {"test-0000": {"aji": 0.5}}, "dataset": {"_target_": "os.system"}}, "outside maskless"),
    ],
)
def test_why_the_images_cannot_be_found(tmp_path, run, why):
    with pytest.raises(UserError, match=why):
        find_source(*with_run(made_run(tmp_path, **run)))
