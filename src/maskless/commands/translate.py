"""maskless translate: the images of a source in the other stain, with what is drawn on them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from maskless.commands.compose import Config
from maskless.commands.objects import build_hardware, build_sources, refuse_problems
from maskless.commands.progress import tracked
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.inference.records import unwritable
from maskless.loading import as_segmenter, load_stage
from maskless.methods.translation import Translation
from maskless.runs import Run
from maskless.segmenter import MapSegmenter
from maskless.signals import Item, Role, Sample, Signal
from maskless.translated import translate
from maskless.writers.fields import write_field, write_splits


def run(config: Config) -> None:
    """Translate every image of the source's split; write them as a folder, which is there when it is whole.

    Raises UserError if `translator=` is no run of a translation, if there is no source, and if the output is
    there already.
    """
    output = Path(config["output"])
    if output.exists():
        raise UserError(f"output={output} is there already: choose a new folder")
    sources = build_sources(config)
    if Role.MAIN not in sources:
        raise UserError("name what to translate: dataset=...")
    source = sources[Role.MAIN]
    refuse_problems([source])
    translator, mpp = _translator(config)
    source.items("train")  # names the splits there are, if this is none
    parts = _each_once(source.splits()[source.split].parts)
    items = [item for of_part in parts.values() for item in of_part]
    wanted = {Signal.IMAGE, *_drawn(source)}
    unfinished = output.with_name(f".{output.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for item in tracked(items, "translate", len(items), config["progress"]):
            sample = source.read(item, wanted)
            made = translate(translator, sample[Signal.IMAGE], sample.mpp)
            with _writing(output):
                write_field(
                    unfinished, item.id, _spacing(sample, mpp), {**sample.signals, Signal.IMAGE: made}
                )
        with _writing(output):
            write_splits(unfinished, parts)
            unfinished.replace(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(f"{len(items)} images written to {output}")
    print(f"to train on them: maskless train dataset=folder dataset.path={output}")


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    """Inside, whatever the system refuses is told of the folder that is written."""
    try:
        yield
    except OSError as error:
        raise unwritable(output, error) from error


def _each_once(parts: Mapping[str, Sequence[Item]]) -> dict[str, list[Item]]:
    """The parts, and of an image that is in several, as where one validates on the test images, the first."""
    seen: set[str] = set()
    kept: dict[str, list[Item]] = {}
    for part, items in parts.items():
        kept[part] = [item for item in items if item.id not in seen]
        seen |= {item.id for item in items}
    return {part: items for part, items in kept.items() if items}


def _translator(config: Config) -> tuple[MapSegmenter, float | None]:
    """What translates, either way, and the µm/px that it was trained at."""
    run = Run.open(config["translator"])
    stage = load_stage(run, config["trust"])
    if not isinstance(stage, Translation):
        raise UserError(f"translator={run.path} is no run of method=translation")
    stage.then = None
    if config["back"]:
        stage.turn_round()
    segmenter = as_segmenter(stage, build_hardware(config), run.config.get("mpp"))
    assert isinstance(segmenter, MapSegmenter)
    return segmenter, run.config.get("mpp")


def _drawn(source: Source) -> list[Signal]:
    """What is kept of the annotation: of what follows from another, the other alone."""
    offered = source.offers
    for kept in ([Signal.INSTANCES], [Signal.POINTS, Signal.CLASSES], [Signal.MASK]):
        if kept[0] in offered:
            return [signal for signal in (*kept, Signal.REGION) if signal in offered]
    return []


def _spacing(sample: Sample, trained: float | None) -> float | None:
    """An image without a known µm/px is taken to have the translator's."""
    return sample.mpp if sample.mpp is not None else trained
