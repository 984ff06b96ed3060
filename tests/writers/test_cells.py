from pathlib import Path

import pytest

from maskless.data.points_csv import read_points
from maskless.errors import UserError
from maskless.writers.cells import is_of_cells, join_cells, write_cells


def test_a_row_a_cell(tmp_path: Path) -> None:
    write_cells(tmp_path / "a.csv", "ROI_7", row=[10, 2.005, 0.126], col=[20.5, 3, 0])
    assert (tmp_path / "a.csv").read_bytes() == (
        b"image_id,x,y\nROI_7,20.50,10.00\nROI_7,3.00,2.00\nROI_7,0.00,0.13\n"
    )


def test_several_images_in_one_file(tmp_path: Path) -> None:
    files = [
        write_cells(tmp_path / "a.csv", "ROI_1", [1], [2]),
        write_cells(tmp_path / "b.csv", "ROI_2", [], []),
        write_cells(tmp_path / "c.csv", 'a "b", c', [3], [4]),
    ]
    joined = join_cells(tmp_path / "all.csv", files)
    assert joined.read_text() == 'image_id,x,y\nROI_1,2.00,1.00\n"a ""b"", c",4.00,3.00\n'
    table = read_points(joined, {"class": "image_id"})
    assert table.classes == ["ROI_1", 'a "b", c']
    assert table.points.tolist() == [[1, 2], [3, 4]]


def test_what_is_none_is_known(tmp_path: Path) -> None:
    write_cells(tmp_path / "a.csv", "ROI_1", [], [])
    (tmp_path / "b.csv").write_text("image_id,x,y,z\n")
    assert is_of_cells(tmp_path / "a.csv")
    assert not is_of_cells(tmp_path / "b.csv")
    assert not is_of_cells(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="cannot be read"):
        join_cells(tmp_path / "all.csv", [tmp_path / "absent.csv"])
