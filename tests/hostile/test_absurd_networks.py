"""A description of a network that no memory holds is refused before any memory is taken for it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from maskless.model_file import Header, read_header, read_weights, write_model

#: Loads a run, then what it is given one after the other, and says of each what came of it.
LOADS = """
import json, resource, sys, time, maskless
from maskless.errors import UserError

def peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

usual, *given = sys.argv[1:]
maskless.load(usual)
for path in given:
    before, began = peak_bytes(), time.process_time()
    try:
        maskless.load(path)
        said = ""
    except UserError as error:
        said = str(error)
    print(json.dumps([said, peak_bytes() - before, time.process_time() - began]))
"""
MOST_BYTES, MOST_S = 32 * 2**20, 1


def with_config(run: Path, to: Path, **method: object) -> Path:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["method"] |= method
    shutil.copytree(run, to)
    (to / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return to


def of_one_number(run: Path, width: int) -> Path:
    """Weights of a network of another width, whose shapes are right and whose memory is a single number's."""
    (file,) = run.glob("checkpoints/best.ckpt")
    held = torch.load(file, weights_only=True)["state_dict"]
    wide = {k: torch.zeros(()).expand([4 * width if n > 3 else n for n in v.shape]) for k, v in held.items()}
    torch.save({"state_dict": wide}, file)
    return run


@pytest.fixture(scope="module")
def found(trained, tmp_path_factory) -> dict[str, tuple[str, int, float]]:
    """By what was asked for: the sentence, and the bytes and seconds that it took."""
    folder = tmp_path_factory.mktemp("absurd")
    header, weights = read_header("rendered-he"), read_weights("rendered-he")

    def model(name: str, **method: object) -> Path:
        changed = Header(**{**vars(header), "method": {**header.method, **method}})
        write_model(folder / f"{name}.safetensors", changed, weights)
        return folder / f"{name}.safetensors"

    translation = {"_target_": "maskless.methods.cyclegan.CycleGAN", "filters": 1, "blocks": 10**6}
    floor = {"_target_": "maskless.methods.threshold.Threshold"}
    asked = {
        "a model's width": model("wide", width=10**6),
        "a model's depth": model("deep", lr=1.0, before=translation),
        "a run's width": with_config(trained, folder / "wide", width=10**6),
        "a run's weights": of_one_number(with_config(trained, folder / "one", width=2000), 2000),
        "a stage of a method that learns nothing": with_config(
            trained, folder / "floor", before={**header.method, "width": 10**6}, **floor
        ),
    }
    words = [sys.executable, "-c", LOADS, str(trained), *map(str, asked.values())]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return dict(zip(asked, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(
    "asked",
    [
        "a model's width",
        "a model's depth",
        "a run's width",
        "a run's weights",
        "a stage of a method that learns nothing",
    ],
)
def test_a_network_far_larger_than_its_weights_is_never_made(found, asked):
    said, bytes_, seconds = found[asked]
    assert "which describes a far larger network: is it of another run, or was it changed?" in said
    assert bytes_ < MOST_BYTES
    assert seconds < MOST_S
