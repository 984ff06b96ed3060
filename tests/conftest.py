import os
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mock_segmenter import MockSegmenter
from traced import beyond, traced

from maskless.cli import main


@pytest.fixture(scope="session", autouse=True)
def label_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Labels that the tests make are kept apart from the user's own."""
    os.environ["MASKLESS_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def network_mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that every attempt to leave this machine is written to, whichever process makes it."""
    mark = tmp_path_factory.mktemp("network") / "mark"
    mark.touch()
    os.environ["NETWORK_MARK"] = str(mark)
    watch = Path(__file__).parent / "offline"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(watch), os.environ.get("PYTHONPATH", "")]))
    runpy.run_path(str(watch / "sitecustomize.py"))
    return mark


@pytest.fixture(autouse=True)
def no_connection(network_mark: Path) -> Iterator[None]:
    """No test, and nothing that it starts, asks for anything beyond this machine."""
    before = network_mark.stat().st_size
    yield
    tried = network_mark.read_text(encoding="utf-8")[before:]
    assert not tried, f"a connection beyond this machine was tried: {tried}"


@pytest.fixture
def run_watched(network_mark: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a program as `subprocess.run` does. What it asks for beyond this machine, and all that it starts,
    Python or not, fails the test; where no process can be traced, Python alone is watched."""

    def run(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess:
        trace = tmp_path / "trace"
        try:
            return subprocess.run([*traced(trace), *words], **options)
        finally:
            with network_mark.open("a", encoding="utf-8") as mark:
                mark.writelines(f"{call}\n" for call in beyond(trace))

    return run


@pytest.fixture
def mock_segmenter() -> MockSegmenter:
    """A Segmenter that finds the same awkward nuclei in every image of at least 64x64 px."""
    return MockSegmenter()


class Done(NamedTuple):
    """What a command left: its exit code and all that it wrote to the terminal."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd) -> Callable[..., Done]:
    """Run a command in this process: `cli("train", "seed=1")`."""

    def run(*words: object) -> Done:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Done(code, *capfd.readouterr())

    return run


@pytest.fixture
def refusal(cli, tmp_path_factory, monkeypatch) -> Callable[..., str]:
    """Run a command that the user got wrong, in a folder of its own; the sentence that it ends with.

    It ends with exit code 2, one line and no traceback, and leaves nothing in its folder.
    """

    def run(*words: object) -> str:
        folder = tmp_path_factory.mktemp("work")
        monkeypatch.chdir(folder)
        done = cli(*words)
        assert done.code == 2, done
        assert done.err.startswith("maskless: ")
        assert done.err.count("\n") == 1, done.err
        assert "Traceback" not in done.err + done.out
        assert not list(folder.iterdir())
        return done.err.removeprefix("maskless: ").rstrip("\n")

    return run


#: Rendered tissue of which nothing takes long.
TINY_TISSUE = ("dataset=synthetic", "dataset.size_px=96", "dataset.tiles={train: 4, val: 2, test: 2}")


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """The run of a method that was trained on tiny tissue, for a moment. Copy it before you change it."""
    return _run(tmp_path_factory, "trained", "preset=tiny", "method=supervised", "test=synthetic", *OF_TEST)


@pytest.fixture(scope="session")
def floor(tmp_path_factory) -> Path:
    """The run of a method that needs no training, and finds most nuclei."""
    return _run(tmp_path_factory, "floor", "method=threshold", "test=synthetic", *OF_TEST)


OF_TEST = ("test.synthetic.size_px=96", "test.synthetic.tiles={train: 4, val: 2, test: 2}")


def _run(tmp_path_factory, study: str, *words: str) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["train", *TINY_TISSUE, *words, f"runs_dir={root}", f"study={study}"]) == 0
    (run,) = (root / study).iterdir()
    return run


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked debian("program") skips on a laptop without it, and fails in CI."""
    for marker in item.iter_markers("debian"):
        (program,) = marker.args
        if shutil.which(program) is None:
            missing = f"{program} is missing: .ci/packages.txt names the Debian packages of the tests"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)
