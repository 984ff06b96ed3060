"""A translator and a segmenter, scored together: what it is called, what it has cost, and what it leaves."""

import json
import shutil
from pathlib import Path

import yaml

TISSUE = (
    "dataset=synthetic",
    "dataset.stain=ki67",
    "dataset.size_px=64",
    "dataset.tiles={train: 2, val: 1, test: 1}",
)
TARGET = ("target=synthetic", "target.size_px=64", "target.tiles={train: 2}")


def test_a_translated_segmenter_is_named_and_costs_as_its_parts_and_says_what_it_has_kept(
    cli, trained: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    of_masks = Path(shutil.copytree(trained, tmp_path / "he"))
    about = json.loads((of_masks / "run.json").read_text())
    (of_masks / "run.json").write_text(json.dumps({**about, "annotation": "full masks"}))

    words = ("method=translation", "preset=tiny", "schedule.epochs=1", "schedule.steps=1", *TISSUE, *TARGET)
    done = cli("train", *words, f"segmenter={of_masks}", "progress=false")
    assert done.code == 0, done.err
    (translator,) = (tmp_path / "runs" / "default").iterdir()
    done = cli(
        "evaluate", f"translator={translator}", "segmenter=rendered-he", *TISSUE, "study=b", "progress=false"
    )
    assert done.code == 0, done.err
    assert done.out.count("structure: of ") == 3
    (together,) = (tmp_path / "runs" / "b").iterdir()
    assert cli("evaluate", f"run={translator}", "progress=false").code == 0

    for run, segmenter, cost in (
        (translator, "supervised", "masks of another stain"),
        (together, "rendered-he", "none"),
    ):
        choices = yaml.safe_load((run / "config.yaml").read_text())["choices"]
        assert (choices["method"], choices["segmenter"]) == ("translation", segmenter)
        assert json.loads((run / "run.json").read_text())["annotation"] == cost
        lines = [line.split(",") for line in (run / "structure.csv").read_text().splitlines()]
        assert [words[1:5] for words in lines if words[2] == "test"] == [
            ["test-0000", "test", "truth", "input"],
            ["test-0000", "test", "truth", "translation"],
            ["test-0000", "test", "input", "translation"],
        ]
        assert (run / "predictions" / "synthetic" / "test" / "translated" / "test-0000.jpg").is_file()

    assert cli("compare", "runs=runs").code == 0
    page = (tmp_path / "report.html").read_text()
    assert "CycleGAN + supervised" in page
    assert "CycleGAN + rendered-he: of the nuclei found without translation" in page
    assert (tmp_path / "report.png").is_file()
