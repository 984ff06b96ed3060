import dataclasses
from math import inf, nan

import numpy as np
import pytest
from made_runs import made_run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_figures import texts_of

from maskless.errors import UserError
from maskless.report.drawings.epochs import Band, Panel, Quartiles, bands, panels
from maskless.report.drawings.figures import Line, svg
from maskless.report.drawings.trainings import of_training
from maskless.report.results import read_result


def gan(tmp_path, **statistics):
    """A run of three epochs that has learnt from a prior."""
    run = made_run(tmp_path, "gan", scores={"1": {"aji": 0.5}})
    for epoch in range(3):
        run.add_metrics(
            {"stage": "gan", "epoch": epoch, "step": epoch + 1, "loss": 3 - epoch, "loss_g": 1,
             "d_s_real": 0.9, "norm_s": [inf, 10, 0][epoch], "val_dice": 0.5}
        )  # fmt: skip
    for which, epoch, step in (("prior", "", 0), ("predicted", 0, 1), ("predicted", 1, 2)):
        run.add_prior_statistics(
            [
                {"stage": "gan", "epoch": epoch, "step": step, "which": which, "statistic": name, "mean": 1,
                 "q25": 1, "median": 2 + step, "q75": 3, "distance_to_prior": "" if step == 1 else 5}
                | statistics
                for name in ("nuclei_per_mm2", "area_um2")
            ]
        )  # fmt: skip
    return run


def test_a_training_with_a_prior_has_its_losses_and_its_masks_beside_the_prior(tmp_path):
    losses, prior = of_training(read_result(gan(tmp_path)))
    assert {"loss", "loss_g", "d_s_real", "norm_s"} <= set(texts_of(losses.svg))
    assert "val_dice" not in texts_of(losses.svg)
    assert {"nuclei per mm²", "area, µm²", "predictions", "prior"} <= set(texts_of(prior.svg))
    assert "nuclei per mm²: not defined to 5; area, µm²: not defined to 5." in prior.caption


def test_a_training_without_a_prior_has_none_of_it(tmp_path):
    assert of_training(read_result(made_run(tmp_path, "supervised", epochs=3))) == []


def test_statistics_before_the_first_epoch_is_over_are_no_figure(tmp_path):
    read = read_result(gan(tmp_path))
    read = dataclasses.replace(read, prior_statistics=read.prior_statistics[:2])
    assert [chart.title for chart in of_training(read)] == ["Losses and discriminators"]


def test_statistics_that_are_no_numbers_name_their_file(tmp_path):
    run = gan(tmp_path, median="much")
    with pytest.raises(UserError, match=r"prior_statistics\.csv cannot be read"):
        read_result(run)


def test_lines_are_drawn_at_their_epochs_each_with_its_name():
    figure = panels(
        [
            Panel("loss", [Line("loss", [4, 5], [2, 1]), Line("_l$g$", [4, 5], [1, 1])]),
            Panel("norm", [Line("n", [4, 5], [nan, 7])], log=True),
        ]
    )
    loss, norm = figure.axes
    assert [line.get_xdata().tolist() for line in loss.lines] == [[4, 5], [4, 5]]
    assert [line.get_ydata().tolist() for line in norm.lines] == [[7]]
    assert (loss.get_yscale(), norm.get_yscale()) == ("linear", "log")
    assert "loss" in texts_of(svg(figure))
    FigureCanvasAgg(figure).draw()
    box, inside = loss.get_legend().get_window_extent(), loss.get_window_extent()
    assert box.y0 >= inside.y1 - 1
    assert box.y1 <= figure.bbox.y1


def test_bands_lie_between_the_quartiles():
    prior = Quartiles(1, 2, 4)
    predicted = [Quartiles(0, 1, 5), Quartiles(nan, nan, nan), Quartiles(2, 3, 4)]
    figure = bands([Band(f"s{k}", prior, [0, 1, 2], predicted) for k in range(4)])
    axes = figure.axes[0]
    assert len(figure.axes) == 6
    assert [one.axison for one in figure.axes] == [True] * 4 + [False] * 2
    span = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (span.y0, span.y1) == (pytest.approx(1), pytest.approx(4))
    median, line = axes.lines
    assert set(median.get_ydata()) == {2}
    assert line.get_xdata().tolist() == [0, 2]
    assert line.get_ydata().tolist() == [1, 3]
    corners = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    assert (corners[:, 1].min(), corners[:, 1].max()) == (0, 5)
    assert "currentColor" in svg(figure)
