"""The notebooks run from top to bottom, and are stored without what they gave."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
#: What a notebook may take of a processor.
MOST_S = 60.0


def cells(name: str) -> list[dict[str, Any]]:
    notebook = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_no_output_is_stored(name: str) -> None:
    assert cells(name)
    for cell in cells(name):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Run a notebook cell by cell in one namespace, as a kernel does; what a cell ends in is not shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plt.switch_backend("Agg")

    def run(name: str) -> dict[str, Any]:
        began, names = time.process_time(), {"__name__": "__main__"}
        for number, cell in enumerate(cells(name)):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        assert time.process_time() - began < MOST_S
        return names

    yield run
    plt.close("all")


def test_own_images_and_clicks_are_enough_to_compare_two_segmenters(executed: Any) -> None:
    names = executed("clicks.ipynb")
    assert len(names["previews"]) == 3
    preview = np.asarray(Image.open(names["previews"][0]))
    assert (preview == (0, 255, 0)).all(axis=2).sum() > 100  # clicks, drawn
    assert names["nuclei"].shape == names["image"].shape[:2] == (160, 160)
    assert set(names["found"]) == {"rendered-ihc", "threshold"}
    recall = names["scores"].query("metric == 'point_recall'").groupby("of")["value"].mean()
    assert recall["rendered-ihc"] > 0.5
    assert (names["work"] / "report.html").is_file()
    assert len(plt.get_fignums()) == 3


def test_two_folders_of_images_become_nuclei(executed: Any) -> None:
    names = executed("two_stains.ipynb")
    assert names["nuclei"].shape == names["image"].shape[:2] == (128, 128)
    assert names["translation"].shape == names["image"].shape
    assert set(zip(names["structure"]["before"], names["structure"]["after"], strict=True)) == {
        ("truth", "input"),
        ("truth", "translation"),
        ("input", "translation"),
    }
    assert len(plt.get_fignums()) == 2
    made = {path.name for path in (names["work"] / "out").iterdir()}
    assert made >= {"train-0000.tif", "train-0000.csv", "train-0000_steps.png"}


def test_a_slide_becomes_nuclei(executed: Any) -> None:
    """Of the real slide where it is, else of a rendered one."""
    names = executed("slide.ipynb")
    assert set(names["tiles"]["power"]) == {10, 20}
    nuclei, left, top, side = (names[name] for name in ("nuclei", "left", "top", "side"))
    assert len(nuclei) > 100
    assert nuclei["col"].between(left - 1, left + side).all()
    assert nuclei["row"].between(top - 1, top + side).all()
    shown = set(np.unique(names["found"])) - {0}
    assert shown == set(nuclei["id"])
    assert len(plt.get_fignums()) == 4
    made = {path.name for path in (names["work"] / "out").iterdir()}
    assert made >= {"slide.parquet", "slide.geojson.gz", "slide.ome.zarr", "slide_density.png"}
