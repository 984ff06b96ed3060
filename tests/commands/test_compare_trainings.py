"""What compare shows of a training that learnt from a prior."""

import re

import numpy as np
from made_runs import made_run

from maskless.writers.sheet import sheet_png


def test_the_page_has_sheets_of_the_training_and_the_statistics_of_the_prior(cli, tmp_path):
    run = made_run(tmp_path, "gan", scores={"1": {"aji": 0.5}}, epochs=2)
    folder = run.path / "figures" / "sheets"
    folder.mkdir(parents=True)
    for epoch in (0, 5, 10, 15, 19):
        png = sheet_png({"t": np.full((1, 8, 8), epoch, np.uint8)})
        (folder / f"gan-epoch-{epoch:04}.png").write_bytes(png)
    for which, epoch, step in (("prior", "", 0), ("predicted", 0, 1)):
        numbers = {"q25": 1, "median": 2, "q75": 3, "distance_to_prior": 0.25}
        about = {"stage": "gan", "epoch": epoch, "step": step, "which": which}
        run.add_prior_statistics([{**about, "statistic": "nuclei_per_mm2", **numbers}])
    page = tmp_path / "report.html"
    done = cli("compare", f"runs={run.path}", f"output={page}")
    assert done.code == 0, done
    text = page.read_text()
    assert re.findall(r'alt="([^"]*)"', text) == [
        f"gan, epoch {epoch}: what it made of samples it learns from" for epoch in (0, 10, 19)
    ]
    assert "<h4>Prior and predictions</h4>" in text
    assert "nuclei per mm²: 0.25 to 0.25." in text
