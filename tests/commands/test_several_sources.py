"""A union of sources from a file of the user's own, where commands take a source."""

import json
from pathlib import Path

import pytest
import yaml
from layouts import write_folder

UNION = """# Two sources in one role
_target_: maskless.data.readers.union.Union
sources:
  rendered: {_target_: maskless.data.readers.synthetic.Synthetic, size_px: 64, tiles: {test: 1}}
  mine:
    _target_: maskless.data.readers.folder.Folder
    path: cells
    group: '(.*)_'
    fractions: {train: 0, val: 0, test: 1}
    licence: CC0
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's folder with `dataset=both`, in a working folder with two images of `cells`."""
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "cells", ["p1_a", "p1_b"])
    (tmp_path / "mine" / "dataset").mkdir(parents=True)
    (tmp_path / "mine" / "dataset" / "both.yaml").write_text(UNION)
    return f"--config-dir={tmp_path / 'mine'}"


def test_prepare_shows_what_all_hold_and_what_is_wrong_with_one(cli, own: str, tmp_path: Path) -> None:
    done = cli("prepare", own, "dataset=both", "output=drawn")
    assert done.code == 0
    assert done.out.startswith("rendered+mine, split official+random")
    assert "licence: rendered: Apache-2.0 (rendered by maskless itself); mine: CC0" in done.out
    assert len(list((tmp_path / "drawn").iterdir())) == 3
    (tmp_path / "cells" / "labels" / "p1_a.png").unlink()
    done = cli("prepare", own, "dataset=both")
    assert done.code == 2
    assert "problem: mine: cells has 1 of 2 images without annotation in labels/ (p1_a.png)" in done.out


def test_a_run_scores_every_image_and_finds_them_from_any_folder(
    cli, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("evaluate", own, "method=threshold", "dataset=both").code == 0
    (run,) = (tmp_path / "runs" / "default").iterdir()
    data = json.loads((run / "data.json").read_text())["main"]
    assert data["parts"]["test"] == ["rendered-test-0000", "mine-p1_a", "mine-p1_b"]
    assert data["groups"]["mine-p1_b"] == "mine-p1"
    sources = yaml.safe_load((run / "config.yaml").read_text())["dataset"]["sources"]
    assert sources["mine"]["path"] == str(tmp_path / "cells")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("evaluate", f"run={run}").code == 0
