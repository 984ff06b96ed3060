"""Commands that write into one output folder at the same time."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from maskless.errors import UserError
from maskless.inference import claims
from maskless.inference.claims import claimed

SLIDES = [Path("in/a.svs"), Path("in/b.svs"), Path("in/c.svs")]


def other(do: Callable[[int], None]) -> tuple[int, int]:
    """The process id of a fork that does it, and a pipe to read that `do` can write to."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            do(writing)
        finally:
            os._exit(0)
    os.close(writing)
    return pid, reading


def holding(output: Path) -> tuple[int, int]:
    """A process that has claimed all slides, and holds them until it is killed."""

    def hold(pipe: int) -> None:
        with claimed(output, SLIDES):
            os.write(pipe, b"!")
            signal.pause()

    pid, pipe = other(hold)
    assert os.read(pipe, 1) == b"!"
    return pid, pipe


def killed(pid: int, pipe: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(pipe)


def test_a_second_command_for_the_same_slides_is_refused_and_one_for_others_is_not(tmp_path) -> None:
    with claimed(tmp_path, SLIDES[:2]):
        with pytest.raises(UserError) as refused, claimed(tmp_path, SLIDES[1:]):
            pass
        assert str(refused.value) == (
            f"another command (process {os.getpid()} on {socket.gethostname()}) is writing what comes of "
            f"b.svs into output={tmp_path}: wait until it is done, or choose another output="
        )
        with pytest.raises(UserError, match=r"a\.tif and 1 more of these files"):
            claimed(tmp_path, [Path("a.tif"), Path("b.tif"), Path("d.tif")]).__enter__()
        with claimed(tmp_path, SLIDES[2:]), claimed(tmp_path / "elsewhere", SLIDES):
            pass
    with claimed(tmp_path, SLIDES):
        pass


def test_one_that_was_killed_is_in_nobodys_way(tmp_path) -> None:
    process = holding(tmp_path)
    with pytest.raises(UserError, match=rf"process {process[0]} on"):
        claimed(tmp_path, SLIDES).__enter__()
    killed(*process)
    assert list(tmp_path.rglob("*.json"))
    with claimed(tmp_path, SLIDES):
        assert len(list(tmp_path.rglob("*.json"))) == 1
    assert not list(tmp_path.iterdir())


def test_of_many_that_begin_together_one_goes_on(tmp_path) -> None:
    output = tmp_path / "out"
    ready, go = os.pipe()

    def try_it(pipe: int) -> None:
        os.close(go)
        os.read(ready, 1)  # until it is closed
        try:
            with claimed(output, SLIDES):
                os.write(pipe, b"1")
                signal.pause()
        except UserError:
            os.write(pipe, b"0")

    processes = [other(try_it) for _ in range(12)]
    os.close(go)
    assert sorted(os.read(pipe, 1) for _, pipe in processes) == [b"0"] * 11 + [b"1"]
    os.close(ready)
    for process in processes:
        killed(*process)


def test_where_nothing_was_written_nothing_is_left(tmp_path) -> None:
    with pytest.raises(UserError, match="mend it"), claimed(tmp_path / "new" / "out", SLIDES):
        raise UserError("mend it")
    assert not list(tmp_path.iterdir())
    with claimed(tmp_path / "new", SLIDES):
        (tmp_path / "new" / "file").touch()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["file"]


def test_a_file_system_that_locks_nothing_refuses_nobody(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(claims, "fcntl", None)
    with claimed(tmp_path, SLIDES), claimed(tmp_path, SLIDES):
        pass
    assert not list(tmp_path.iterdir())
