"""Which of the sheets that a training has drawn tell how it went."""

import re
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"(?P<stage>.+)-epoch-(?P<epoch>\d+)\.png")


def sheets_over_training(folder: Path) -> Iterator[tuple[Path, str]]:
    """Of each stage the first, a middle and the last sheet in `folder`, with 'STAGE, epoch 5'.

    Epochs are numbered as in metrics.csv. A file of another name is no sheet.
    """
    by_stage: dict[str, list[tuple[int, Path]]] = {}
    for file in sorted(folder.glob("*.png")):
        if found := _NAME.fullmatch(file.name):
            by_stage.setdefault(found["stage"], []).append((int(found["epoch"]), file))
    for stage, sheets in by_stage.items():
        sheets.sort()
        for k in sorted({0, len(sheets) // 2, len(sheets) - 1}):
            epoch, file = sheets[k]
            yield file, f"{stage}, epoch {epoch}"
