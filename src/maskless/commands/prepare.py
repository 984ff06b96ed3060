"""maskless prepare: what a source holds, and everything that is wrong with it."""

from collections.abc import Collection, Mapping
from math import prod
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from maskless.build import build
from maskless.commands.compose import Config
from maskless.commands.objects import build_sources, name_of
from maskless.commands.prepare_slides import index_slides
from maskless.commands.preview import draw
from maskless.commands.progress import tracked
from maskless.data.census import Census, census
from maskless.data.labeller import Labeller
from maskless.data.readers.slides import Slides
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Role, Signal


def run(config: Config) -> None:
    """Print a row a part of the split, draw the first images; list every problem and where to get the set.

    Of whole slides it makes the tile index instead. Raises UserError with the number of problems after they
    are all printed, and for labels that cannot be made of the source.
    """
    source = build_sources(config)[Role.MAIN]
    if isinstance(source, Slides):
        index_slides(source, config)
        return
    console = Console(soft_wrap=True)
    problems = source.problems()
    sentences = [f"problem: {problem}" for problem in problems]
    if not problems:
        labeller = _labeller(config, source)
        source.items("train")  # names the splits there are, if this is none
        split = source.splits()[source.split]
        found = {part: census(source, tracked(split.parts.get(part, ()), part)) for part in _parts(split)}
        console.print(_table(source, split, found))
        if config["output"] or config["preview"]:
            folder = Path(config["output"] or Path("prepared", source.name))
            sentences += draw(source, split, folder, found, labeller)
    sentences += [f"note: {remark}" for remark in _extra(source)]
    sentences += [f"licence: {source.licence}", f"how to get it: {source.how_to_get}"]
    for sentence in sentences:
        console.print(sentence, highlight=False, markup=False)
    if problems:
        raise UserError(f"{source.name} has {len(problems)} problem{'s' * (len(problems) > 1)}, listed above")


def _labeller(config: Config, source: Source) -> Labeller | None:
    """What makes the labels to be drawn: the chosen one, and for a preview of points the usual one."""
    if not config.get("labels"):
        if not config["preview"]:
            return None
        from maskless.data.pseudo_labels import PointLabels  # takes a while, which few need

        return PointLabels() if PointLabels.needs <= source.offers else None
    labeller = build(config["labels"], config["trust"])
    name = name_of(config, "labels")
    if not isinstance(labeller, Labeller):
        raise UserError(f"labels={name} makes no labels: name a class that does in its _target_")
    if missing := labeller.needs - source.offers:
        lacking = " and ".join(sorted(missing))
        raise UserError(
            f"labels={name} needs {lacking}, which {source.name} does not have: choose other labels"
        )
    return labeller


def _extra(source: Source) -> list[str]:
    try:
        return source.extra()
    except UserError:  # without its splits nothing is known to be extra; that is a problem, and listed
        return []


def _parts(split: Split) -> list[str]:
    return [*PARTS, *(part for part in split.parts if part not in PARTS)]


def _table(source: Source, split: Split, found: Mapping[str, Census]) -> Table:
    """A row a part, narrow enough for 80 columns."""
    leaky = " (leaky: a patient stands in more than one part)" if split.leaky else ""
    with_points = Signal.INSTANCES not in source.offers and Signal.POINTS in source.offers
    table = Table(
        "part", "images", "patients", "points" if with_points else "nuclei", "size", "power", "µm/px",
        title=f"{source.name}, split {source.split}{leaky}", title_justify="left",
        box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for part, counted in found.items():
        table.add_row(
            part,
            str(counted.images),
            str(len(counted.patients)),
            _nuclei(counted),
            _sizes(counted),
            _scales(counted.powers, "x"),
            _scales(counted.mpps),
        )
    return table


def _nuclei(counted: Census) -> str:
    """All that are learnt and scored, a line a class, and those outside of what is annotated."""
    if counted.nuclei is None:
        return "unknown"
    lines = [f"{count:,} {word}" for word, count in sorted(counted.classes.items())]
    lines += [f"({counted.outside:,} outside)"] * bool(counted.outside)
    return "\n".join([f"{counted.nuclei:,}", *lines])


def _sizes(counted: Census) -> str:
    """Rows x columns of up to three, the smallest first; of more, the ones of fewest and of most pixels."""
    words = [f"{height}x{width}" for height, width in sorted(counted.sizes, key=prod)]
    lines = words if len(words) <= 3 else [words[0], f"to {words[-1]}"]
    if counted.annotated_px < counted.all_px:
        lines = [*lines, f"{counted.annotated_px / counted.all_px:.0%} annotated"]
    return "\n".join(lines)


def _scales(values: Collection[float | None], unit: str = "") -> str:
    known = sorted(value for value in values if value is not None)
    return ", ".join([*(f"{value:g}{unit}" for value in known), *["unknown"] * (None in values)])
