"""maskless prepare: what a source holds, and everything that is wrong with it."""

import numpy as np
from rich.console import Console
from rich.table import Table

from maskless.commands.compose import Config
from maskless.commands.objects import build_sources
from maskless.commands.progress import tracked
from maskless.data.source import PARTS, Source
from maskless.errors import UserError
from maskless.signals import Role, Signal


def run(config: Config) -> None:
    """Print a row a part of the split; list every problem and where to get the set.

    Raises UserError with the number of problems after they are all printed.
    """
    source = build_sources(config)[Role.MAIN]
    console = Console(soft_wrap=True)
    problems = source.problems()
    sentences = [f"problem: {problem}" for problem in problems]
    if not problems:
        console.print(_table(source))
    sentences += [f"note: {remark}" for remark in _extra(source)]
    sentences += [f"licence: {source.licence}", f"how to get it: {source.how_to_get}"]
    for sentence in sentences:
        console.print(sentence, highlight=False, markup=False)
    if problems:
        raise UserError(f"{source.name} has {len(problems)} problem{'s' * (len(problems) > 1)}, listed above")


def _extra(source: Source) -> list[str]:
    try:
        return source.extra()
    except UserError:  # without its splits nothing is known to be extra; that is a problem, and listed
        return []


def _table(source: Source) -> Table:
    source.items("train")  # names the splits there are, if this is none
    split = source.splits()[source.split]
    leaky = " (leaky: a patient stands in more than one part)" if split.leaky else ""
    table = Table(
        "part", "images", "patients", "nuclei", "size", "power", "µm/px",
        title=f"{source.name}, split {source.split}{leaky}",
    )  # fmt: skip
    parts = [*PARTS, *(part for part in split.parts if part not in PARTS)]
    for part in parts:
        items = split.parts.get(part, ())
        nuclei, sizes = 0, set()
        wanted = [signal for signal in (Signal.IMAGE, Signal.INSTANCES) if signal in source.offers]
        for item in tracked(items, part):
            sample = source.read(item, wanted)
            sizes.add("x".join(map(str, sample[Signal.IMAGE].shape[:2])))
            if Signal.INSTANCES in wanted:
                nuclei += int(np.count_nonzero(np.unique(sample[Signal.INSTANCES])))
        table.add_row(
            part,
            str(len(items)),
            str(len({item.group for item in items})),
            f"{nuclei:,}" if Signal.INSTANCES in wanted else "unknown",
            _few(sorted(sizes)),
            "unknown" if source.power is None else f"{source.power:g}x",
            "unknown" if source.mpp is None else f"{source.mpp:g}",
        )
    return table


def _few(words: list[str]) -> str:
    return ", ".join(words) if len(words) <= 3 else f"{len(words)} sizes, {words[0]} to {words[-1]}"
