"""Each `maskless train` that the documentation shows is one that could begin, given the data."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("experiments/*/README.md"))]
#: A run is continued from its own configuration, and the methods of a folder of yours are not here.
ELSEWHERE = ("resume=", "--config-dir", "--cfg", "--help")


def documented() -> list[str]:
    """What stands behind `maskless train` in the code of all pages, without remarks, each once."""
    blocks = (block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S))
    lines = (line for block in blocks for line in block.replace("\\\n", " ").splitlines())
    found = (line.removeprefix("maskless train ") for line in lines if line.startswith("maskless train "))
    commands = dict.fromkeys(re.split(r"\s+#", line)[0] for line in found)
    return [command for command in commands if not any(word in command for word in ELSEWHERE)]


def one_job(words: list[str]) -> list[str]:
    """The words of a sweep's first job: its values are parted by commas outside of brackets."""
    if "-m" not in words:
        return words
    first = []
    for key, _, values in (word.partition("=") for word in words if word != "-m"):
        parted = ".." if key == "fold" else ","
        first.append(f"{key}={values if values[:1] in '[{' else values.split(parted)[0]}")
    return first


@pytest.mark.parametrize("command", documented())
def test_a_documented_training_can_begin(cli, monkeypatch, command: str) -> None:
    begun: list[dict] = []
    monkeypatch.setattr("maskless.commands.train.run", begun.append)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MASKLESS_DATA", "/data")
    done = cli("train", *one_job(shlex.split(command)))
    assert done.code == 0, done.err
    assert begun[0]["method"]["_target_"]
