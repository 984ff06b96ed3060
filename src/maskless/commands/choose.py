"""maskless choose: of a folder of patches, a few of each slide that stand for all."""

import sys
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

from maskless.atomic import write_atomically
from maskless.commands.compose import Config
from maskless.commands.objects import build_hardware, build_sources, refuse_problems
from maskless.commands.patches import Patch, patches_of_files, patches_of_slides
from maskless.commands.progress import bars, tracked
from maskless.data.patch_choice import choose_patches
from maskless.data.readers.slides import Slides
from maskless.errors import PartlyDone, UserError
from maskless.hardware import Hardware
from maskless.inference.inputs import inputs_of
from maskless.networks.resnet18 import resnet18, resnet18_features
from maskless.networks.resnet_unet import ResNetEncoder
from maskless.signals import Role

Row = dict[str, Any]
TABLE = "choice.csv"
#: Patches that go through the network together.
_BATCH = 8


@dataclass(frozen=True)
class _Described:
    """A patch: its features, float32 (512,), or why it was skipped."""

    patch: Patch
    features: NDArray[np.float32] | None = None
    problem: str | None = None


def run(config: Config) -> None:
    """Choose of each slide, copy what was chosen, and write a row a patch.

    A patch that cannot be read, and a slide with too few that are left, is named and skipped; PartlyDone says
    so in the end, UserError if nothing is left.
    """
    if config["number"] < 1:
        raise UserError(f"number={config['number']} must be 1 or more")
    output = Path(config["output"])
    slides = _patches(config)
    _refuse_files_in(output)
    hardware = build_hardware(config)
    network = resnet18(config["weights"]).to(hardware.device)
    hardware.prepare(network)
    is_new = _made(output)

    n_patches = sum(map(len, slides.values()))
    described = (one for patches in slides.values() for one in _described(patches, network, hardware))
    shown = tracked(described, "choose", n_patches, config["progress"])
    console = get_console()  # that of the progress bar, which it prints above
    errors = console if bars(config["progress"]) and sys.stderr.isatty() else Console(stderr=True)
    rows: list[Row] = []
    chosen: list[Patch] = []
    bad_patches: list[str] = []
    bad_slides: list[str] = []
    for slide, members in groupby(shown, key=lambda one: one.patch.slide):
        of_slide = list(members)
        bad_patches += [one.problem for one in of_slide if one.problem]
        for one in of_slide:
            if one.problem:
                _print(f"skipped: {one.problem}", errors)
        try:
            fine = [one for one in of_slide if one.features is not None]
            of_rows = _rows(fine, config)
        except UserError as error:
            bad_slides.append(str(error))
            if len(slides) > 1:
                _print(f"skipped: slide {slide}: {error}", errors)
            continue
        rows += of_rows
        chosen += [one.patch for one, row in zip(fine, of_rows, strict=True) if row["chosen"]]
    if not rows:
        if is_new:
            with suppress(OSError):
                output.rmdir()
        why = bad_slides[0] if len(slides) == 1 else f"all {len(slides)} slides were skipped"
        raise UserError(f"nothing was chosen: {why}")
    _write(rows, chosen, output, config)
    n_outliers = sum(row["outlier"] for row in rows)
    _print(f"{len(chosen)} of {n_patches} patches chosen; {n_outliers} were outliers", console)
    _print(f"written to {output}", console)
    counts = ((bad_slides, len(slides), "slides"), (bad_patches, n_patches, "patches"))
    if skipped := [f"{len(bad)} of {n} {what}" for bad, n, what in counts if bad]:
        raise PartlyDone(f"{' and '.join(skipped)} were skipped, as said above")


# -- what is asked -------------------------------------------------------------------------------------------


def _patches(config: Config) -> dict[str, list[Patch]]:
    """The patches of each slide: files of a folder, or the tiles of whole slides."""
    if (config["input"] is None) == (not config.get("dataset")):
        raise UserError("choose takes input=FOLDER, a folder of patches, or dataset=slides with its index")
    if config["input"] is not None:
        folder = Path(config["input"])
        if folder.is_file():
            raise UserError(f"input={folder} is a file: give a folder of patches")
        return patches_of_files([one.path for one in inputs_of(folder)], config["group"])
    source = build_sources(config)[Role.MAIN]
    if not isinstance(source, Slides):
        raise UserError(f"choose cuts patches from dataset=slides, not from {source.name}")
    refuse_problems([source])
    return patches_of_slides(source)


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


def _described(patches: Sequence[Patch], network: ResNetEncoder, hardware: Hardware) -> Iterator[_Described]:
    """The patches of a slide, described in batches of one size; no more than a batch of images is held."""
    batch: list[tuple[Patch, NDArray[np.uint8]]] = []
    for patch in patches:
        try:
            image = patch.read()
        except UserError as error:
            yield _Described(patch, problem=str(error))
            continue
        if batch and (len(batch) == _BATCH or image.shape != batch[0][1].shape):
            yield from _of_batch(batch, network, hardware)
            batch = []
        batch.append((patch, image))
    if batch:
        yield from _of_batch(batch, network, hardware)


def _of_batch(
    batch: Sequence[tuple[Patch, NDArray[np.uint8]]], network: ResNetEncoder, hardware: Hardware
) -> Iterator[_Described]:
    pixels = torch.from_numpy(np.stack([image for _, image in batch])).to(hardware.device)
    images = pixels.permute(0, 3, 1, 2).float() / 255
    reduced = hardware.autocast
    with torch.autocast(hardware.device.type, dtype=reduced, enabled=reduced is not None):
        features = resnet18_features(network, images).float().cpu().numpy()
    for (patch, _), row in zip(batch, features, strict=True):
        yield _Described(patch, row)


def _rows(members: Sequence[_Described], config: Config) -> list[Row]:
    """A row a patch of a slide. Raises UserError if there are too few to choose from."""
    features = np.array([one.features for one in members])
    choice = choose_patches(
        features, config["number"], seed=config["seed"], search_outliers=config["search_outliers"]
    )
    chosen = set(choice.chosen.tolist())
    return [
        {
            "patch": one.patch.name,
            "slide": one.patch.slide,
            "chosen": k in chosen,
            "cluster": int(choice.cluster[k]),
            "distance": float(f"{choice.distance[k]:.6g}"),
            "outlier": bool(choice.outlier[k]),
        }
        for k, one in enumerate(members)
    ]


def _write(rows: Sequence[Row], chosen: Sequence[Patch], output: Path, config: Config) -> None:
    """Copy the chosen patches, then write the table."""
    for patch in tracked(chosen, "copy", len(chosen), config["progress"]):
        patch.copy_to(output / patch.name)
    table = pd.DataFrame(rows).to_csv(index=False)
    write_atomically(output / TABLE, table.encode("utf-8", "backslashreplace"))


def _print(line: str, console: Console) -> None:
    """As it is: names may hold anything."""
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
