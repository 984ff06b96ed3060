"""What a panel shows: images of a table, each with its truth and what the run of every row found in it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from maskless.data.derive import complete
from maskless.data.images import read_image, read_labels
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.report.drawings.panel import PanelRow
from maskless.report.drawings.scored_images import chosen, find_source, keeper, label_map, translation
from maskless.report.drawings.tissue import window
from maskless.report.table import Row, Table
from maskless.signals import Sample, Signal
from maskless.writers.overlay import GREEN
from maskless.writers.truth import truth_overlay

#: Of a larger image its middle is shown, or where it is annotated most, so that nuclei can be seen and are of
#: one size in all rows: 128 µm, 512 px at 40x; and as many px where the µm/px is not known.
SHOWN_UM, SHOWN_PX = 128.0, 512
#: Outlines are as wide as a picture's side divided by this, or one pixel.
_LINES_A_SIDE = 256
#: Titles of the columns that every panel begins with.
IMAGE, TRUTH = "image", "truth"


def panel_rows(
    table: Table, count: int, leader: str = "", trust: Sequence[str] = (), data_root: str | None = None
) -> list[PanelRow]:
    """Up to `count` images, chosen by the scores of the row called `leader`, or else of the first one.

    An image that cannot be read any more is left out, as is a prediction that was not kept; `pictures` says
    why. `trust` and `data_root` as in `find_source`.
    """
    measured = [row for row in table.rows if row.runs]
    named = [row for row in measured if row.name == leader] or measured[:1]
    made = []
    for image, _ in (one for row in named for one in chosen(table, row, count)):
        try:
            made.append(_row(table, measured, image, _source(table, measured, image, trust, data_root)))
        except UserError:
            continue
    return [row for row in made if len(row.pictures) > 2]


def _source(
    table: Table, rows: Sequence[Row], image: str, trust: Sequence[str], data_root: str | None
) -> Source:
    """The source of an image, from the first run that has kept its label map."""
    for row in rows:
        if run := keeper(table, row, image):
            return find_source(table, run, trust, data_root)
    raise UserError(f"no label map of {image} was kept")


def _row(table: Table, rows: Sequence[Row], image: str, source: Source) -> PanelRow:
    item = next(item for item in source.items(table.part) if item.id == image)
    sample = complete(source.read(item, source.to_score), source.to_score)
    pixels = sample[Signal.IMAGE]
    region = sample.signals.get(Signal.REGION)
    side_px = round(SHOWN_UM / sample.mpp) if sample.mpp else SHOWN_PX
    shown = window(pixels.shape[:2], side_px, None if region is None or region.all() else region)
    line_px = max(1, round(max(pixels[shown].shape) / _LINES_A_SIDE))
    pictures = {IMAGE: pixels[shown], TRUTH: _truth(sample, line_px)[shown]}
    for row in rows:
        if run := keeper(table, row, image):
            labels = read_labels(label_map(table, run, image), pixels.shape[:2])
            if (file := translation(table, run, image)).is_file():
                pictures[f"translated by {row.name}"] = _translated(file, pixels.shape)[shown]
            pictures[row.name] = outlined(pixels, labels, line_px)[shown]
    return PanelRow(table.source, image, pictures)


def _translated(file: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    picture = read_image(file)
    if picture.shape != shape:
        raise UserError(f"{file} is no translation of an image of {shape[1]} x {shape[0]} px")
    return picture


def _truth(sample: Sample, line_px: int) -> npt.NDArray[np.uint8]:
    region = sample.signals.get(Signal.REGION)
    if Signal.INSTANCES not in sample.signals:
        return truth_overlay(sample[Signal.IMAGE], points=sample[Signal.POINTS], region=region)
    return outlined(truth_overlay(sample[Signal.IMAGE], region=region), sample[Signal.INSTANCES], line_px)


def outlined(
    image: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], line_px: int
) -> npt.NDArray[np.uint8]:
    """A copy of `image`, uint8 (H, W, 3), with the outline of each nucleus of `labels` (H, W), 0 = none.

    Outlines are `line_px` wide and lie inside their nuclei; where the image ends they stay open.
    """
    size = 2 * line_px + 1
    inner = ndimage.minimum_filter(labels, size) == ndimage.maximum_filter(labels, size)
    drawn = image.copy()
    drawn[(labels > 0) & ~inner] = GREEN
    return drawn
