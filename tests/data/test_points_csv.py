from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.data.points_csv import has_classes, read_points
from maskless.errors import UserError

NUMBERS = st.floats(-1e5, 1e5, width=32)


def write(folder: Path, text: str) -> Path:
    file = folder / "points.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text",
    [
        "row,col\n3,40.5\n12,7\n",
        "x,y\n40.5,3\n7,12\n",
        "id,y,x\n9,3,40.5\n8,12,7\n",
        "\ufeffROW , Col\r\n3, 40.5\r\n\r\n12,7",
        '"row","col"\n"3","40.5"\n"12","7"\n',
    ],
    ids=["rows", "x and y", "other columns", "as spreadsheets write", "quoted"],
)
def test_positions_are_found_by_the_header(tmp_path: Path, text: str) -> None:
    table = read_points(write(tmp_path, text))
    assert table.points.tolist() == [[3, 40.5], [12, 7]]
    assert table.points.dtype == np.float32
    assert table.classes is None


def test_classes_are_read_where_there_is_such_a_column(tmp_path: Path) -> None:
    file = write(tmp_path, "class,row,col\n positive,1,2\nnegative,3,4\n")
    assert read_points(file).classes == ["positive", "negative"]
    assert has_classes(file)
    assert not has_classes(file, {"class": "type"})
    assert not has_classes(tmp_path / "absent.csv")
    assert read_points(write(tmp_path, "type,x,y\n1,2,3\n"), {"class": "Type"}).classes == ["1"]


def test_no_points_are_fine(tmp_path: Path) -> None:
    table = read_points(write(tmp_path, "row,col,class\n"))
    assert table.points.shape == (0, 2)
    assert table.classes == []
    assert table.outside((4, 4)).shape == (0,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must begin with a header"),
        ("3,40\n12,7\n", "begins with '3,40'"),
        ("row;col\n3;40\n", "separated by commas; it begins with 'row;col'"),
        ("row,x\n3,40\n", "row and col, or x and y"),
        ("row,col,x,y\n1,2,2,1\n", "row and col, or x and y"),
        ("row,col,row\n1,2,3\n", "row and col, or x and y"),
        ("row,col\n1,2\n\n3\n", "line 4: 1 cells, where the header has 2"),
        ("row,col\n1,2,3\n", "line 2: 3 cells"),
        ("row,col\n1,2\n3,four\n", "line 3: col is 'four'"),
        ("row,col\n1,\n", "line 2: col is ''"),
        ("row,col\nnan,1\n", "line 2: row is 'nan'"),
        ("row,col\n1,inf\n", "line 2: col is 'inf'"),
        ("row,col\n1,1e300\n", "line 2: col is '1e300'"),
        ("row,col\n-2e7,1\n", "line 2: row is '-2e7'"),
        ("row,col,class\n1,2,a\n1,2, \n", "line 3: the point has no class"),
        ('row,col\n"1,2\n', "no readable CSV"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        read_points(write(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "points.csv"))
    assert words in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    with pytest.raises(UserError, match=r"points\.csv does not exist"):
        read_points(file)
    file.write_bytes("row,col\n1,2,é".encode("utf-16"))
    with pytest.raises(UserError, match="no readable CSV in UTF-8"):
        read_points(file)
    assert not has_classes(file)
    with pytest.raises(UserError, match="cannot be opened"):
        read_points(tmp_path)


@pytest.mark.filterwarnings("error")
def test_a_number_beyond_all_types_is_refused_without_a_warning(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2: row is '1e39', where a number of pixels is expected"):
        read_points(write(tmp_path, "row,col\n1e39,2\n"))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30), st.integers(1, 1000), st.integers(1, 1000))
def test_what_is_written_is_read_and_outside_is_outside(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float]], height: int, width: int
) -> None:
    lines = [f"{row!r},{column!r}" for row, column in points]
    table = read_points(write(tmp_path_factory.mktemp("csv"), "\n".join(["row,col", *lines])))
    assert table.points.tolist() == [list(point) for point in points]
    assert table.lines == list(range(2, len(points) + 2))
    expected = [not (0 <= row < height and 0 <= column < width) for row, column in points]
    assert table.outside((height, width)).tolist() == expected
    kept = table.kept(table.outside((height, width)))
    assert len(kept.points) == len(kept.lines) == sum(expected)
