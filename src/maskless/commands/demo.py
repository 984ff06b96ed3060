"""maskless demo: the whole way, with the commands that a user would type."""

import shlex
import shutil
import sys
from pathlib import Path

from PIL import Image
from rich.console import Console
from skimage.data import immunohistochemistry

from maskless.commands.compose import Config, run_command
from maskless.errors import UserError
from maskless.runs import Run

#: Rendered H&E at 20x, about the scale of the photograph, whose brown cytoplasm is to it what eosin is.
TISSUE = ["dataset=synthetic", "dataset.power=20"]


def run(config: Config) -> None:
    """Train on rendered tissue, score beside the floor, segment a real photograph, write report.html."""
    output = Path(config["output"])
    where = [f"runs_dir={output.parent}", f"study={output.name}"]
    photograph = output / "photograph" / "ihc.png"
    try:
        photograph.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to output={output}: choose another folder") from error
    Image.fromarray(immunohistochemistry()).save(photograph)

    before = set(output.glob("*/state.json"))
    _maskless("train", "method=supervised", "preset=quick", *TISSUE, *where)
    _maskless("evaluate", "method=threshold", *TISSUE, *where)
    made = [path.parent for path in set(output.glob("*/state.json")) - before]
    trained, floor = sorted(made, key=lambda path: "threshold" in path.name)
    _maskless("evaluate", f"run={trained}")
    predicted = photograph.parent / "segmented"
    _maskless("predict", f"run={trained}", f"input={photograph}", f"output={predicted}")

    figures = Run.open(trained).path / "figures"
    figures.mkdir(exist_ok=True)
    shutil.copy(predicted / "ihc.png", figures / "photograph.png")
    report = output / "report.html"
    _maskless("compare", f"runs=[{trained},{floor}]", f"output={report}")
    Console(soft_wrap=True).print(f"\nopen [bold]{report}[/bold]", highlight=False)


def _maskless(command: str, *words: str) -> None:
    """Say the command, then do it."""
    print(f"\n$ maskless {command} {shlex.join(words)}", file=sys.stderr)
    run_command(command, words)
