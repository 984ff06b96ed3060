from pathlib import Path

import pytest

from maskless.report.sheets import sheets_over_training


def chosen(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).touch()
    found = list(sheets_over_training(folder))
    for file, caption in found:
        assert int(caption.rpartition(" ")[2]) == int(file.stem.rpartition("-")[2])
    return [caption for _, caption in found]


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [
        ([], []),
        ([0], [0]),
        ([0, 4], [0, 4]),
        ([0, 5, 7], [0, 5, 7]),
        ([0, 5, 10, 15, 20, 23], [0, 15, 23]),
        ([9995, 10000, 10005], [9995, 10000, 10005]),  # whose names do not sort
    ],
)
def test_the_first_a_middle_and_the_last(tmp_path: Path, epochs: list[int], shown: list[int]) -> None:
    names = [f"gan-epoch-{epoch:04}.png" for epoch in epochs]
    assert chosen(tmp_path, *names) == [f"gan, epoch {epoch}" for epoch in shown]


def test_each_stage_has_its_own(tmp_path: Path) -> None:
    names = ["first-epoch-0000.png", "first-epoch-0005.png", "my-epoch-method-epoch-0000.png"]
    assert chosen(tmp_path, *names) == ["first, epoch 0", "first, epoch 5", "my-epoch-method, epoch 0"]


def test_other_files_and_no_folder_are_no_sheets(tmp_path: Path) -> None:
    assert chosen(tmp_path, "overview.png", "a-epoch-last.png", "a-epoch-0001.jpg") == []
    assert list(sheets_over_training(tmp_path / "missing")) == []
