"""Arrays in; a matplotlib figure, PNG bytes or SVG text out. Nothing is saved here."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from maskless.writers.outlines import outlines

# Okabe and Ito's colours that show on white and on black, told apart with any colour vision; the style of the
# line changes once they are used up.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLES = ("-", "--", ":", "-.")
#: Stands for the colour of the text around a figure, which only the page knows.
_INK = "#010203"


@dataclass(frozen=True)
class Curve:
    """One run's training: the mean loss and the validation AJI of each epoch; nan where there is none."""

    name: str
    loss: Sequence[float]
    val_aji: Sequence[float]


def curves(training: Sequence[Curve]) -> Figure:
    """Loss and validation AJI by epoch side by side, a line a run, with a legend above."""
    with rc_context({"text.color": _INK, "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK}):
        figure = Figure(figsize=(9.6, 3.2 + 0.2 * len(training)), layout="constrained")
        figure.patch.set_alpha(0)
        left, right = figure.subplots(1, 2)
        lines = []
        for k, curve in enumerate(training):
            look: dict[str, Any] = {
                "color": _COLOURS[k % len(_COLOURS)],
                "linestyle": _STYLES[k // len(_COLOURS) % len(_STYLES)],
                "marker": "o" if len(curve.loss) <= 12 else "",
                "markersize": 4,
            }
            lines += left.plot(np.arange(1, len(curve.loss) + 1), curve.loss, **look)
            _plot_measured(right, curve.val_aji, look)
        for axes, label in ((left, "mean training loss"), (right, "mean validation AJI")):
            axes.set_ylabel(label)
            axes.set_xlabel("epoch")
            axes.patch.set_alpha(0)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(color=_INK, alpha=0.15, linewidth=0.6)
            for side, spine in axes.spines.items():
                spine.set_visible(side in ("left", "bottom"))
                spine.set_color(_INK)
        legend = figure.legend(
            lines, [curve.name for curve in training], loc="outside upper left", frameon=False
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def svg(figure: Figure) -> str:
    """A figure as an <svg> element for a page, with text as text, in the colour of the text around it."""
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "maskless"}):
        figure.savefig(
            file, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
        )
    text = file.getvalue().decode()
    element = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return element.replace(_INK, "currentColor")


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """uint8 (H, W, 3), RGB, as the bytes of a PNG file."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def outline_path(instances: npt.NDArray[Any]) -> str:
    """The outlines of `instances`, integers (H, W), 0 = background, as the `d` of one SVG path, in px.

    They are exact, along the sides of the pixels; two touching nuclei share theirs.
    """
    return "".join(
        _ring(shapely.get_coordinates(ring).astype(np.int64))
        for _, shape in outlines(instances)
        for polygon in getattr(shape, "geoms", (shape,))
        for ring in (polygon.exterior, *polygon.interiors)
    )


def middle(shape: tuple[int, int], size_px: int) -> tuple[slice, slice]:
    """The rows and columns of the middle of an image of `shape` (H, W): at most `size_px` of each."""
    (r0, r1), (c0, c1) = (((n - min(n, size_px)) // 2, (n + min(n, size_px)) // 2) for n in shape)
    return slice(r0, r1), slice(c0, c1)


def _plot_measured(axes: Any, values: Sequence[float], look: dict[str, Any]) -> None:
    """A line through the epochs that were validated, however many lie between them."""
    measured = np.asarray(values, dtype=float)
    at = np.flatnonzero(~np.isnan(measured))
    axes.plot(at + 1, measured[at], **look)


def _ring(corners: npt.NDArray[np.int64]) -> str:
    """A closed ring of (x, y) whose sides run along the axes: from its first corner, step by step."""
    steps = np.diff(corners[:-1], axis=0).tolist()
    return f"M{corners[0][0]} {corners[0][1]}" + "".join(f"h{x}" if x else f"v{y}" for x, y in steps) + "z"
