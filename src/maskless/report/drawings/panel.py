"""A panel for print: a row an image, a column a method. Arrays in, a matplotlib figure out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten, wrap
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

#: Width of a picture: one of 512 px is then printed pixel by pixel at 300 to the inch.
_WIDTH_IN = 512 / 300
_GAP_IN = 0.04
_LINE_IN = 0.13
_TITLE_PT, _NAME_PT = 8, 6
#: Letters of these sizes that fit in a line above a picture of that width, and beside one an inch high.
_TITLE_LETTERS, _NAME_LETTERS_AN_IN = 25, 20


@dataclass(frozen=True)
class PanelRow:
    """What is shown of one image: pictures by the titles of their columns, uint8 (H, W, 3), RGB, of one size.

    Named at the side by the image's name, and above that by where it is from.
    """

    source: str
    image: str
    pictures: Mapping[str, npt.NDArray[np.uint8]]


def panel(rows: Sequence[PanelRow]) -> Figure:
    """The rows below each other; columns stand in the order in which the rows first have them.

    What a row does not have is left white. Raises ValueError if there is no row, or one without pictures.
    """
    columns = list(dict.fromkeys(title for row in rows for title in row.pictures))
    shapes = [next(iter(row.pictures.values()), np.zeros((0, 0))).shape for row in rows]
    if not columns or not all(shape[0] for shape in shapes):
        raise ValueError("a panel needs rows, and each of them a picture")
    titles = [wrap(title, _TITLE_LETTERS) for title in columns]
    heights_in = [_WIDTH_IN * shape[0] / shape[1] for shape in shapes]
    left_in = 2 * _LINE_IN + _GAP_IN
    top_in = _LINE_IN * max(map(len, titles)) + 2 * _GAP_IN
    width_in = left_in + len(columns) * (_WIDTH_IN + _GAP_IN)
    height_in = top_in + sum(heights_in) + _GAP_IN * len(rows)
    figure = Figure(figsize=(width_in, height_in), facecolor="white")

    def write(x_in: float, down_in: float, text: str, size: int, **how: Any) -> None:
        place = x_in / width_in, 1 - down_in / height_in
        figure.text(*place, text, fontsize=size, ha="center", parse_math=False, **how)

    down_in = top_in
    for row, high_in in zip(rows, heights_in, strict=True):
        letters = max(8, int(_NAME_LETTERS_AN_IN * high_in))
        for k, text in enumerate((row.source, row.image)):
            shown = shorten(text, letters, placeholder="…") if " " in text else _cut(text, letters)
            write((k + 0.5) * _LINE_IN, down_in + high_in / 2, shown, _NAME_PT, va="center", rotation=90)
        for k, title in enumerate(columns):
            if title in row.pictures:
                x_in = left_in + k * (_WIDTH_IN + _GAP_IN)
                place = (x_in / width_in, 1 - (down_in + high_in) / height_in)
                axes = figure.add_axes((*place, _WIDTH_IN / width_in, high_in / height_in))
                axes.imshow(row.pictures[title], aspect="auto")
                axes.set_axis_off()
        down_in += high_in + _GAP_IN
    for k, lines in enumerate(titles):
        middle_in = left_in + k * (_WIDTH_IN + _GAP_IN) + _WIDTH_IN / 2
        write(middle_in, top_in - _GAP_IN, "\n".join(lines), _TITLE_PT, va="bottom")
    return figure


def _cut(text: str, letters: int) -> str:
    """The text, or its beginning and its end."""
    return text if len(text) <= letters else f"{text[: letters // 2]}…{text[-(letters // 2 - 1) :]}"
