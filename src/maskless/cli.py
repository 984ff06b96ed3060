"""The command line: names the commands, maps short words, turns errors into exit codes.

Imports nothing heavy before a command needs it, so that help is instant.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from maskless import __version__
from maskless.errors import PartlyDone, UserError, did_you_mean

CONF = next(
    folder for folder in (Path(__file__).parent / "conf", Path(__file__).parents[2] / "conf") if folder.is_dir()
)
COMMANDS = ("prepare", "train", "evaluate", "predict", "compare")

#: Words for what Hydra calls by package: a source in another role, a part of the method.
SHORT = {
    "prior": "dataset@prior",
    "target": "dataset@target",
    "postprocess": "postprocess@method.chain",
    "augment": "augment@method.augment",
}
#: Keys whose values are paths, in which Hydra's grammar would trip over spaces, commas, brackets, umlauts.
PATHS = {"input", "output", "run", "resume", "data_root", "runs_dir", "dataset.path", "prior.path", "target.path"}
FLAGS = ("--multirun", "--config-dir", "--cfg", "--resolve", "--info", "--package")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 2 = the user's error, 3 = done but for the named items."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"maskless {__version__}")
        return 0
    command, rest = words[0], words[1:]
    try:
        if command not in COMMANDS:
            raise UserError(f"there is no command {command!r}{did_you_mean(command, COMMANDS)}")
        if any(word in ("-h", "--help") for word in rest):
            print(_command_help(command))
            return 0
        overrides = translate(rest)
        from maskless.commands.compose import run_command

        run_command(command, overrides)
    except UserError as error:
        return _stop(f"maskless: {error}", 2)
    except PartlyDone as error:
        return _stop(f"maskless: {error}", 3)
    except KeyboardInterrupt:
        return _stop("maskless: interrupted", 130)
    return 0


def _stop(sentence: str, code: int) -> int:
    """Say why, to the person and, in a sweep, to the job's parent."""
    print(sentence, file=sys.stderr)
    if report := os.environ.get("MASKLESS_JOB_REPORT"):
        Path(report).with_suffix(".error").write_text(sentence.removeprefix("maskless: "), encoding="utf-8")
    return code


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
                raise UserError(f"there is no flag {flag!r}{did_you_mean(flag, FLAGS)}; options are written key=value")
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


def _first_comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = (line[2:] for line in lines if line.startswith("# ") and "@package" not in line)
    return next(comments, "")


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    rows = [f"  {name:{width}}{_first_comment(CONF / f'{name}.yaml')}" for name in COMMANDS]
    return "\n".join(
        [
            "maskless: nuclei segmentation without masks",
            "",
            "usage: maskless COMMAND [KEY=VALUE ...]",
            "",
            *rows,
            "",
            "maskless COMMAND --help lists its options; --version prints the version.",
        ]
    )


def _command_help(command: str) -> str:
    text = (CONF / f"{command}.yaml").read_text(encoding="utf-8").splitlines()
    options = [line for line in text if re.match(r"[a-z_]+:", line) and not line.startswith(("defaults", "hydra"))]
    groups = re.findall(r"^  - (?!override)(\w+)(?:@(\w+))?: ", "\n".join(text), re.MULTILINE)
    lines = [_first_comment(CONF / f"{command}.yaml"), "", f"usage: maskless {command} [KEY=VALUE ...]", ""]
    for group, package in groups:
        lines.append(f"{package or group}=")
        if not package:
            files = sorted((CONF / group).glob("*.yaml"))
            lines.extend(f"  {path.stem:{14}}{_first_comment(path)}" for path in files)
    lines += ["", "options and their defaults", *[f"  {line}" for line in options]]
    common = (CONF / "common.yaml").read_text(encoding="utf-8").splitlines()
    lines += [f"  {line}" for line in common if re.match(r"[a-z_]+:", line) and not line.startswith("hydra")]
    lines += [
        "",
        "Every value can be overridden by its name (method.lr=3e-4); --cfg job prints all of them.",
        *(["-m runs a sweep: method=supervised,threshold seed=0,1"] if command == "train" else []),
        "--config-dir FOLDER adds your own sources and methods.",
    ]
    return "\n".join(lines)
