"""Tables give back the very rows that went in, whatever pieces they came in."""

import csv
import gc
import gzip
import io
import resource
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pa_parquet
import pytest

from maskless.errors import UserError
from maskless.writers import tables
from maskless.writers.tables import TableFile

NUCLEI = pd.DataFrame(
    {
        "id": [1, 2, 2**31, 2**53 + 1],
        "row": [0.1, 1 / 3, 123456.78901, -2.5e-7],
        "area_px": [12, 7, 1, 10**9],
        "dab_mean": np.array([0.3, np.nan, -0.1, 1e20], np.float32),
        "class": ["positive", None, 'a "b", c', "Grün\nBlau"],
    }
)
ENDINGS = pytest.mark.parametrize("ending", [".csv", ".parquet"])


def write(path, *frames, **options):
    return stream(path, frames, **options)


def stream(path, frames, **options):
    with TableFile(path, **options) as file:
        for frame in frames:
            file.add(frame)
    return file.path


def read(path):
    return pd.read_csv(path) if ".csv" in path.name else pd.read_parquet(path)


@ENDINGS
def test_the_numbers_and_texts_come_back_exactly(tmp_path, ending):
    again = read(write(tmp_path / f"a{ending}", NUCLEI))
    assert list(again) == list(NUCLEI)
    for column in ("id", "row", "area_px"):
        assert again[column].tolist() == NUCLEI[column].tolist()
    assert np.array_equal(again["dab_mean"].astype(np.float32), NUCLEI["dab_mean"], equal_nan=True)
    assert again["class"].fillna("-").tolist() == ["positive", "-", 'a "b", c', "Grün\nBlau"]


def test_a_csv_is_what_rfc_4180_says(tmp_path):
    text = write(tmp_path / "a.csv", NUCLEI).read_bytes().decode("utf-8")
    assert text.startswith("id,row,area_px,dab_mean,class\n1,0.1,12,0.3,")
    assert '"a ""b"", c"' in text
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {5}
    assert rows[2] == ["2", "0.3333333333333333", "7", "", ""]
    assert rows[4][-1] == "Grün\nBlau"


@ENDINGS
def test_pieces_do_not_change_the_bytes(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP_ROWS", 7)
    many = pd.concat([NUCLEI] * 9, ignore_index=True)
    whole = write(tmp_path / f"a{ending}", many)
    cuts = [0, 0, 1, 3, 20, 20, 29, 36]
    pieces = [many[a:b] for a, b in pairwise(cuts)]
    assert write(tmp_path / f"b{ending}", *pieces).read_bytes() == whole.read_bytes()
    assert len(read(whole)) == 36


def test_a_parquet_has_row_groups_of_its_own_size_in_zstd(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP_ROWS", 10)
    file = pa_parquet.ParquetFile(write(tmp_path / "a.parquet", *[NUCLEI] * 6))
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [10, 10, 4]
    assert groups[0].column(0).compression == "ZSTD"


@ENDINGS
def test_no_nuclei_leave_the_columns(tmp_path, ending):
    again = read(write(tmp_path / f"a{ending}", NUCLEI.iloc[:0]))
    assert list(again) == list(NUCLEI)
    assert len(again) == 0
    if ending == ".parquet":
        assert again.dtypes["area_px"] == np.int64
        assert again.dtypes["dab_mean"] == np.float32


@ENDINGS
def test_a_frame_without_rows_says_nothing_of_types(tmp_path, ending):
    nothing = pd.DataFrame(columns=list(NUCLEI))
    again = read(write(tmp_path / f"a{ending}", nothing, NUCLEI, nothing))
    assert again["row"].tolist() == NUCLEI["row"].tolist()


@ENDINGS
def test_classes_that_come_late_are_text_as_well(tmp_path, ending):
    unknown, known = NUCLEI.assign(**{"class": None}), NUCLEI.assign(**{"class": "positive"})
    again = read(write(tmp_path / f"a{ending}", unknown, known))
    assert again["class"].isna().tolist() == [True] * 4 + [False] * 4
    categorical = known.astype({"class": "category"})
    assert read(write(tmp_path / f"b{ending}", categorical))["class"].tolist() == ["positive"] * 4


@ENDINGS
def test_other_columns_or_types_are_refused_and_nothing_is_left(tmp_path, ending):
    for other in (NUCLEI[["row", "id", "area_px", "dab_mean", "class"]], NUCLEI.assign(region="a")):
        with pytest.raises(ValueError, match="follow on"):
            write(tmp_path / f"a{ending}", NUCLEI, other)
    for other in (NUCLEI.assign(area_px=0.5), NUCLEI.assign(**{"class": [1, 2, 3, "x"]})):
        with pytest.raises(ValueError, match="do not fit the types"):
            write(tmp_path / f"a{ending}", NUCLEI, other)
    assert not list(tmp_path.iterdir())


@ENDINGS
def test_a_table_without_columns_is_refused(tmp_path, ending):
    with pytest.raises(ValueError, match="has no columns"):
        write(tmp_path / f"a{ending}")
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.xlsx ends in neither"):
        TableFile(tmp_path / "a.xlsx")


def test_a_large_csv_is_gzipped_and_replaces_a_plain_one(tmp_path):
    plain = write(tmp_path / "a.csv", NUCLEI)
    text = plain.read_bytes()
    path = write(plain, NUCLEI, limit_bytes=len(text) - 1)
    assert path == tmp_path / "a.csv.gz"
    assert gzip.decompress(path.read_bytes()) == text
    assert list(tmp_path.iterdir()) == [path]
    write(plain, NUCLEI, limit_bytes=len(text))
    assert list(tmp_path.iterdir()) == [plain]


@ENDINGS
@pytest.mark.filterwarnings("error")
def test_an_error_halfway_leaves_the_old_file(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP_ROWS", 2)
    path = write(tmp_path / f"a{ending}", NUCLEI)
    before = path.read_bytes()

    def breaking():
        yield NUCLEI[:3]
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stream(path, breaking())
    gc.collect()  # what is closed too late complains here
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@ENDINGS
@pytest.mark.parametrize("rows", [100, 20_000])
@pytest.mark.filterwarnings("error")
def test_a_disk_that_gives_out_leaves_nothing(tmp_path, ending, rows, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP_ROWS", 5000)
    noise = pd.DataFrame(np.random.default_rng(0).random((rows, 3)), columns=["id", "row", "col"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(UserError, match="cannot be written"):
            write(tmp_path / f"a{ending}", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
