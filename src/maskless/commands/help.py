"""What `maskless --help` prints, read from the configuration's own comments; imports nothing heavy."""

import re
from pathlib import Path

from maskless.paths import CONF

COMMANDS = (
    "prepare",
    "choose",
    "train",
    "optimise",
    "evaluate",
    "predict",
    "translate",
    "compare",
    "export",
    "pretrained",
    "demo",
)


#: What only training has, and no file of it says.
OF_TRAIN = (
    "postprocess=NAME and augment=NAME take another chain or augmentation than the method's own,",
    "colour=NAME (white_balance, reinhard; null: none) changes whole images, in training and in use.",
    "experiment=FOLDER/NAME takes a study, experiments/FOLDER/NAME.yaml.",
    "-m runs a sweep: method=supervised,threshold seed=0,1",
)


#: What optimise has of another command.
OF_OPTIMISE = ("All options of train are for its trials: maskless train --help.",)


def _first_comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = (line[2:] for line in lines if line.startswith("# ") and "@package" not in line)
    return next(comments, "")


def overview() -> str:
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


def of_command(command: str) -> str:
    text = (CONF / f"{command}.yaml").read_text(encoding="utf-8").splitlines()
    options = [
        line for line in text if re.match(r"[a-z_]+:", line) and not line.startswith(("defaults", "hydra"))
    ]
    groups = re.findall(r"^  - (?!override)(\w+)(?:@(\w+))?: ", "\n".join(text), re.MULTILINE)
    lines = [_first_comment(CONF / f"{command}.yaml"), "", f"usage: maskless {command} [KEY=VALUE ...]", ""]
    for group, package in sorted(groups, key=lambda entry: bool(entry[1])):  # further roles come last
        lines.append(f"{package or group}=")
        if not package:
            files = sorted((CONF / group).glob("*.yaml"))
            wide = max(12, *(len(path.stem) for path in files)) + 2
            lines.extend(f"  {path.stem:{wide}}{_first_comment(path)}" for path in files)
    lines += ["", "options and their defaults", *[f"  {line}" for line in options]]
    common = (CONF / "common.yaml").read_text(encoding="utf-8").splitlines()
    lines += [f"  {line}" for line in common if re.match(r"[a-z_]+:", line) and not line.startswith("hydra")]
    lines += [
        "",
        "Every value can be overridden by its name (method.lr=3e-4); --cfg job prints all of them.",
        *(OF_TRAIN if command == "train" else []),
        *(OF_OPTIMISE if command == "optimise" else []),
        "--config-dir FOLDER adds your own sources and methods.",
    ]
    return "\n".join(lines)
