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

#: Rendered H&E at 20x, about the scale of the photograph, whose brown cytoplasm is to it what eosin is. Its
#: points and masks count as if they had been drawn, for they stand for a user's own.
TISSUE = ["dataset=synthetic", "dataset.power=20", "dataset.drawn=true"]
#: What is trained beside the floor: from one point a nucleus, and from every nucleus' mask.
LEARNT = ("point_supervised", "supervised")


def run(config: Config) -> None:
    """Nothing drawn, points, masks: train on rendered tissue, score, segment a photograph, report."""
    output = Path(config["output"])
    where = [f"runs_dir={output.parent}", f"study={output.name}"]
    photograph = output / "photograph" / "ihc.png"
    try:
        photograph.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to output={output}: choose another folder") from error
    Image.fromarray(immunohistochemistry()).save(photograph)

    before = set(output.glob("*/state.json"))
    _maskless("evaluate", "method=threshold", *TISSUE, *where)
    for method in LEARNT:
        _maskless("train", f"method={method}", "preset=quick", *TISSUE, *where)
    made = {path.parent for path in set(output.glob("*/state.json")) - before}
    for method in LEARNT:
        (trained,) = (path for path in made if path.name.startswith(method))
        _maskless("evaluate", f"run={trained}")
        predicted = photograph.parent / method
        _maskless("predict", f"run={trained}", f"input={photograph}", f"output={predicted}")
        figures = trained / "figures"
        figures.mkdir(exist_ok=True)
        shutil.copy(predicted / "ihc.png", figures / "photograph.png")
    report = output / "report.html"
    _maskless("compare", f"runs=[{','.join(sorted(map(str, made)))}]", f"output={report}")
    Console(soft_wrap=True).print(f"\nopen [bold]{report}[/bold]", highlight=False)


def _maskless(command: str, *words: str) -> None:
    """Say the command, then do it."""
    print(f"\n$ maskless {command} {shlex.join(words)}", file=sys.stderr)
    run_command(command, words)
