"""A small file is plain, a large one gzipped; there is never more than one of them."""

import gzip
import resource
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskless.errors import UserError
from maskless.writers.compression import GrowingFile


def breaking():
    yield b"some text"
    yield b"and more"
    raise RuntimeError("halfway")


def write(path, pieces, limit_bytes):
    with GrowingFile(path, limit_bytes) as file:
        for piece in pieces:
            file.write(piece)
    return file.path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.binary(max_size=20)), st.integers(0, 60))
def test_everything_is_in_the_one_file_that_fits_the_limit(tmp_path, pieces, limit_bytes):
    whole = b"".join(pieces)
    path = write(tmp_path / "a.csv", pieces, limit_bytes)
    assert list(tmp_path.iterdir()) == [path]
    if len(whole) > limit_bytes:
        assert path == tmp_path / "a.csv.gz"
        assert gzip.decompress(path.read_bytes()) == whole
    else:
        assert path == tmp_path / "a.csv"
        assert path.read_bytes() == whole


def test_gzipped_bytes_tell_neither_name_nor_time_nor_pieces(tmp_path):
    text = b"".join(b"%d," % (i * i % 997) for i in range(50_000))
    first = write(tmp_path / "a", [text], 10)
    second = write(tmp_path / "b", [text[i : i + 777] for i in range(0, len(text), 777)], 100_000)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)
    assert len(first.read_bytes()) < len(text) / 3


@pytest.mark.parametrize("limit_bytes", [2, 1000])
def test_after_an_error_the_old_file_is_all_there_is(tmp_path, limit_bytes):
    old = tmp_path / "a.csv.gz"
    old.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="halfway"):
        write(tmp_path / "a.csv", breaking(), limit_bytes)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize("room_bytes", [1000, 27_005, 60_000])
def test_a_disk_that_gives_out_leaves_nothing(tmp_path, room_bytes):
    """Before the limit, when what was written is gzipped (noise grows by that), and later."""
    noise = [np.random.default_rng(i).bytes(9000) for i in range(20)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, hard))
    try:
        with pytest.raises(UserError, match="cannot be written"):
            write(tmp_path / "a.csv", noise, 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_file(tmp_path):
    piece = bytes(100_000)
    write(tmp_path / "before", [piece], 10)
    tracemalloc.start()
    write(tmp_path / "a", (piece for _ in range(200)), 10_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_name_that_says_gz_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv\.gz is gzipped when it is large"):
        GrowingFile(tmp_path / "a.csv.gz")


def test_a_missing_folder_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        write(tmp_path / "no" / "a", [], 10)
