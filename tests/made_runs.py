"""Run directories without the work: what a training or an evaluation leaves, with numbers of our choosing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskless.data.readers.synthetic import Synthetic
from maskless.metrics import STANDARD, aji
from maskless.report.printed import protocols
from maskless.runs import Run
from maskless.signals import Signal
from maskless.writers.labels import write_label_png

TILES = {"train": 1, "val": 1, "test": 5}
SYNTHETIC: Mapping[str, Any] = {
    "_target_": "maskless.data.readers.synthetic.Synthetic",
    "size_px": 64,
    "tiles": TILES,
}


def made_run(
    root: Path,
    method: str = "threshold",
    seed: int = 0,
    scores: Mapping[str, Mapping[str, float]] | None = None,
    source: str = "synthetic",
    part: str = "test",
    state: str = "finished",
    dataset: Mapping[str, Any] | None = None,
    epochs: int = 0,
    data: Mapping[str, Any] | None = None,
    split: str = "official",
    settings: Mapping[str, Any] | None = None,
    annotation: str | None = "none",
    **facts: Any,
) -> Run:
    """A run below `root`/study; `scores` is image -> metric (or metric/definition) -> value.

    It has learnt from the image 'learnt', if it has `epochs`. `settings` are those of its method; `facts` go
    into state.json.
    """
    described = {
        "name": source,
        "split": split,
        "splits": ["official", *(f"fold{k}" for k in range(3))],
        "licence": "CC0",
        "sha256": "0123456789abcdef",
        "parts": {"train": ["learnt"], "val": ["chosen"], part: list(scores or {})},
        "cases": {image: f"case {image}" for image in ("learnt", "chosen", *(scores or {}))},
    }
    run = Run.create(
        root,
        "study",
        f"{method}-{source}-{seed}".replace("/", "_"),
        {
            "seed": seed,
            "choices": {"method": method},
            "method": dict(settings or {}),
            "dataset": dict(dataset or SYNTHETIC),
        },
        ["maskless", "evaluate", f"method={method}", "note=two words"],
        {"main": described} if data is None else data,
        annotation,
    )
    if scores:
        run.add_scores(score_rows(scores, source, part))
    for epoch in range(epochs):
        run.add_metrics(
            {"stage": method, "epoch": epoch, "step": epoch + 1, "loss": 2 / (epoch + 1), "val_aji": 0.1}
        )
    (run.path / "state.json").write_text(json.dumps({"state": state, "time": "2030-01-01T00:00:00", **facts}))
    return run


def multiorgan_names(n: int = 30) -> list[str]:
    """What the images of MultiOrgan are called: the first 14 are its official test part."""
    keys = ("multiorgan_test", "multiorgan_10fold")
    test, every = (p.cases for key in keys for p in protocols() if p.key == key)
    return [f"Organ_{case}-01Z-00-DX1" for case in dict.fromkeys([*test, *every])][:n]


def score_rows(
    scores: Mapping[str, Mapping[str, float]], source: str = "synthetic", part: str = "test"
) -> list[dict[str, Any]]:
    return [
        {
            "source": source,
            "image": image,
            "split": part,
            "metric": metric.partition("/")[0],
            "definition": metric.partition("/")[2] or STANDARD.get(metric, "mine"),
            "region": "all",
            "value": value,
        }
        for image, values in scores.items()
        for metric, value in values.items()
    ]


def predicted_run(root: Path, method: str = "threshold", seed: int = 0, lost: int = 0, **more: Any) -> Run:
    """A run on rendered tiles that has found every nucleus but `lost` of each tile, with its label maps."""
    source = Synthetic(size_px=64, tiles=TILES)
    scores, found = {}, {}
    for item in source.items("test"):
        truth = source.read(item, [Signal.INSTANCES])[Signal.INSTANCES]
        found[item.id] = truth * (truth > lost)
        scores[item.id] = {"aji": aji(truth, found[item.id])}
    run = made_run(root, method, seed, scores, **more)
    folder = run.path / "predictions" / "synthetic" / "test"
    folder.mkdir(parents=True)
    for image, labels in found.items():
        write_label_png(folder / f"{image}.png", labels)
    return run
