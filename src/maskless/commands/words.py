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
    "colour": "colour@method.colour",
}
#: Stages of methods that can be given as a run which has trained them, by what they are called.
STAGES = {"spn": "method.spn", "attention": "method.before"}
#: Keys whose values are paths, beside all that end as `PATH_ENDS`; and choose's regular expression.
PATHS = {"input", "output", "run", "model", "translator", "segmenter", "resume", "region", "data_root"}
PATHS |= {"runs_dir", "weights", "group"}
PATH_ENDS = (".path", ".weights", ".index", ".table", ".like")
#: Where studies are: a folder each, below the working folder.
STUDIES = Path("experiments")
#: Hydra's flags that we pass on, with the values they take; help and version are ours.
FLAGS = {
    "-m": None,
    "--multirun": None,
    "--config-dir": "a folder",
    "--cfg": "job, hydra or all",
    "--resolve": None,
}


def translate(words: Sequence[str]) -> list[str]:
    """The words after the command, as Hydra takes them: its flags, which it wants together, and overrides.

    Raises UserError for a word that cannot be read.
    """
    flags: list[str] = []
    overrides: list[str] = []
    of_run = any(word.startswith("run=") for word in words)
    rest = iter(words)
    for word in rest:
        if of_run and word.startswith("postprocess="):  # the method is the run's, and not composed
            overrides.append(f"+postprocess@chain={word.partition('=')[2]}")
            continue
        if not word.startswith("-"):
            overrides.extend(_override(word))
            continue
        flag, equals, value = word.partition("=")
        if flag not in FLAGS:
            known = [known for known in FLAGS if known.startswith("--")]
            raise UserError(
                f"there is no flag {flag!r} (options are written key=value){did_you_mean(flag, known)}"
            )
        flags.append(flag)
        if FLAGS[flag]:
            value = value if equals else next(rest, "")
            if not value or (flag == "--cfg" and value not in ("job", "hydra", "all")):
                raise UserError(f"{flag} takes {FLAGS[flag]}" + (f", not {value!r}" if value else ""))
            flags.append(value)
        elif equals:
            raise UserError(f"{flag} takes no value")
    return [*flags, *overrides]


def _override(word: str) -> list[str]:
    key, equals, value = word.partition("=")
    if not key or not (equals or key.startswith("~")):
        raise UserError(f"cannot read {word!r}: options are written key=value")
    if key == "colour":  # Hydra lets no word set a group to null, and none could be swept over
        value = re.sub(r"\bnull\b", "none", value)
    if key in SHORT:
        return [f"{SHORT[key]}={value}"]
    if key == "fold":
        return [f"dataset.split={','.join(f'fold{number}' for number in _numbers(value))}"]
    if key in STAGES:
        return [f"{STAGES[key]}={_quoted(value)}"]
    plain = key.lstrip("+")
    if plain in PATHS or plain.endswith(PATH_ENDS):
        return [f"{key}={_quoted(value)}"]
    if key == "runs" or (key == "columns" and value.startswith("[")):
        return [f"{key}=[{','.join(map(_quoted, _listed(value)))}]"]
    if key == "test":
        return [f"+dataset@test.{name}={name}" for part in _listed(value) for name in part.split(",")]
    # A job of a sweep is given what became of experiment=, without the folder that it was found in.
    if key == "experiment" or (key.startswith("+") and _study(f"{plain}/{value}").is_file()):
        return _experiment(value if key == "experiment" else f"{plain}/{value}")
    return [word]


def _numbers(value: str) -> list[str]:
    """'3', '0,1' or '0..9', the last included, as words."""
    first, dots, last = value.partition("..")
    if dots and first.isdigit() and last.isdigit() and int(first) <= int(last) < int(first) + 1000:
        return [str(number) for number in range(int(first), int(last) + 1)]
    return value.split(",")


def _listed(value: str) -> list[str]:
    """'[a,b]' or 'a' to words. A path with a comma stands in quotes inside the brackets."""
    if not (value.startswith("[") and value.endswith("]")):
        return [value]
    quoted_or_plain = re.findall(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]+)""", value[1:-1])
    return [word.strip() for word in quoted_or_plain]


def _quoted(value: str) -> str:
    """A path in Hydra's quotes, unless it stands in quotes already, as in the jobs of a sweep."""
    if value in ("null", "") or re.fullmatch(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", value):
        return value
    # In Hydra's quoted strings a backslash escapes only before a quote or at the end.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f"'{escaped}'"


def _experiment(name: str) -> list[str]:
    """A study, the file experiments/NAME.yaml: a group that Hydra finds on its search path."""
    file = _study(name)
    if not file.is_file():
        known = [path.relative_to(STUDIES).with_suffix("").as_posix() for path in STUDIES.rglob("*.yaml")]
        raise UserError(f"there is no study {file}{did_you_mean(name, known)}")
    group, _, option = name.rpartition("/")
    if not group:
        raise UserError(f"a study stands in a folder of its own: experiments/FOLDER/{name}.yaml")
    if "@package _global_" not in file.read_text(encoding="utf-8"):
        raise UserError(f"the study {file} must begin with the line '# @package _global_'")
    return [f"hydra.searchpath=[{_quoted('file://' + str(STUDIES.resolve()))}]", f"+{group}={option}"]


def _study(name: str) -> Path:
    return STUDIES / f"{name}.yaml"


def key_of(word: str) -> str:
    """What a word of the command line sets: `method.epochs` of `+method.epochs=3`."""
    return word.partition("=")[0].lstrip("+~")


def config_dir(words: Sequence[str]) -> Path | None:
    """The user's own folder of sources and methods, if the command names one."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word.partition("=")[0] == "--config-dir":
            folder = Path(word.partition("=")[2] or following)
            if not folder.is_dir():
                raise UserError(f"--config-dir {folder} is no folder")
            return folder.resolve()
    return None
