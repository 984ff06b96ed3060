"""Pictures of the first images of a source: with their truth, and with labels for training."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.atomic import write_atomically
from maskless.commands.progress import tracked
from maskless.data.census import Census, count
from maskless.data.labelled import labelled
from maskless.data.labeller import Labeller
from maskless.data.source import PARTS, Source, Split
from maskless.errors import UserError
from maskless.signals import Sample, Signal
from maskless.writers.caption import captioned
from maskless.writers.label_picture import label_picture
from maskless.writers.overlay import Colour
from maskless.writers.truth import COLOURS, colour_names, truth_overlay

#: So many images of each part are drawn.
_DRAWN = 4
#: What can be drawn; what the source lacks is left out.
_DRAWABLE = (Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES, Signal.REGION)


def draw(
    source: Source, split: Split, folder: Path, found: Mapping[str, Census], labeller: Labeller | None
) -> list[str]:
    """PNGs of the first images of each part, and what was drawn how, in sentences.

    PART_ID.png has the truth, with counts by class below it; with a `labeller`, PART_ID_labels.png the labels
    that it makes. `found` has the classes there are. Raises UserError if the folder cannot be made or written
    to.
    """
    colours = colour_names([word for counted in found.values() for word in counted.classes])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to output={folder}: choose another folder") from error
    items = [(part, item) for part in PARTS for item in split.parts.get(part, ())[:_DRAWN]]
    for part, item in tracked(items, "drawing"):
        sample = source.read(item, source.offers_of(item) & {Signal.IMAGE, *_DRAWABLE})
        _write(folder / f"{part}_{item.id}.png", _truth(sample, colours))
        if labeller is not None and labeller.needs <= sample.signals.keys():
            _write(folder / f"{part}_{item.id}_labels.png", _labels(sample, labeller))
    legend = ", ".join(f"{word} {colour}" for word, colour in colours.items())
    said = [f"drawn: {len(items)} images with their truth in {folder}" + (f" ({legend})" if legend else "")]
    if labeller is not None:
        said.append(
            f"drawn: beside them, in ..._labels.png, what {type(labeller).__name__} makes of them "
            "(nucleus green, background red, ignored black)"
        )
    return said


def _truth(sample: Sample, colours: Mapping[str, str]) -> NDArray[np.uint8]:
    truth = {str(signal): sample[signal] for signal in _DRAWABLE if signal in sample.signals}
    image = sample.signals.get(Signal.IMAGE)
    if image is None:  # masks alone, on black
        image = np.zeros((*sample[Signal.MASK].shape, 3), np.uint8)
    return captioned(truth_overlay(image, **truth, colours=colours), _counts(sample, colours))


def _counts(sample: Sample, colours: Mapping[str, str]) -> list[tuple[str, Colour | None]]:
    """What was understood of an image, a line each: its nuclei, those of each class, those outside of what is
    annotated, and how much of it that is; with the colour that they are drawn in."""
    lines: list[tuple[str, Colour | None]] = []
    if nuclei := count(sample):
        what = "nuclei" if Signal.INSTANCES in sample.signals else "points"
        lines.append((f"{nuclei.inside:,} {what}", None))
        lines += [(f"{n:,} {word}", COLOURS[colours[word]]) for word, n in sorted(nuclei.classes.items())]
        lines += [(f"{nuclei.outside:,} outside", None)] * bool(nuclei.outside)
    elif Signal.MASK in sample.signals:
        lines.append((f"{sample[Signal.MASK].mean():.0%} nucleus", None))
    if Signal.REGION in sample.signals and not sample[Signal.REGION].all():
        lines.append((f"{sample[Signal.REGION].mean():.0%} annotated", None))
    return lines


def _labels(sample: Sample, labeller: Labeller) -> NDArray[np.uint8]:
    """As they are learnt: nothing is said outside the region in which the annotation is complete."""
    return label_picture(sample[Signal.IMAGE], labelled(labeller, sample.signals)[Signal.LABELS])


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    _, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_atomically(path, png.tobytes())
