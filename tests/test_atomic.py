"""A file is whole or not there, and a file that cannot be written is the user's error in one sentence."""

import errno
import os
import subprocess
import sys

import pytest

from maskless.atomic import atomic, write_atomically
from maskless.errors import UserError


def write_half(path, error):
    with atomic(path) as file:
        file.write(b"half")
        raise error


def test_a_file_appears_whole_when_the_block_ends(tmp_path):
    path = tmp_path / "scores.csv"
    with atomic(path) as file:
        file.write(b"image,aji\n")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"image,aji\n"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_again_replaces_the_whole_file(tmp_path):
    path = tmp_path / "state"
    write_atomically(path, b"running for a long time")
    write_atomically(str(path), b"done")
    assert path.read_bytes() == b"done"


@pytest.mark.parametrize("error", [ValueError("bad map"), KeyboardInterrupt(), SystemExit(3)])
def test_a_block_that_fails_leaves_everything_as_it_was(tmp_path, error):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"before")
    for path in (old, new):
        with pytest.raises(type(error)):
            write_half(path, error)
    assert old.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [old]


def test_a_killed_process_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"before")
    script = (
        "import os, signal, sys; from maskless.atomic import atomic\n"
        "with atomic(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -9
    assert path.read_bytes() == b"before"


def test_the_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_longest_name_that_the_file_system_takes(tmp_path):
    path = tmp_path / ("n" * 251 + ".tif")
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
    with pytest.raises(UserError, match="cannot be written"):
        write_atomically(tmp_path / ("n" * 256), b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_users_error(tmp_path):
    path = tmp_path / "nowhere" / "labels.tif"
    with pytest.raises(UserError) as caught:
        write_atomically(path, b"x")
    assert str(path) in str(caught.value)
    assert "does not exist" in str(caught.value)
    assert not path.parent.exists()


def test_a_file_for_a_folder_is_the_users_error(tmp_path):
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(UserError, match="out is not a folder"):
        write_atomically(tmp_path / "out" / "labels.tif", b"x")
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_a_folder_in_the_files_place_is_the_users_error(tmp_path):
    (tmp_path / "labels.tif").mkdir()
    with pytest.raises(UserError, match="a folder of that name"):
        write_atomically(tmp_path / "labels.tif", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["labels.tif"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_the_users_error(tmp_path):
    folder = tmp_path / "shut"
    folder.mkdir(mode=0o500)
    with pytest.raises(UserError, match="read-only"):
        write_atomically(folder / "labels.tif", b"x")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "read-only"), (errno.EROFS, "read-only"), (errno.ENOSPC, "no room left")],
)
def test_the_sentence_says_what_to_do(tmp_path, number, words):
    path = tmp_path / "labels.tif"
    with pytest.raises(UserError) as caught:
        write_half(path, OSError(number, os.strerror(number)))
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.startswith(f"{path} cannot be written: ")
    assert str(tmp_path) in sentence.removeprefix(str(path))
    assert "\n" not in sentence
    assert not list(tmp_path.iterdir())


def test_trouble_with_another_file_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "copy.tif") as file:
        file.write((tmp_path / "original.tif").read_bytes())
    assert not list(tmp_path.iterdir())
