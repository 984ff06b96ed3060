"""Small files that may be anybody's: read as what they should be, or refused by their name."""

import json
import time
from pathlib import Path

import pytest
import yaml

from maskless.errors import UserError
from maskless.stored import inside, is_plain_name, read_json, read_rows, read_yaml


def doubled(times: int) -> str:
    """A YAML that stands for 2**`times` words."""
    return "\n".join(["a0: &a0 [x, x]", *(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, times))])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (doubled(60), "unfolds to more values"),
        ("a: &a [*a]", "unfolds to more values"),
        ("a: " + "[" * 70 + "]" * 70, "unfolds to more values"),
        ("[" * 5000, "recursion"),
        ("a: 2020-13-45", "month must be in 1..12"),
        ("a: !!python/object/apply:os.system [touch x]", "could not determine a constructor"),
        ("- a", "no mapping"),
        ("a: " + "x" * 2**20, "more than 1 MiB"),
        ("a: \ud800", "cannot be read"),
    ],
)
def test_a_yaml_that_is_no_configuration(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, errors="surrogatepass")
    began = time.monotonic()
    with pytest.raises(UserError, match=rf"config\.yaml cannot be read.*{why}|cannot be read"):
        read_yaml(file)
    assert time.monotonic() - began < 20


def test_a_value_may_stand_in_several_places(tmp_path: Path) -> None:
    same = {"lr": 1e-3, "steps": [1, 2, 3]}
    value = {"method": same, "before": same}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(value))
    assert "&id001" in (tmp_path / "config.yaml").read_text()
    assert read_yaml(tmp_path / "config.yaml") == value


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"a": "\\ud800"}', '{"a": ' + "9" * 5000 + "}"])
def test_a_json_that_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json cannot be read"):
        read_json(tmp_path / "run.json")


def test_what_json_can_hold_comes_back(tmp_path: Path) -> None:
    value = {"ä": ["\n", None, 1.5, {"b": "\U0001f52c"}]}
    (tmp_path / "run.json").write_text(json.dumps(value))
    assert read_json(tmp_path / "run.json") == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1\n", "line 2 has another number of cells"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has another number of cells"),
        ("a,c\n1,2\n", "no column b"),
        ("a,b\n1,\udcff\n", "can't decode"),
        (f"a,b\n1,{'x' * 200_000}\n", "field larger"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "scores.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=rf"scores\.csv cannot be read: .*{why}"):
        read_rows(tmp_path / "scores.csv", ["b"])


def test_rows_by_their_header(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.csv", ["b"]) == []
    (tmp_path / "scores.csv").write_text('a,b\n1,"2\n3"\n')
    assert read_rows(tmp_path / "scores.csv", ["b"]) == [{"a": "1", "b": "2\n3"}]


@pytest.mark.parametrize("parts", [("..", "x"), ("a", "..", "..", "x"), ("/x",), ("a", "/x"), ("link", "x")])
def test_a_path_that_leads_out(tmp_path: Path, parts: tuple[str, ...]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out of"):
        inside(folder, *parts)


def test_a_path_that_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "a+b", "test") == tmp_path / "link" / "a+b" / "test"


def test_plain_names() -> None:
    assert all(map(is_plain_name, ("a", "a.b", "..a", "ä b")))
    assert not any(map(is_plain_name, ("", ".", "..", "a/b", "/a", "a\\b", "a\0", None, 3)))
