"""maskless choose: of a folder of patches, a few of each slide that stand for all."""

import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich import get_console
from rich.console import Console

from maskless.atomic import atomic, write_atomically
from maskless.commands.compose import Config
from maskless.commands.objects import build_hardware
from maskless.commands.progress import bars, tracked
from maskless.data.images import read_image
from maskless.data.patch_choice import choose_patches
from maskless.errors import PartlyDone, UserError, first_three
from maskless.hardware import Hardware
from maskless.inference.inputs import input_files
from maskless.networks.resnet18 import resnet18, resnet18_features
from maskless.networks.resnet_unet import ResNetEncoder

Row = dict[str, Any]
TABLE = "choice.csv"
#: Patches that go through the network together.
_BATCH = 8
#: What all patches are called together, where no slides are told apart.
_ALL = "all"


@dataclass(frozen=True)
class _Described:
    """A patch: its features, float32 (512,), or why it was skipped."""

    path: Path
    slide: str
    features: NDArray[np.float32] | None = None
    problem: str | None = None


def run(config: Config) -> None:
    """Choose of each slide, copy what was chosen, and write a row a patch.

    A patch that cannot be read, and a slide with too few that are left, is named and skipped; PartlyDone says
    so in the end, UserError if nothing is left.
    """
    if config["number"] < 1:
        raise UserError(f"number={config['number']} must be 1 or more")
    folder, output = Path(config["input"]), Path(config["output"])
    if folder.is_file():
        raise UserError(f"input={folder} is a file: give a folder of patches")
    slides = _by_slide(input_files(folder), config["group"])
    _refuse_files_in(output)
    hardware = build_hardware(config)
    network = resnet18(config["weights"]).to(hardware.device)
    hardware.prepare(network)
    is_new = _made(output)

    n_patches = sum(map(len, slides.values()))
    described = (
        one for slide, files in slides.items() for one in _described(slide, files, network, hardware)
    )
    shown = tracked(described, "choose", n_patches, config["progress"])
    console = get_console()  # that of the progress bar, which it prints above
    errors = console if bars(config["progress"]) and sys.stderr.isatty() else Console(stderr=True)
    rows: list[Row] = []
    bad_patches: list[str] = []
    bad_slides: list[str] = []
    for slide, members in groupby(shown, key=lambda one: one.slide):
        of_slide = list(members)
        bad_patches += [one.problem for one in of_slide if one.problem]
        for one in of_slide:
            if one.problem:
                _print(f"skipped: {one.problem}", errors)
        try:
            rows += _rows([one for one in of_slide if one.features is not None], config)
        except UserError as error:
            bad_slides.append(str(error))
            if len(slides) > 1:
                _print(f"skipped: slide {slide}: {error}", errors)
    if not rows:
        if is_new:
            with suppress(OSError):
                output.rmdir()
        why = bad_slides[0] if len(slides) == 1 else f"all {len(slides)} slides were skipped"
        raise UserError(f"nothing was chosen: {why}")
    n_chosen, n_outliers = _write(rows, folder, output, config)
    _print(f"{n_chosen} of {n_patches} patches chosen; {n_outliers} were outliers", console)
    _print(f"written to {output}", console)
    counts = ((bad_slides, len(slides), "slides"), (bad_patches, n_patches, "patches"))
    if skipped := [f"{len(bad)} of {n} {what}" for bad, n, what in counts if bad]:
        raise PartlyDone(f"{' and '.join(skipped)} were skipped, as said above")


# -- what is asked -------------------------------------------------------------------------------------------


def _by_slide(files: Sequence[Path], group: str | None) -> dict[str, list[Path]]:
    """The files of each slide, by name. Raises UserError for an expression that does not find all slides."""
    if group is None:
        return {_ALL: list(files)}
    try:
        expression = re.compile(group)
    except re.error as error:
        raise UserError(f"group={group!r} is no regular expression: {error}") from error
    if not expression.groups:
        raise UserError(f"group={group!r} has no group in parentheses for the slide, as in '(.*)-roi_'")
    slides: dict[str, list[Path]] = defaultdict(list)
    without = []
    for file in files:
        found = expression.search(file.stem)
        if found and found[1]:
            slides[found[1]].append(file)
        else:
            without.append(f"{file} has no slide: group={group!r} finds none in its name")
    if without:
        raise UserError(first_three(without))
    return dict(sorted(slides.items()))


def _refuse_files_in(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UserError(f"output={output} is a file: name a folder")
    if output.is_dir() and any(output.iterdir()):
        raise UserError(
            f"output={output} has files in it, which would be mixed with the chosen: name another"
        )


def _made(output: Path) -> bool:
    """Make the folder before the work begins; whether it was not there."""
    if output.is_dir():
        return False
    try:
        output.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"cannot write to output={output}: choose another folder") from error
    return True


# -- what is done --------------------------------------------------------------------------------------------


def _described(
    slide: str, files: Sequence[Path], network: ResNetEncoder, hardware: Hardware
) -> Iterator[_Described]:
    """The patches of a slide, described in batches of one size; no more than a batch of images is held."""
    batch: list[tuple[Path, NDArray[np.uint8]]] = []
    for file in files:
        try:
            image = read_image(file)
        except UserError as error:
            yield _Described(file, slide, problem=str(error))
            continue
        if batch and (len(batch) == _BATCH or image.shape != batch[0][1].shape):
            yield from _of_batch(slide, batch, network, hardware)
            batch = []
        batch.append((file, image))
    if batch:
        yield from _of_batch(slide, batch, network, hardware)


def _of_batch(
    slide: str, batch: Sequence[tuple[Path, NDArray[np.uint8]]], network: ResNetEncoder, hardware: Hardware
) -> Iterator[_Described]:
    pixels = torch.from_numpy(np.stack([image for _, image in batch])).to(hardware.device)
    images = pixels.permute(0, 3, 1, 2).float() / 255
    reduced = hardware.autocast
    with torch.autocast(hardware.device.type, dtype=reduced, enabled=reduced is not None):
        features = resnet18_features(network, images).float().cpu().numpy()
    for (file, _), row in zip(batch, features, strict=True):
        yield _Described(file, slide, row)


def _rows(members: Sequence[_Described], config: Config) -> list[Row]:
    """A row a patch of a slide. Raises UserError if there are too few to choose from."""
    features = np.array([one.features for one in members])
    choice = choose_patches(
        features, config["number"], seed=config["seed"], search_outliers=config["search_outliers"]
    )
    chosen = set(choice.chosen.tolist())
    return [
        {
            "patch": one.path.name,
            "slide": one.slide,
            "chosen": k in chosen,
            "cluster": int(choice.cluster[k]),
            "distance": float(f"{choice.distance[k]:.6g}"),
            "outlier": bool(choice.outlier[k]),
        }
        for k, one in enumerate(members)
    ]


def _write(rows: Sequence[Row], folder: Path, output: Path, config: Config) -> tuple[int, int]:
    """Copy the chosen patches, then write the table; how many were chosen, and how many were outliers."""
    chosen = [row["patch"] for row in rows if row["chosen"]]
    for name in tracked(chosen, "copy", len(chosen), config["progress"]):
        with (folder / name).open("rb") as source, atomic(output / name) as copy:
            shutil.copyfileobj(source, copy)
    table = pd.DataFrame(rows).to_csv(index=False)
    write_atomically(output / TABLE, table.encode("utf-8", "backslashreplace"))
    return len(chosen), sum(row["outlier"] for row in rows)


def _print(line: str, console: Console) -> None:
    """As it is: names may hold anything."""
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
