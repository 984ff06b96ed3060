"""The charts of one training: its losses, what its discriminators say, and predictions beside the prior."""

from collections.abc import Sequence
from math import inf, isfinite, nan

from maskless.report.drawings.charts import Chart
from maskless.report.drawings.epochs import Band, Panel, Quartiles, bands, panels
from maskless.report.drawings.figures import Line, svg
from maskless.report.results import PriorRow, Result

#: Of logged values by how their names begin: what a panel of them is called, and if its axis is logarithmic.
_PANELS = {
    "loss": ("mean training loss", False),
    "d_": ("mean output of a discriminator", False),
    "norm_": ("mean norm of the gradient", True),
}
_WORDS = {
    "nuclei_per_mm2": "nuclei per mm²",
    "nuclei_per_10000_px": "nuclei per 10,000 px",
    "area_um2": "area, µm²",
    "area_px": "area, px",
    "neighbour_distance_um": "nearest nucleus, µm",
    "neighbour_distance_px": "nearest nucleus, px",
    "nucleus_share": "share of nucleus pixels",
    "eccentricity": "eccentricity",
}


def of_training(result: Result) -> list[Chart]:
    """Losses and discriminators by epoch, and predictions beside the prior, of a run that has learnt from
    masks of a prior; nothing of other runs."""
    if not result.prior_statistics:
        return []
    return [chart for chart in (_losses(result), _beside_the_prior(result.prior_statistics)) if chart]


def _losses(result: Result) -> Chart | None:
    names = list(dict.fromkeys(name for row in result.epochs for name in row))
    drawn = []
    for start, (label, log) in _PANELS.items():
        lines = [_line(result, name, log) for name in names if name.startswith(start)]
        if lines:
            drawn.append(Panel(label, lines, log))
    if not drawn:
        return None
    return Chart(
        "Losses and discriminators",
        svg(panels(drawn)),
        "A discriminator that tells made from real without fail is near 1 for what is real and 0 for what is "
        "made; one that cannot tell them apart is near 0.5 for both.",
    )


def _line(result: Result, name: str, positive: bool) -> Line:
    """A logged value by epoch; what is infinite, or cannot be on a logarithmic axis, is left out."""
    least = 0 if positive else -inf
    x = [row.get("epoch", nan) for row in result.epochs]
    y = [row.get(name, nan) for row in result.epochs]
    return Line(name, x, [value if isfinite(value) and value > least else nan for value in y])


def _beside_the_prior(rows: Sequence[PriorRow]) -> Chart | None:
    found, apart = [], []
    for name in dict.fromkeys(row.statistic for row in rows):
        prior = [row for row in rows if row.statistic == name and row.which == "prior"]
        predicted = [row for row in rows if row.statistic == name and row.which == "predicted"]
        if not prior or not predicted:
            continue
        word = _WORDS.get(name, name)
        epochs = [row.epoch for row in predicted]
        found.append(Band(word, _quartiles(prior[0]), epochs, [_quartiles(row) for row in predicted]))
        first, last = predicted[0].distance_to_prior, predicted[-1].distance_to_prior
        apart.append(f"{word}: {_number(first)} to {_number(last)}")
    if not found:
        return None
    return Chart(
        "Prior and predictions",
        svg(bands(found)),
        "Median and middle half over the masks, or over all their nuclei, of the prior and of what is "
        "predicted for crops of the training images. Wasserstein distance of the two distributions, from the "
        f"first epoch to the last: {'; '.join(apart)}.",
    )


def _quartiles(row: PriorRow) -> Quartiles:
    return Quartiles(row.q25, row.median, row.q75)


def _number(value: float) -> str:
    return f"{value:.3g}" if isfinite(value) else "not defined"
