"""Arrays in, a matplotlib figure out: plots to be printed, in colour or without. Nothing is saved."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's colours that show on white and on black, told apart with any colour vision. Every line also
# has a style and a marker of its own, for those who see or print no colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLES = ("-", "--", "-.", (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Stands for the colour of the text around a figure, which only the page knows.
INK = "#010203"
#: Names beside points stand at least this far apart, as a share of the height of the axes.
_NAME_APART = 0.055
#: Height of a line of a legend, in.
_LEGEND_LINE_IN = 0.215


@dataclass(frozen=True)
class Curve:
    """One run's training: the mean loss and the validation AJI of each epoch; nan where there is none."""

    name: str
    loss: Sequence[float]
    val_aji: Sequence[float]


@dataclass(frozen=True)
class Line:
    """One method's values `y` at `x`."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Point:
    """One method's score. `at` is the number of its group, from 0; `std` is None where it is not known."""

    name: str
    at: int
    mean: float
    std: float | None
    printed: bool = False


def curves(training: Sequence[Curve]) -> Figure:
    """Loss and validation AJI by epoch side by side, a line a run, with a legend above."""
    with blank(9.6, 3.4 + _LEGEND_LINE_IN * len(training)) as figure:
        left, right = figure.subplots(1, 2)
        drawn = []
        for k, curve in enumerate(training):
            drawn += plot(left, np.arange(1, len(curve.loss) + 1), curve.loss, k)
            plot(right, np.arange(1, len(curve.val_aji) + 1), curve.val_aji, k)
        for axes, label in ((left, "mean training loss"), (right, "mean validation AJI")):
            axes.set_ylabel(label)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(figure, drawn, [curve.name for curve in training], "outside upper left")
    return figure


def by_threshold(lines: Sequence[Line], x_label: str, y_label: str) -> Figure:
    """A line a method over IoU thresholds, named at the side, in the order in which the lines begin."""
    with blank(8.4, max(4.2, 0.3 + _LEGEND_LINE_IN * len(lines))) as figure:
        axes = figure.subplots()
        order = sorted(lines, key=lambda line: -line.y[0])
        drawn = [plot(axes, line.x, line.y, k)[0] for k, line in enumerate(order)]
        axes.set(xlabel=x_label, ylabel=y_label)
        axes.set_ylim(bottom=0)
        _legend(figure, drawn, [line.name for line in order], "outside right upper")
    return figure


def by_group(points: Sequence[Point], groups: Sequence[str], y_label: str) -> Figure:
    """Every method's score above its group, with its name beside it: filled if measured, hollow if printed.

    Bars are one standard deviation to each side.
    """
    names = max((sum(point.at == at for point in points) for at in range(len(groups))), default=0)
    taller = max(1.0, names * _NAME_APART)  # so that all names of a group stand above each other
    with blank(9.6, 4.6 * taller) as figure:
        axes = figure.subplots()
        low, high = _limits(points)
        for at in range(len(groups)):
            inside = sorted((point for point in points if point.at == at), key=lambda point: point.mean)
            names_at = _apart(
                [point.mean for point in inside], _NAME_APART / taller * (high - low), low, high
            )
            for k, (point, name_at) in enumerate(zip(inside, names_at, strict=True)):
                x = at - 0.36 + 0.05 * (k % 3)  # so that the bars of near neighbours do not hide each other
                _point(axes, x, point)
                axes.plot([x + 0.035, at - 0.19], [point.mean, name_at], color=INK, alpha=0.35, lw=0.6)
                axes.text(at - 0.18, name_at, point.name, va="center", fontsize=8, parse_math=False)
        for at in range(1, len(groups)):
            axes.axvline(at - 0.5, color=INK, alpha=0.15, linewidth=0.6)
        axes.set(xlim=(-0.5, len(groups) - 0.5), ylim=(low, high), ylabel=y_label)
        axes.set_xticks(range(len(groups)), groups)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        keys = {point.printed: point for point in points}
        drawn = [_point(axes, -9, keys[printed]) for printed in sorted(keys)]
        words = [("measured", "printed")[printed] for printed in sorted(keys)]
        _legend(figure, drawn, words, "outside upper left")
    return figure


def distributions(scores: Sequence[tuple[str, Sequence[float]]], x_label: str) -> Figure:
    """The scores of all images of each method: every one as a point, over a box of quartiles and the mean.

    From the top in the order of `scores`, (name, values). Whiskers reach the outermost score within 1.5
    times the height of the box.
    """
    line, median = ({"color": INK, "linewidth": width} for width in (0.9, 2.2))
    mean = {"marker": "D", "markerfacecolor": COLOURS[1], "markeredgecolor": INK, "markersize": 6}
    with blank(8.4, 1.2 + 0.62 * len(scores)) as figure:
        axes = figure.subplots()
        for k, (_, values) in enumerate(scores):
            # Multiples of the golden ratio spread any number of points evenly, and alike every time.
            lift = 0.32 * ((np.arange(len(values)) * 0.6180339887) % 1 - 0.5)
            axes.boxplot(
                [values], positions=[k], orientation="horizontal", widths=0.6, showfliers=False,
                showmeans=True, boxprops=line, whiskerprops=line, capprops=line, medianprops=median,
                meanprops=mean,
            )  # fmt: skip
            axes.scatter(values, k + lift, s=20, color=COLOURS[0], alpha=0.8, linewidths=0, zorder=1.5)
        axes.set_yticks(range(len(scores)), [name for name, _ in scores])
        for label in axes.get_yticklabels():
            label.set_parse_math(False)
        axes.set(xlabel=x_label, ylim=(len(scores) - 0.5, -0.5))
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
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
    # Groups are numbered from 1 in every figure, and a page has several.
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    return element.replace(INK, "currentColor")


def png(figure: Figure, dpi: float) -> bytes:
    """A figure as the bytes of a PNG, alike every time."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


@contextmanager
def blank(width_in: float, height_in: float) -> Iterator[Figure]:
    """A figure to draw on, that takes the look of all of them once it is drawn."""
    with rc_context({"text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        figure.patch.set_alpha(0)
        with rc_context({"axes.grid": True, "grid.color": INK, "grid.alpha": 0.15, "grid.linewidth": 0.6}):
            yield figure
        for axes in figure.axes:
            axes.patch.set_alpha(0)
            axes.set_axisbelow(True)
            for side, spine in axes.spines.items():
                spine.set_visible(side in ("left", "bottom"))
                spine.set_color(INK)


def plot(axes: Any, x: npt.ArrayLike, y: npt.ArrayLike, k: int) -> list[Any]:
    """The line of number `k`, in a look of its own, through what is defined, however much lies between."""
    at, values = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    measured = np.flatnonzero(~np.isnan(values))
    every = max(1, len(measured) // 10)
    drawn: list[Any] = axes.plot(
        at[measured],
        values[measured],
        color=COLOURS[k % len(COLOURS)],
        linestyle=_STYLES[(k + k // 12) % len(_STYLES)],
        marker=_MARKERS[k % len(_MARKERS)],
        markevery=(k % every, every),
        markersize=5,
        linewidth=1.6,
    )
    return drawn


def _point(axes: Any, x: float, point: Point) -> Any:
    colour = COLOURS[1] if point.printed else COLOURS[0]
    return axes.errorbar(
        [x], [point.mean], yerr=None if point.std is None else [point.std], color=colour, capsize=2.5,
        elinewidth=1, marker="s" if point.printed else "o", markersize=7, linestyle="none",
        markerfacecolor="none" if point.printed else colour, markeredgewidth=1.5,
    )  # fmt: skip


def _limits(points: Sequence[Point]) -> tuple[float, float]:
    """What the points reach with their bars, and some space."""
    ends = [point.mean + sign * (point.std or 0) for point in points for sign in (-1, 1)]
    space = 0.06 * (max(ends) - min(ends)) or 0.1
    return min(ends) - space, max(ends) + space


def _apart(values: Sequence[float], gap: float, low: float, high: float) -> npt.NDArray[np.float64]:
    """The values, rising, moved as little as is needed to stand `gap` apart between `low` and `high`."""
    # What stands `gap` apart is rising once k * gap is taken off. Means of neighbours that are not (the
    # pool of adjacent violators) are the nearest rising values there are.
    pools: list[tuple[float, int]] = []
    for k, value in enumerate(values):
        pools.append((value - k * gap, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools.pop(-2), pools.pop()
            pools.append(((a * m + b * n) / (m + n), m + n))
    rising = np.concatenate([np.full(n, mean) for mean, n in pools]) if pools else np.zeros(0)
    lowest = low + gap / 2
    highest = max(high - gap / 2 - (len(values) - 1) * gap, lowest)
    return np.clip(rising, lowest, highest) + gap * np.arange(len(values))


def _legend(figure: Figure, drawn: Sequence[Any], names: Sequence[str], where: Any) -> None:
    """Outside the axes, where it covers nothing."""
    legend = figure.legend(drawn, names, loc=where, frameon=False, handlelength=3.2)
    for text in legend.get_texts():
        text.set_parse_math(False)
