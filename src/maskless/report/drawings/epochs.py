"""What a training has come to, epoch by epoch: curves side by side, and bands beside those of a prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from maskless.report.drawings.figures import COLOURS, INK, Line, blank, plot

_X_LABEL = "epoch, as in metrics.csv"


@dataclass(frozen=True)
class Panel:
    """Lines over epochs that share an axis, which is logarithmic if `log`."""

    label: str
    lines: Sequence[Line]
    log: bool = False


@dataclass(frozen=True)
class Quartiles:
    """The middle half of a distribution, and its median; nan where there is none."""

    q25: float
    median: float
    q75: float


@dataclass(frozen=True)
class Band:
    """A statistic of predictions at each of `epochs`, beside that of the prior."""

    label: str
    prior: Quartiles
    epochs: Sequence[float]
    predicted: Sequence[Quartiles]


def panels(drawn: Sequence[Panel]) -> Figure:
    """The panels side by side, each with its own legend above it."""
    rows = max(len(panel.lines) for panel in drawn)
    with blank(4.6 * len(drawn), 3.2 + 0.11 * rows) as figure:
        for axes, panel in zip(_row(figure, 1, len(drawn)), drawn, strict=True):
            for k, line in enumerate(panel.lines):
                plot(axes, line.x, line.y, k)[0].set_label(line.name)
            if panel.log:
                axes.set_yscale("log")
            _described(axes, panel.label)
            legend = axes.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, handlelength=3.2, fontsize=8
            )
            for text in legend.get_texts():
                text.set_parse_math(False)
    return figure


def bands(statistics: Sequence[Band]) -> Figure:
    """A panel a statistic: the median of predictions in the band of their middle half, over the prior's.

    The prior's are a dashed line in a grey band, the predictions' a line with markers in a coloured one.
    """
    columns = min(3, len(statistics))
    rows = -(-len(statistics) // columns)
    with blank(3.6 * columns, 0.4 + 2.6 * rows) as figure:
        grid = _row(figure, rows, columns)
        for axes, one in zip(grid, statistics, strict=False):
            axes.axhspan(one.prior.q25, one.prior.q75, color=INK, alpha=0.18, linewidth=0)
            prior = axes.axhline(one.prior.median, color=INK, linestyle="--", linewidth=1.2)
            low, high = ([getattr(at, name) for at in one.predicted] for name in ("q25", "q75"))
            axes.fill_between(one.epochs, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
            (line,) = plot(axes, one.epochs, [at.median for at in one.predicted], 0)
            _described(axes, one.label)
        for axes in grid[len(statistics) :]:
            axes.set_axis_off()
        figure.legend(
            [line, prior], ["predictions", "prior"], loc="outside upper left", ncols=2, frameon=False
        )
    return figure


def _row(figure: Figure, rows: int, columns: int) -> list[Any]:
    return list(figure.subplots(rows, columns, squeeze=False).flat)


def _described(axes: Any, label: str) -> None:
    axes.set(xlabel=_X_LABEL, ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
