"""The page as a person opens it: from a file, in a real browser, which may reach nothing."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from made_runs import predicted_run
from PIL import Image

from maskless.cli import main

QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
]  # fmt: skip


@pytest.mark.debian("chromium")
def test_the_page_shows_its_tables_and_pictures_without_a_complaint(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    predicted_run(tmp_path / "runs", "threshold")
    predicted_run(tmp_path / "runs", "supervised", lost=1, epochs=3)
    assert main(["compare", "runs=runs", "output=page.html", "images=2"]) == 0
    folders = [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'shown.png'}"]
    shown = subprocess.run(
        ["chromium", *QUIET, *folders, "--window-size=1000,1600", (tmp_path / "page.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert shown.returncode == 0, shown.stderr
    complaints = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    pixels = np.asarray(Image.open(tmp_path / "shown.png").convert("RGB")).reshape(-1, 3)
    # Tissue and outlines have many colours; a page of text alone, or a blank one, has few.
    assert len(np.unique(pixels // 16, axis=0)) > 100
