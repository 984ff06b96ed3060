"""The words of the command line, as Hydra takes them.

Short words stand for what Hydra calls by package, and paths are quoted, because Hydra's grammar trips over
spaces, commas, brackets and umlauts.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from maskless.errors import UserError, did_you_mean

#: Words for what Hydra calls by package: a source in another role, a part of the method.
SHORT = {
    "prior": "dataset@prior",
    "target": "dataset@target",
    "postprocess": "postprocess@method.chain",
    "augment": "augment@method.augment",
}
#: Keys whose values are paths.
PATHS = {
    "input",
    "output",
    "run",
    "resume",
    "data_root",
    "runs_dir",
    "dataset.path",
    "prior.path",
    "target.path",
}
#: Hydra's flags that we pass on; help and version are ours.
FLAGS = ("--multirun", "--config-dir", "--cfg", "--resolve", "--info", "--package")


def translate(words: Sequence[str]) -> list[str]:
    """The words after the command, as Hydra takes them. Raises UserError for a flag it does not have."""
    result: list[str] = []
    takes_value = False
    for word in words:
        if takes_value or word == "-m":
            result.append(word)
            takes_value = False
        elif word.startswith("-"):
            flag = word.partition("=")[0]
            if flag not in FLAGS:
                raise UserError(
                    f"there is no flag {flag!r}{did_you_mean(flag, FLAGS)}; options are written key=value"
                )
            takes_value = flag in ("--config-dir", "--cfg", "--package") and "=" not in word
            result.append(word)
        else:
            result.extend(_translate_override(word))
    return result


def _translate_override(word: str) -> list[str]:
    key, equals, value = word.partition("=")
    if not equals and not key.startswith("~"):
        raise UserError(f"cannot read {word!r}: options are written key=value")
    if key in SHORT:
        return [f"{SHORT[key]}={value}"]
    if key in PATHS:
        return [f"{key}={_quoted(value)}"]
    if key == "runs":
        return [f"runs=[{','.join(_quoted(path) for path in _split_list(value))}]"]
    if key == "test":
        return [f"+dataset@test.{name}={name}" for name in _split_list(value)]
    if key == "experiment":
        return _experiment(value)
    return [word]


def _split_list(value: str) -> list[str]:
    """'[a,b]' or 'a' to words. A path with a comma stands in quotes inside the brackets."""
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else None
    if inner is None:
        return [value]
    quoted_or_plain = re.findall(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]+)""", inner)
    return [word.strip() for word in quoted_or_plain]


def _quoted(value: str) -> str:
    if value in ("null", "") or (len(value) > 1 and value[0] == value[-1] and value[0] in "'\""):
        return value
    # In Hydra's quoted strings a backslash escapes only before a quote or at the end.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"


def _experiment(name: str) -> list[str]:
    """A study: the file experiments/NAME.yaml below the working folder."""
    root = Path("experiments")
    if not (root / f"{name}.yaml").is_file():
        known = [path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml")]
        raise UserError(f"there is no study experiments/{name}.yaml{did_you_mean(name, known)}")
    group, _, option = name.rpartition("/")
    if not group:
        raise UserError(f"a study stands in a folder of its own: experiments/FOLDER/{name}.yaml")
    return [f"hydra.searchpath=[{_quoted('file://' + str(root.resolve()))}]", f"+{group}={option}"]
